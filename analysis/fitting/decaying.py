"""Decaying hazards of acceptance by maximum likelihood: initial decay^j at position j, with or without a floor.

The errors of the two or three parameters hang together strongly (where `initial` is put too high, `decay` is put too
low), so that their correlation belongs to the entry.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.errors import half_counted, joint, named_errors
from analysis.fitting.likelihood import (
    LEAST_PROMPTS,
    Contributions,
    Maximum,
    log_likelihood,
    maximise,
    pearson,
    robust_covariance,
)
from analysis.fitting.observations import Observations
from analysis.fitting.result import Fit

Vector = NDArray[np.float64]

MOST_DECAY = 4.0
"""Greatest factor a position that a decaying fit considers."""
_MOST_POWER = 1e300
_NAMES = ("initial", "decay", "floor")
_UNKNOWN = 0.5
"""Standard error of a parameter that the counts say nothing of: the greatest that a probability can have."""
_TIE = 1e-9
"""Difference of log-likelihoods, relative to the counts, below which two parameters fit equally well."""


def fit_decaying(observed: Observations, *, floor: bool) -> Fit | None:
    """Hazard min(1, max(floor, initial decay^j)); without `floor` it is 0, so survival is geometric (vLLM PR 38045).

    Where several decays fit equally well, as where every token was accepted, it is the one nearest to 1. None where a
    floor is asked for and the best one lies below every hazard: the model without floor is as good.
    """

    def hazards(parameters: Vector) -> Vector:
        raw = _raw_hazard(parameters, observed.position)
        clipped: Vector = np.clip(raw, parameters[2] if floor else 0.0, 1.0)
        return clipped

    def contributions(parameters: Vector) -> Vector:
        return observed.by_prompt(log_likelihood(observed, hazards(parameters)))

    rate = float(np.clip(observed.accepted.sum() / observed.examined.sum(), 0.01, 0.99))
    starts = [[rate, decay, 0.0] for decay in (0.8, 1.0, 1.1)]
    if floor:
        starts += [[min(1.2 * rate, 0.99), 0.7, share * rate] for share in (0.5, 0.8)]
    size = 3 if floor else 2
    found = maximise(
        contributions,
        [start[:size] for start in starts],
        [(0.0, 1.0), (0.0, MOST_DECAY), (0.0, 1.0)][:size],
        kinks=True,
    )
    if floor and found.parameters[2] <= _raw_hazard(found.parameters, np.array(observed.positions - 1)):
        return None
    parameters = _nearest_to_constant(contributions, found, float(observed.examined.sum()))
    names = _NAMES[:size]
    values = dict(zip(names, parameters.tolist(), strict=True))
    covariance = _covariance(observed, contributions, found, parameters) if observed.counted else None
    return Fit(
        "decaying_floor" if floor else "decaying",
        values,
        None if covariance is None else joint(names, covariance),
        values,
        named_errors(names, None if covariance is None else _plain(observed, found, parameters)),
        found.log_likelihood if observed.counted else None,
        size,
        pearson(observed, hazards(parameters), size),
    )


def _raw_hazard(parameters: Vector, position: NDArray[np.intp]) -> Vector:
    """initial decay^j, held finite where a growing factor overflows far into a draft; it is cut to 1 anyway."""
    with np.errstate(over="ignore"):
        power = np.minimum(np.power(parameters[1], position), _MOST_POWER)
    return np.asarray(parameters[0] * power)


def _nearest_to_constant(contributions: Contributions, found: Maximum, examined: float) -> Vector:
    """The parameters with the decay nearest to 1 that fits as well; only a likelihood that is flat leaves a choice."""
    if np.isfinite(found.covariance).all():
        return found.parameters

    def moved(share: float) -> Vector:
        parameters = found.parameters.copy()
        parameters[1] = 1.0 if share == 1 else parameters[1] + share * (1.0 - parameters[1])
        return parameters

    def as_good(share: float) -> bool:
        return float(contributions(moved(share)).sum()) >= found.log_likelihood - _TIE * examined

    if as_good(1.0):
        return moved(1.0)
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if as_good(middle) else (low, middle)
    return moved(low)


def _covariance(observed: Observations, contributions: Contributions, found: Maximum, parameters: Vector) -> Vector:
    """Covariance of the estimate, robust to prompts that differ where ten or more were told apart."""
    if observed.prompts >= LEAST_PROMPTS and np.isfinite(found.covariance).all():
        robust = robust_covariance(contributions, found)
        if (np.diag(robust) > 0).all():
            return robust
    return _plain(observed, found, parameters)


def _plain(observed: Observations, found: Maximum, parameters: Vector) -> Vector:
    """Inverse observed information; on an edge of the range, where there is none, the expected one.

    For that, hazards of 0 and 1 count half a token more on either side, and a parameter of which the counts say nothing
    has the error 0.5, so that none is taken for certain.
    """
    if np.isfinite(found.covariance).all():
        return found.covariance
    j = observed.position
    examined = np.bincount(j, weights=observed.examined).astype(np.float64)[j]
    raw = _raw_hazard(parameters, j)
    on_floor = raw < parameters[2] if parameters.size == 3 else np.zeros(j.shape, dtype=bool)
    hazards = np.clip(np.where(on_floor, parameters[-1], raw), 0.0, 1.0)
    inner = half_counted(hazards * examined, examined)
    with np.errstate(over="ignore"):
        power = np.minimum(np.power(parameters[1], j), 1.0 / max(float(parameters[0]), 1e-12))
        before = np.minimum(np.power(parameters[1], np.maximum(j - 1, 0)), 1.0 / max(float(parameters[0]), 1e-12))
    slopes = np.stack([~on_floor * power, ~on_floor * parameters[0] * j * before, 1.0 * on_floor])[: parameters.size]
    information = (slopes * (observed.examined / (inner * (1 - inner)))) @ slopes.T
    result: Vector = np.linalg.inv(information + np.eye(parameters.size) / _UNKNOWN**2)
    return result
