"""Standard errors of fitted numbers: proportions, hazards by position, and how errors of one fit hang together.

No error is ever 0: a proportion of 0 or 1 has that of half a count more on either side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.likelihood import LEAST_PROMPTS
from analysis.fitting.observations import Observations

Vector = NDArray[np.float64]

_NOTHING = 1e-9
"""Share of a plain error below which a robust one is rounding: prompts that all show one proportion."""


def half_counted(accepted: Vector, examined: Vector) -> Vector:
    """Proportions; where less than half a count lies on a side, half a count more on either, so that none is 0 or 1."""
    edge = np.minimum(accepted, examined - accepted) < 0.5
    result: Vector = np.where(edge, (accepted + 0.5) / (examined + 1), accepted / examined)
    return result


def proportions(observed: Observations, group: NDArray[np.intp]) -> tuple[Vector, list[float], list[float] | None]:
    """Proportion accepted in each group of cells, with its standard errors.

    Returns:
        (hazards, standard errors of binomial trials, standard errors robust to prompts that differ); the last falls
        back to the binomial ones where fewer than ten prompts were told apart, and is None for mere rates. With a
        proportion of 0 or 1 the binomial error is that of half a count more on either side, never 0.
    """
    examined = np.bincount(group, weights=observed.examined).astype(np.float64)
    accepted = np.bincount(group, weights=observed.accepted).astype(np.float64)
    hazards = accepted / examined
    inner = half_counted(accepted, examined)
    errors = np.sqrt(inner * (1 - inner) / examined)
    if not observed.counted:
        return hazards, errors.tolist(), None
    if observed.prompts < LEAST_PROMPTS:
        return hazards, errors.tolist(), errors.tolist()
    excess = np.zeros((observed.prompts, examined.size))
    np.add.at(excess, (observed.prompt, group), observed.accepted - observed.examined * hazards[group])
    correction = observed.prompts / (observed.prompts - 1)
    robust = np.sqrt(correction * (excess**2).sum(axis=0)) / examined
    return hazards, errors.tolist(), np.where(robust > _NOTHING * errors, robust, errors).tolist()


def by_position(observed: Observations, values: Sequence[float]) -> list[float]:
    """Values of the positions examined, written out for all positions; one never examined has the value before it."""
    seen = np.unique(observed.position)
    listed = np.maximum(np.searchsorted(seen, np.arange(seen[-1] + 1), side="right") - 1, 0)
    return [values[i] for i in listed]


def hazard_uncertainty(observed: Observations, covariance: Vector | None, positions: int) -> dict[str, object]:
    """Entry for `uncertainty` of a model's hazards by position.

    Args:
        observed: The counts.
        covariance: Of the hazards by the model, shape (positions, positions); None where a parameter sits on the edge
            of its range, so that the model has none: every position then has the error of its own proportion.
        positions: Number of hazards.
    """
    index = np.unique(observed.position, return_inverse=True)[1]
    own = by_position(observed, proportions(observed, index)[1])
    own += own[-1:] * (positions - len(own))
    least = np.diag(np.square(own[:positions]))
    if covariance is None or not (np.diag(covariance) > _NOTHING**2 * np.diag(least)).all():
        return joint("per_position", least)
    return joint("per_position", covariance)


def joint(names: str | Sequence[str], covariance: Vector) -> dict[str, object]:
    """Entry for `uncertainty` of numbers with this covariance: their errors, and the correlation where there is any.

    Args:
        names: The list's key, or the key of each number.
        covariance: Shape (n, n), with a positive diagonal.
    """
    errors = np.sqrt(np.diag(covariance))
    listed = {names: errors.tolist()} if isinstance(names, str) else dict(zip(names, errors.tolist(), strict=True))
    correlation = np.clip(covariance / errors[:, None] / errors[None, :], -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    if np.abs(correlation - np.eye(errors.size)).max(initial=0.0) == 0:
        return listed
    return {**listed, "correlation": ((correlation + correlation.T) / 2).tolist()}


def named_errors(names: Sequence[str], covariance: Vector | None) -> Mapping[str, float | None]:
    """Standard error by name; None for a number without one."""
    if covariance is None:
        return dict.fromkeys(names)
    return {name: float(v) ** 0.5 if v >= 0 else None for name, v in zip(names, np.diag(covariance), strict=True)}
