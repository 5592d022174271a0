"""Costs from outside as the law of a step's cost, which advice on draft lengths takes."""

from __future__ import annotations

from analysis.engines.costs import DRAFTER, EngineCosts
from analysis.engines.step_cost import StepCost
from analysis.model import InputError

_STRAIGHT, _ROUNDING = 16, 1e-9
"""Draft lengths up to which costs must rise straight to be a law of two numbers, and by how much they may miss it."""


def law_of(costs: EngineCosts, share: float = 1.0, longest: float | None = None) -> StepCost:
    """The cost of a step by the length of its draft.

    Args:
        costs: Of verification and drafting.
        share: Share of steps that have a draft, in (0, 1]; others cost what a plain step does.
        longest: Mean length of drafts that end by themselves; None where all are as long as they may be.

    Raises:
        InputError: where costs do not rise straight with the length of the draft.

    Example:
        >>> from analysis.model import Affine
        >>> round(law_of(EngineCosts(Affine(0.99, 0.01), Affine(0.07), "measured")).per_token, 6)
        0.08
    """
    beyond = [costs.drafter.drafting(k) + costs.target.at(k + 1) - 1 for k in range(1, _STRAIGHT + 1)]
    slope = (beyond[-1] - beyond[0]) / (_STRAIGHT - 1)
    fixed = beyond[0] - slope
    if any(abs(fixed + slope * k - cost) > _ROUNDING for k, cost in enumerate(beyond, start=1)):
        raise InputError("costs", f"do not rise straight with the draft ({costs.source}), expected costs that do")
    fixed, slope = (0.0 if abs(part) <= _ROUNDING else part for part in (fixed, slope))
    error = costs.errors.get(DRAFTER)
    relative = float(error) / slope if isinstance(error, (int, float)) and slope and not fixed else 0.0
    return StepCost(costs.source, share * max(0.0, fixed), share * slope, longest, relative)
