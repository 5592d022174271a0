"""How long calls take: rows of medians by context and q."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from analysis.model import InputError, progress
from realrun.engine.record import provenance
from realrun.network.device import make_of, wait_for
from realrun.shapes.build import Sizes
from realrun.shapes.catalogue import Shape

FEWEST = 3
"""Timed turns, however long they take."""
EVICTED_BYTES = 2**29
"""What is written between calls to have the last-level cache forget the weights."""


class Calls(Protocol):
    """A network whose calls can be timed at any number of tokens held."""

    mode: str

    def hold(self, tokens: int) -> None:
        """Hold just so many tokens; done before every call, and not timed."""

    def call(self, tokens: int, q: int) -> Tensor:
        """Logits of one call on q tokens after `tokens` held ones, every position judged; shape (q, columns)."""


@dataclass(frozen=True)
class TimingPlan:
    """What to time.

    Attributes:
        q: Numbers of tokens of a call, each >= 1.
        contexts: Numbers of tokens held before it, each >= 1.
        encoded: Tokens that an encoder reads.
        repeats: Timed turns over all of these at most, >= 1; there are fewer where they would take too long.
        seconds: No turn is begun after so many seconds of timed turns, but for the first three.
        cold: Whether caches are made to forget the weights before every call, as the call of a larger model would.
        packing: Whether linear layers may be packed for a CPU.
    """

    q: tuple[int, ...]
    contexts: tuple[int, ...]
    encoded: int
    repeats: int
    seconds: float
    cold: bool = False
    packing: bool = True


def seconds_by_size(
    calls: Calls,
    plan: TimingPlan,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
    network: str = "the network",
) -> dict[tuple[int, int], list[float]]:
    """Seconds of every timed call by (context, q).

    All sizes are timed in turn, in the opposite order every other turn, so that a disturbance meets all alike; the
    first turn, in which a compiler works, counts neither here nor in the plan's seconds.

    Args:
        calls: What is timed.
        plan: Which sizes, how often.
        device: Where the calls run.
        clock: Tells seconds.
        network: What an error calls the network.

    Raises:
        InputError: where logits are not finite, on which some processors are slower or faster.
    """
    sizes = [(context, q) for context in plan.contexts for q in plan.q]
    found: dict[tuple[int, int], list[float]] = {size: [] for size in sizes}
    evicted = torch.ones(EVICTED_BYTES, dtype=torch.uint8, device=device) if plan.cold else None
    began = clock()
    for turn in progress(range(plan.repeats + 1), "timing calls", "turn"):
        if turn == 1:
            began = clock()
        if turn > FEWEST and clock() - began > plan.seconds:
            break
        for context, q in sizes if turn % 2 == 0 else reversed(sizes):
            calls.hold(context)
            if evicted is not None:
                evicted.add_(1)
            wait_for(device)
            started = clock()
            logits = calls.call(context, q)
            wait_for(device)
            elapsed = clock() - started
            if not torch.isfinite(logits).all():
                raise InputError(
                    "logits",
                    f"got some of {network} that are not finite at context {context}, q {q}, "
                    "expected finite ones; try another dtype",
                )
            if turn:
                found[context, q].append(elapsed)
    return found


def row_key(
    shape: Shape, plan: TimingPlan, dtype: torch.dtype, device: torch.device, mode: str, context: int, q: int
) -> dict[str, object]:
    """What a row is of: shape, size of the call, machine and versions; known before anything is timed."""
    return {
        "shape": shape.name,
        "dtype": str(dtype).removeprefix("torch."),
        "device": device.type,
        "device_name": make_of(device),
        "mode": mode,
        "caches": "cold" if plan.cold else "warm",
        "packing": plan.packing,
        "encoded": plan.encoded if shape.kind == "t5" else None,
        "context": context,
        "q": q,
        **provenance(),
    }


def rows(
    shape: Shape, found: Sizes, calls: Calls, plan: TimingPlan, dtype: torch.dtype, device: torch.device, packed: bool
) -> Iterator[dict[str, object]]:
    """One row a context and q, with the median and half the interquartile range of the seconds."""
    dtype_name = str(dtype).removeprefix("torch.")
    timed = seconds_by_size(calls, plan, device, network=f"{shape.name} in {dtype_name}")
    for (context, q), seconds in timed.items():
        low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75])
        yield {
            **row_key(shape, plan, dtype, device, calls.mode, context, q),
            "parameters": found.all,
            "parameters_read": found.read,
            "bytes": found.bytes(dtype),
            "packed": packed,
            "median": float(f"{middle:.4g}"),
            "spread": float(f"{(high - low) / 2:.3g}"),
            "repeats": len(seconds),
        }
