"""Monte Carlo of cascades, independent of the formulas of `analysis`.

What is listed in `__all__` is the package's interface. It is imported when first used, since Numba takes a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulate.api import collect, compare, estimate
    from simulate.estimation import Comparison, Estimate
    from simulate.results import Run, read_runs
    from simulate.sampler import Generation
    from simulate.sweep.task import Task

__all__ = ["Comparison", "Estimate", "Generation", "Run", "Task", "collect", "compare", "estimate", "read_runs"]

_HOMES = {
    "Comparison": "simulate.estimation",
    "Estimate": "simulate.estimation",
    "Generation": "simulate.sampler",
    "Run": "simulate.results",
    "Task": "simulate.sweep.task",
    "collect": "simulate.api",
    "compare": "simulate.api",
    "estimate": "simulate.api",
    "read_runs": "simulate.results",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
