"""Exact derivatives of EWIF in every acceptance parameter and every cost of a specification.

Method: forward differentiation with dual numbers through the recursion (no step size, no truncation error). EWIF is
a ratio of polynomials in hazards and costs, so derivatives at the edges 0 and 1 of a hazard are the one-sided ones;
where branches of a decaying hazard meet, the derivative is that of the branch initial * decay^j.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.model import Acceptance, Cascade, Decaying
from analysis.model.hazard import Hazard
from analysis.model.records.uncertainty import Entry, uncertain_entries
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

    First order; errors of one entry have the correlation that is given with them, all others are taken as independent.
    A number without a standard error is taken as known.

    Raises:
        InputError: as `sensitivities`, and where `uncertainty` has no entry to belong to, or another shape than it.
    """
    if cascade.uncertainty is None:
        return None
    entries = list(uncertain_entries(cascade))
    slopes = sensitivities(_decays_kept(cascade, entries))
    variances = []
    for entry in entries:
        paths, covariance = entry.covariance()
        gradient = np.zeros(len(paths))
        own = {slope.keys[3:]: slope.ewif for slope in slopes if slope.keys[:3] == entry.keys}
        for keys, slope in own.items():
            candidates = [i for i, path in enumerate(paths) if _stands_for(keys, path, own)]
            if candidates:
                gradient[max(candidates, key=lambda i: covariance[i, i])] += slope
        variances.append(max(float(gradient @ covariance @ gradient), 0.0))
    return math.sqrt(math.fsum(variances))


def _stands_for(keys: Path, path: Path, own: Collection[Path]) -> bool:
    """Whether the number at `keys` of an entry's canonical form stands for the number with an error at `path`.

    An entry whose parts all mean the same is held as one number, its standard errors still by part; so are the equal
    last numbers of a list, and both types of token where they fare alike. The greatest error then stands for all: no
    less than independent errors of parts come to where EWIF rises, or falls, with all of them.
    """
    if path[: len(keys)] == keys:
        return True
    if path[:1] and path[0] in ("accepted", "corrected") and keys[:1] != path[:1]:
        return _stands_for(keys, path[1:], own)
    if len(keys) != len(path) or not keys or keys[:-1] != path[:-1]:
        return False
    mine, other = keys[-1], path[-1]
    last = isinstance(mine, int) and (*keys[:-1], mine + 1) not in own
    return last and isinstance(mine, int) and isinstance(other, int) and other > mine


def _decays_kept(cascade: Cascade, entries: Sequence[Entry]) -> Cascade:
    """The cascade with hazards that decay by a factor of 1, held as one number elsewhere, where that has an error."""
    rows = {reviewer: dict(row) for reviewer, row in cascade.acceptance.items()}
    for entry in entries:
        part, reviewer, drafter = entry.keys
        if part == "acceptance":
            found = rows[reviewer][drafter]
            parts = entry.value if isinstance(entry.value, Mapping) else {}
            accepted, corrected = (
                _kept(parts.get(key, parts), hazard)
                for key, hazard in (("accepted", found.accepted), ("corrected", found.corrected))
            )
            rows[reviewer][drafter] = Acceptance(accepted, corrected)
    return replace(cascade, acceptance=rows)


def _kept(value: object, hazard: Hazard) -> Hazard:
    if isinstance(value, Mapping) and "initial" in value:
        return Decaying(value["initial"], value["decay"], value["floor"])
    return hazard
