"""How fast the engines are, each beside its baseline, all measured in turn in one run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from analysis.model import progress
from analysis.model.examples import ALPHA, TOKENS, flat, three_levels
from simulate.reference import run_cycles
from simulate.sampler import Sampler

FLAT_CYCLES = 100_000_000
NESTED_CYCLES = 500_000
NUMPY_CYCLES = 1_000_000
TORCH_CYCLES = 10_000_000
GPU_CYCLES = 10_000_000_000
REFERENCE_CYCLES = 20_000
DOUBLES = 1_000_000
_DOUBLES_REPEATS = 40


@dataclass(frozen=True)
class EngineSpeed:
    """One engine on one task.

    Attributes:
        per_second: Cycles, review rounds or numbers a second by repeat.
    """

    per_second: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median over the repeats."""
        return float(np.median(self.per_second))

    @property
    def best(self) -> float:
        """Fastest repeat."""
        return max(self.per_second)


def measure(repeats: int, workers: int, device: str) -> dict[str, EngineSpeed]:
    """Measure every engine `repeats` times, in turn, after a warm-up.

    Args:
        repeats: Number of measurements of each.
        workers: Threads of the compiled kernel, which holds no interpreter lock.
        device: For torch, ``cpu`` or ``cuda``.
    """
    from simulate.torch_engine import TorchSampler  # costs a second that no other command should pay

    generator = np.random.default_rng(0)
    doubles = np.empty(DOUBLES)
    torch_flat = TorchSampler(flat(), device)
    torch_cycles = TORCH_CYCLES if device == "cpu" else GPU_CYCLES

    def raw() -> int:
        for _ in range(_DOUBLES_REPEATS):
            generator.random(out=doubles)
        return _DOUBLES_REPEATS * DOUBLES

    def by_torch() -> int:
        return torch_flat.draw((0,), torch_cycles).cycles

    with ThreadPoolExecutor(workers) as pool:
        jobs: dict[str, Callable[[], int]] = {
            "rng_doubles": raw,
            "flat_cycles": _on_threads(pool, workers, Sampler(flat()), FLAT_CYCLES),
            "flat_cycles_one_thread": _on_threads(pool, 1, Sampler(flat()), FLAT_CYCLES),
            "decay_cycles": _on_threads(pool, workers, Sampler(flat({"initial": ALPHA, "decay": 0.9})), FLAT_CYCLES),
            "nested_rounds": _on_threads(pool, workers, Sampler(three_levels()), NESTED_CYCLES, ("a", "b")),
            "numpy_flat_cycles": lambda: _by_numpy(generator),
            "torch_flat_cycles": by_torch,
            "reference_flat_cycles": lambda: run_cycles(flat(), REFERENCE_CYCLES, 0).cycles,
        }
        seconds: dict[str, list[float]] = {name: [] for name in jobs}
        for job in jobs.values():
            job()
        for _ in progress(range(repeats), "measuring", "repeat"):
            for name, job in jobs.items():
                started = time.perf_counter()
                done = job()
                seconds[name].append(done / (time.perf_counter() - started))
    return {name: EngineSpeed(tuple(rates)) for name, rates in seconds.items()}


def _on_threads(
    pool: ThreadPoolExecutor, workers: int, sampler: Sampler, cycles: int, reviewers: tuple[str, ...] = ()
) -> Callable[[], int]:
    """Draw on every thread; counts cycles, or review rounds held by `reviewers`."""

    def draw(worker: int) -> int:
        totals = sampler.draw(("bench", worker), cycles)
        if not reviewers:
            return totals.cycles
        return sum(times for (model, _), times in totals.calls.items() if model in reviewers)

    return lambda: sum(pool.map(draw, range(workers)))


def _by_numpy(generator: np.random.Generator) -> int:
    """The same cycles as NumPy would have them: a table of uniforms, compared, accumulated and counted."""
    survival = ALPHA ** np.arange(1, TOKENS + 1)
    accepted = (generator.random(NUMPY_CYCLES)[:, None] < survival).sum(axis=1)
    return int(np.bincount(accepted, minlength=TOKENS + 1).sum())


def peak_memory_mib() -> float | None:
    """Greatest memory this process has held so far, in MiB; None on Windows, where Python does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def memory_growth(cycles: int) -> tuple[float | None, float | None]:
    """Peak memory in MiB after 10^6 flat cycles and after that many; None where it is not told."""
    sampler = Sampler(flat())
    sampler.draw(("memory", 0), 1_000_000)
    before = peak_memory_mib()
    piece = 1_000_000_000
    for index in progress(range(max(1, cycles // piece)), "memory", "batch"):
        sampler.draw(("memory", index), min(piece, cycles))
    return before, peak_memory_mib()
