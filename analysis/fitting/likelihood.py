"""Likelihood of reviews, its maximum, and the covariance of the estimate: what all models share.

Each examined token is a Bernoulli trial given those before it, so the likelihood of a model with hazards h is
prod h^accepted (1 - h)^(examined - accepted) over cells, whatever rule decided how much was drafted or when to stop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from scipy.special import xlog1py, xlogy
from scipy.stats import chi2

from analysis.fitting.observations import Observations
from analysis.fitting.result import GoodnessOfFit

Vector = NDArray[np.float64]
Contributions = Callable[[Vector], Vector]
"""Log-likelihood of each prompt at given parameters."""

LEAST_PROMPTS = 10
"""Prompts from which on standard errors allow for prompts that differ."""
_LEAST_EXPECTED = 5.0
_STEP = 1e-4


@dataclass(frozen=True)
class Maximum:
    """A maximum of a likelihood.

    Attributes:
        parameters: Where it is, shape (n,).
        log_likelihood: Its value.
        covariance: Inverse observed information, shape (n, n); rows and columns of parameters at the edge of their
            range are nan, as all are where the information is singular.
    """

    parameters: Vector
    log_likelihood: float
    covariance: Vector


def log_likelihood(observed: Observations, hazards: Vector) -> Vector:
    """Log-likelihood of each cell at its hazard."""
    rejected = observed.examined - observed.accepted
    result: Vector = xlogy(observed.accepted, hazards) + xlog1py(rejected, -hazards)
    return result


def maximise(
    contributions: Contributions,
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
    *,
    kinks: bool = False,
) -> Maximum:
    """The greatest maximum found from several starts by a quasi-Newton method.

    Args:
        contributions: Log-likelihood of each prompt.
        starts: Parameters to start from, at least one.
        bounds: Range of each parameter.
        kinks: Whether the likelihood has kinks; a simplex search, which crosses them, then goes on from the best.
    """
    low, high = np.array(bounds).T

    def loss(parameters: Vector) -> float:
        value = float(contributions(np.clip(parameters, low, high)).sum())
        return -value if math.isfinite(value) else 1e300

    best = None
    for start in starts:
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-6})
        if best is None or found.fun < best.fun:
            best = found
    assert best is not None
    if kinks:
        options = {"xatol": 1e-9, "fatol": 1e-10, "maxiter": 2000}
        best = min(best, minimize(loss, best.x, method="Nelder-Mead", bounds=bounds, options=options), key=_loss_of)
    parameters = np.clip(best.x, low, high)
    total = float(contributions(parameters).sum())
    return Maximum(parameters, total, _covariance(contributions, parameters, low, high))


def _loss_of(found: OptimizeResult) -> float:
    return float(found.fun)


def _covariance(contributions: Contributions, at: Vector, low: Vector, high: Vector) -> Vector:
    """Inverse of minus the Hessian by central differences, over the parameters inside their range."""
    result = np.full((at.size, at.size), np.nan)
    free = np.flatnonzero(np.minimum(at - low, high - at) > 2 * _STEP)

    def value(*shifts: tuple[np.intp, float]) -> float:
        moved = at.copy()
        for index, shift in shifts:
            moved[index] += shift
        return float(contributions(moved).sum())

    h = _STEP
    hessian = np.empty((free.size, free.size))
    for row, i in enumerate(free):
        for column, j in enumerate(free[: row + 1]):
            corners = value((i, h), (j, h)) - value((i, h), (j, -h)) - value((i, -h), (j, h)) + value((i, -h), (j, -h))
            hessian[row, column] = hessian[column, row] = corners / (4 * h * h)
    if free.size and np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian).max() < 0:
        result[np.ix_(free, free)] = np.linalg.inv(-hessian)
    return result


def scores(contributions: Contributions, at: Vector, free: NDArray[np.intp]) -> Vector:
    """Derivatives of each prompt's log-likelihood in the free parameters, shape (prompts, free)."""
    columns = []
    for i in free:
        step = np.zeros_like(at)
        step[i] = _STEP
        columns.append((contributions(at + step) - contributions(at - step)) / (2 * _STEP))
    return np.stack(columns, axis=1) if columns else np.zeros((contributions(at).size, 0))


def robust_covariance(contributions: Contributions, maximum: Maximum) -> Vector:
    """Sandwich covariance: prompts are independent, tokens of one prompt need not be (Huber, White)."""
    inverse = maximum.covariance
    free = np.flatnonzero(np.isfinite(np.diag(inverse)))
    found = scores(contributions, maximum.parameters, free)
    prompts = found.shape[0]
    result = np.full_like(inverse, np.nan)
    bread = inverse[np.ix_(free, free)]
    result[np.ix_(free, free)] = bread @ found.T @ found @ bread * prompts / max(prompts - 1, 1)
    return result


def propagated(function: Callable[[Vector], Vector], at: Vector, covariance: Vector) -> Vector | None:
    """Covariance of a function of the estimate (delta method); parameters without an error are held fixed.

    None where no parameter has an error.
    """
    free = np.flatnonzero(np.isfinite(np.diag(covariance)))
    if free.size == 0:
        return None
    columns = []
    for i in free:
        step = np.zeros_like(at)
        step[i] = _STEP
        columns.append((function(at + step) - function(at - step)) / (2 * _STEP))
    slopes = np.array(columns).T
    result: Vector = slopes @ covariance[np.ix_(free, free)] @ slopes.T
    return result


def pearson(observed: Observations, hazards: Vector, free: int) -> GoodnessOfFit | None:
    """Pearson's test of the accepted counts by type and position, at the hazard of each cell.

    Neighbouring positions are joined until five acceptances and five rejections are expected in each group. None
    where the groups leave no degrees of freedom.
    """
    if not observed.counted:
        return None
    groups: list[list[float]] = []
    for corrected in (False, True):
        chosen = observed.corrected == corrected
        first_group = len(groups)
        open_group = [0.0, 0.0, 0.0, 0.0]  # accepted, expected accepted, expected rejected, variance
        for position in np.unique(observed.position[chosen]):
            cells = chosen & (observed.position == position)
            n, h = observed.examined[cells], hazards[cells]
            parts = (observed.accepted[cells], n * h, n * (1 - h), n * h * (1 - h))
            open_group = [total + float(part.sum()) for total, part in zip(open_group, parts, strict=True)]
            if min(open_group[1:3]) >= _LEAST_EXPECTED:
                groups.append(open_group)
                open_group = [0.0, 0.0, 0.0, 0.0]
        if len(groups) > first_group:
            groups[-1] = [a + b for a, b in zip(groups[-1], open_group, strict=True)]
        elif open_group[3] > 0:
            groups.append(open_group)
    degrees = len(groups) - free
    if degrees <= 0:
        return None
    statistic = sum((accepted - expected) ** 2 / variance for accepted, expected, _, variance in groups)
    return GoodnessOfFit(
        "Pearson, accepted tokens by type and position", statistic, degrees, float(chi2.sf(statistic, degrees))
    )
