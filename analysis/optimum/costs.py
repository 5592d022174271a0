"""Costs as the optimum compares them: in one-token target calls, and no finer than rounding is."""

from __future__ import annotations

import numpy as np

from analysis.optimum.hull import Vector
from analysis.optimum.problem import Problem

DIGITS = 13
"""Significant digits of a cost: more than any is known to, fewer than floating-point division keeps apart.

A specification with all costs in another unit has other last digits, and would break ties in another way.
"""

TIE = 1e-12
"""Relative difference below which two values are equal."""


def rounded(cost: float) -> float:
    """A cost to `DIGITS` significant digits."""
    return float(f"{cost:.{DIGITS - 1}e}")


def relative_cost(problem: Problem, model: str, q: int = 1) -> float:
    """Cost of a call of a model on q tokens, in one-token target calls."""
    cascade = problem.cascade
    return rounded(cascade.cost(model).at(q) / cascade.cost(cascade.target).at(1))


def relative_drafting(problem: Problem, drafter: str, tokens: int) -> float:
    """Cost of drafting so many tokens in one step, in one-token target calls."""
    cascade = problem.cascade
    return rounded(cascade.cost(drafter).drafting(tokens) / cascade.cost(cascade.target).at(1))


def relative_costs(problem: Problem) -> dict[str, float]:
    """Cost of a call on one token by model, in one-token target calls."""
    return {model: relative_cost(problem, model) for model in problem.models}


def first_best(values: Vector) -> int:
    """Index of the first of the greatest values, but for `TIE`."""
    return int(np.flatnonzero(values >= values.max() * (1 - TIE))[0])
