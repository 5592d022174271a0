"""The upper bound of SpecDecode-Bench's own simulator, counted by its rules and with EAGLE's drafting paid for.

Its simulator (https://github.com/SpecDecode-Bench/simulator, arXiv 2601.11580, section on combining methods) knows at
every step how many tokens will be accepted, and drafts so many. For one sequence at a time, by its rules: the prompt's
call is counted, the first step reads the entry of place 0, speedup is the mean over texts of tokens per second over the
same mean without drafts, and "combined" takes the longer of EAGLE's and the copier's length, paid as a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analysis.model.records.length_traces import LengthTrace
from simulate.lengths.costs import H100
from simulate.lengths.rules import COPIER, NETWORK

Price = Callable[[str, int, float], float]
"""Milliseconds of a draft, from the drafter, the tokens of the step and the milliseconds of the target's call."""


def oracle_rows(traces: Sequence[LengthTrace]) -> list[dict[str, Any]]:
    """Speedups of oracles that draft what will be accepted; the last pays for that, by who drafts it."""
    cases: list[tuple[str, tuple[str, ...], Price]] = [
        ("eagle", (NETWORK,), lambda *_: H100.draft),
        ("copy", (COPIER,), _by_drafter),
        ("combined, by its rules", (COPIER, NETWORK), lambda _, tokens, call: H100.copy_share * call),
        ("combined, EAGLE paid", (COPIER, NETWORK), _by_drafter),
    ]
    return [
        {"kind": "oracle", "oracle": name, "number": len(traces), "speedup": oracle_speedup(traces, drafters, price)}
        for name, drafters, price in cases
    ]


def oracle_speedup(traces: Sequence[LengthTrace], drafters: tuple[str, ...], price: Price) -> float:
    """Speedup of drafting, at every step, just what the better of some drafters will get accepted.

    Args:
        traces: The texts.
        drafters: Among which each step takes the one with more tokens, the first of equals.
        price: Of a draft.
    """
    rates = []
    for trace in traces:
        lengths = [np.array(trace.lengths[name]) for name in drafters]
        n = min(map(len, lengths))
        table = np.array([each[:n] for each in lengths])
        rates.append((n / _plain(trace, n), n / _drafted(trace, table, drafters, price)))
    plain, drafted = np.array(rates).mean(axis=0)
    return float(drafted / plain)


def _by_drafter(drafter: str, tokens: int, call: float) -> float:
    """Nothing where nothing will be accepted, and so nothing is drafted."""
    if tokens == 1:
        return 0.0
    return H100.draft if drafter == NETWORK else H100.copy_share * call


def _call(held: int, fed: int) -> float:
    return H100.call + H100.per_held * held + H100.per_fed * fed


def _plain(trace: LengthTrace, tokens: int) -> float:
    prompt = len(trace.prompt)
    steps = sum(_call(prompt + i, 1) + H100.overhead for i in range(1, tokens))
    return _call(0, prompt) + H100.overhead + steps


def _drafted(
    trace: LengthTrace, table: np.ndarray[Any, np.dtype[np.int64]], drafters: tuple[str, ...], price: Price
) -> float:
    prompt, tokens = len(trace.prompt), table.shape[1]
    spent, written = _call(0, prompt) + H100.overhead, 1
    while written < tokens:
        best = int(np.argmax(table[:, written - 1]))
        length = int(table[best, written - 1])
        call = _call(prompt + written, length)
        spent += call + price(drafters[best], length, call) + H100.overhead
        written += length
    return spent
