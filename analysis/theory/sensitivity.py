"""Exact derivatives of EWIF in every acceptance parameter and every cost of a specification.

Method: forward differentiation with dual numbers through the recursion (no step size, no truncation error). EWIF is
a ratio of polynomials in hazards and costs, so derivatives at the edges 0 and 1 of a hazard are the one-sided ones;
where branches of a decaying hazard meet, the derivative is that of the branch initial * decay^j.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.model import Cascade
from analysis.model.records.uncertainty import uncertain_entries
from analysis.theory.joint import JointRounds
from analysis.theory.parameters import Parameters, Path


@dataclass(frozen=True)
class Sensitivity:
    """Derivatives in one number of the specification.

    Attributes:
        keys: Keys and indices that lead to the number in the specification.
        path: The same in one string, as in ``acceptance.t.d1.per_position[2]``.
        value: The number.
        ewif: d EWIF / d number.
        tokens_per_cycle: d E[tokens] / d number.
        cost_per_cycle: d E[cost] / d number, cost in one-token target calls (the target's unit moves with its cost).
    """

    keys: Path
    path: str
    value: float
    ewif: float
    tokens_per_cycle: float
    cost_per_cycle: float


def sensitivities(cascade: Cascade) -> list[Sensitivity]:
    """Derivatives in every number that the cascade's draft reads.

    Raises:
        InputError: where a pair that the draft uses has no acceptance, or a model that is called no cost.
    """
    parameters = Parameters(cascade, differentiate=True)
    law = JointRounds(cascade, parameters, orders=2).cycle()
    tokens = law[0] @ np.arange(1, law.shape[-1] + 1)
    raw_cost = law[1].sum(axis=-1)
    unit = parameters.costs(cascade.target, [1])[:, 0]
    cost = raw_cost / unit[0]
    cost[1:] -= cost[0] * unit[1:] / unit[0]
    ewif = tokens[0] / cost[0]
    derivative = (tokens[1:] - ewif * cost[1:]) / cost[0]
    return [
        Sensitivity(parameter.keys, parameter.path, parameter.value, float(d), float(dt), float(dc))
        for parameter, d, dt, dc in zip(parameters.listed, derivative, tokens[1:], cost[1:], strict=True)
    ]


def standard_error(cascade: Cascade) -> float | None:
    """Standard error of EWIF from the specification's `uncertainty` by the delta method; None without it.

    First order, errors taken as independent; a number without a standard error is taken as known.

    Raises:
        InputError: as `sensitivities`, and where `uncertainty` has no entry to belong to, or another shape than it.
    """
    if cascade.uncertainty is None:
        return None
    entries: dict[Path, object] = {entry.keys: entry.errors for entry in uncertain_entries(cascade)}
    errors = [(s.ewif, _standard_error_at(entries.get(s.keys[:3]), s.keys[3:])) for s in sensitivities(cascade)]
    return math.sqrt(math.fsum((slope * error) ** 2 for slope, error in errors))


def _standard_error_at(errors: object, keys: Sequence[str | int]) -> float:
    """The standard error of the number at `keys` of an entry; 0 where it has none.

    An entry whose parts all mean the same is held as one number, its standard errors still by part. The greatest then
    stands for it: no less than independent errors of parts come to where EWIF rises, or falls, with all of them.
    """
    for key in keys:
        if isinstance(errors, Mapping):
            errors = errors.get(str(key))
        elif isinstance(errors, Sequence) and isinstance(key, int):
            errors = errors[key]
    if isinstance(errors, Mapping):
        return max((_standard_error_at(part, ()) for part in errors.values()), default=0.0)
    if isinstance(errors, Sequence):
        return max((_standard_error_at(part, ()) for part in errors), default=0.0)
    return float(errors) if isinstance(errors, (int, float)) else 0.0
