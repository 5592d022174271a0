"""Costs from outside as the law of a step's cost, which advice on draft lengths takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast, get_args

from analysis.engines.costs import DRAFTER, TARGET, EngineCosts
from analysis.engines.hardware import PublishedDrafter, published_costs
from analysis.engines.microbenchmark import costs_of_times, read_times
from analysis.engines.step_cost import StepCost
from analysis.model import Affine
from analysis.model.boundary.fields import reject
from analysis.model.records.engine_counters import EngineCounters
from analysis.model.records.uncertainty import cost_error

PUBLISHED = get_args(PublishedDrafter)
"""Names of published costs: of Llama-3.1-8B-Instruct on one H100."""

LONGEST = 64
"""Draft length up to which costs that do not rise straight are tabulated."""
_ROUNDING = 1e-9
"""By how much costs may miss a straight line and be one."""


def named_costs(name: str, batch: int = 1) -> EngineCosts:
    """Costs from elsewhere: published ones by their name, or those of a file of times (`microbenchmark.read_times`).

    Args:
        name: One of `PUBLISHED`, or the path of a file.
        batch: Sequences decoded in step, 1..4096, for published costs; a file has those of its own load.

    Raises:
        InputError: naming the file and what is wrong in it.
    """
    if name in PUBLISHED:
        return published_costs(cast("PublishedDrafter", name), batch=batch)
    if not Path(name).exists():
        reject("costs", name, f"{', '.join(PUBLISHED)}, or a file of times")
    return costs_of_times(*read_times(name), source=f"times of calls in {name}")


def law_of(costs: EngineCosts, counters: EngineCounters | None = None) -> StepCost:
    """The cost of a step by the length of its draft.

    Args:
        costs: Of verification and drafting.
        counters: Tell how many steps have a draft, and how long drafts are that end by themselves; None: all have
            one, and all are as long as they may be. A step without a draft costs what a plain step does.

    Example:
        >>> from analysis.model import Affine
        >>> round(law_of(EngineCosts(Affine(0.99, 0.01), Affine(0.07), "measured")).per_token, 6)
        0.08
    """
    beyond = [costs.drafter.drafting(k) + costs.target.at(k + 1) - 1 for k in range(1, LONGEST + 1)]
    share = 1 - (counters.abstained or 0.0) if counters else 1.0
    longest = counters.own_length if counters else None
    slope = (beyond[-1] - beyond[0]) / (LONGEST - 1)
    fixed = beyond[0] - slope
    error = _relative_error(costs, beyond)
    if any(abs(fixed + slope * k - cost) > _ROUNDING for k, cost in enumerate(beyond, start=1)):
        table = tuple(share * max(0.0, cost) for cost in beyond)
        return StepCost(costs.source, longest=longest, error=error, table=table)
    fixed, slope = (0.0 if abs(part) <= _ROUNDING else part for part in (fixed, slope))
    return StepCost(costs.source, share * max(0.0, fixed), share * max(0.0, slope), longest, error)


def _relative_error(costs: EngineCosts, beyond: list[float]) -> float:
    """Root mean square, over draft lengths, of the standard error of a step's cost beyond 1 over that cost."""
    given = {"models": {name: {"cost": error} for name, error in costs.errors.items()}}
    shares = []
    for k, cost in enumerate(beyond, start=1):
        drafting = (
            k * cost_error(given, DRAFTER, 1) if isinstance(costs.drafter, Affine) else cost_error(given, DRAFTER, k)
        )
        if cost > _ROUNDING:
            shares.append(math.hypot(drafting, cost_error(given, TARGET, k + 1)) / cost)
    return math.sqrt(sum(share**2 for share in shares) / len(shares)) if shares else 0.0
