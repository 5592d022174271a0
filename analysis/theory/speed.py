"""How fast the theory is: medians of timed runs, each beside its baseline."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Literal

import numpy as np

from analysis.model import Cascade, Step, acceptances, progress, scalar_models
from analysis.optimum import Problem, optimise
from analysis.optimum.flat import best_flat
from analysis.theory.exact import ewif
from analysis.theory.grid import flat_ewif

GRID = (100, 100, 10)
"""Numbers of alphas, costs and lengths of the grid, all of whose points are computed one by one."""

SINGLE = 50
"""Points of the grid evaluated one at a time for its baseline."""


def bench(repeats: int) -> dict[str, object]:
    """Time every part.

    Args:
        repeats: Timed runs of each part, after one that is not timed; >= 1.

    Returns:
        Medians by name with their unit in it, baselines and the machine.
    """
    points = np.meshgrid(np.linspace(0.05, 1, GRID[0]), np.linspace(0, 0.5, GRID[1]), np.arange(1, GRID[2] + 1))
    alphas, costs, lengths = (values.ravel() for values in points)
    nested = nested_cascade()
    small, large = drafters_problem(3, 16), drafters_problem(6, 32)
    flat = drafters_problem(3, 16)
    parts: dict[str, Callable[[], object]] = {
        "grid": lambda: flat_ewif(alphas, costs, lengths),
        "single": lambda: [ewif(_speculative(a, 0.1, 5)) for a in np.linspace(0.05, 1, SINGLE)],
        "nested": lambda: ewif(nested),
        "small": lambda: optimise(small),
        "large": lambda: optimise(large),
        "flat": lambda: best_flat(flat),
    }
    seconds = {}
    for name, part in progress(parts.items(), "measuring", "part", total=len(parts)):
        seconds[name] = _median_seconds(part, repeats)
    return {
        "grid_evals_per_s": np.prod(GRID).item() / seconds["grid"],
        "single_evals_per_s": SINGLE / seconds["single"],
        "nested_eval_ms": 1e3 * seconds["nested"],
        "optimise_small_s": seconds["small"],
        "optimise_large_s": seconds["large"],
        "optimise_flat_s": seconds["flat"],
        "repeats": repeats,
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "numpy": version("numpy"),
        },
    }


def nested_cascade() -> Cascade:
    """A full cascade of depth 3 that drafts up to 30 tokens a cycle."""
    mag = Step("mag", tokens=3)
    below = Step("b", rounds=2, draft=(mag,))
    draft = (
        Step("a", rounds=2, draft=(below, Step("mag", tokens=2))),
        Step("b", rounds=1, draft=(mag,)),
        Step("mag", tokens=4),
    )
    return Cascade(
        "t",
        scalar_models({"t": 1, "a": 0.2, "b": 0.05, "mag": 0}),
        acceptances({"t": {"a": 0.8, "b": 0.6, "mag": 0.3}, "a": {"b": 0.7, "mag": 0.4}, "b": {"mag": 0.5}}),
        draft,
    )


def drafters_problem(drafters: int, max_tokens: int, max_depth: Literal[1, 2, 3] = 3) -> Problem:
    """A problem whose drafters may all review one another: cheaper ones agree less with everyone."""
    names = [f"d{i}" for i in range(1, drafters + 1)]
    quality = {name: 0.85 - 0.5 * i / drafters for i, name in enumerate(names)}
    costs = {name: 0.25 / 3**i for i, name in enumerate(names)}
    rows: dict[str, dict[str, object]] = {"t": dict(quality)}
    for reviewer in names:
        rows[reviewer] = {by: min(quality[by] + 0.05, 1.0) for by in names if by != reviewer}
    return Problem(Cascade("t", scalar_models({"t": 1, **costs}), acceptances(rows)), max_tokens, max_depth)


def _speculative(alpha: float, c: float, k: int) -> Cascade:
    return Cascade("t", scalar_models({"t": 1, "d": c}), acceptances({"t": {"d": alpha}}), (Step("d", tokens=k),))


def _median_seconds(part: Callable[[], object], repeats: int) -> float:
    part()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        part()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
