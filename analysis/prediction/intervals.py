"""How far a predicted speedup may be off because acceptances and call times are known from a sample only.

The delta method on the logarithm of the speedup. Acceptances move together as prompts are drawn again: the covariances
of all pairs' first-token acceptances (on the logit scale) are bootstrapped over prompts, and every position of a pair
moves with its first. Costs move by the relative standard errors of `uncertainty`, each model's alike for all q; the
target's one-token call is the unit and is certain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from analysis.model import Acceptance, Affine, ByDraft, Cascade, Cost, PerPosition, Tabulated, longest
from analysis.model.hazard import Hazard
from analysis.model.records.calibration_parts import Pair
from analysis.model.records.uncertainty import relative_cost_error
from analysis.model.resampling import prompt_weights
from analysis.prediction.prompts import Prompts
from analysis.prediction.specifications import used_models, used_pairs, with_acceptance, with_cost
from analysis.theory.exact import ewif

NORMAL_95 = 1.959963984540054
RESAMPLES = 2000
EDGE = 0.001
"""Acceptance in a resample is kept this far from 0 and 1."""

_STEP = 0.02
_SIZES = 16


class Errors:
    """Errors of a calibration's acceptances and costs.

    Args:
        prompts: Its counts by prompt.
        uncertainty: Its standard errors, as in a specification.
        seed: Of the bootstrap.
    """

    def __init__(self, prompts: Prompts, uncertainty: Mapping[str, object] | None, seed: int) -> None:
        self._uncertainty = uncertainty or {}
        drawn = prompt_weights(prompts.count, RESAMPLES, np.random.default_rng(seed))
        self._draws = {pair: _resampled(prompts, pair, drawn) for pair in prompts.examined}

    def interval(self, cascade: Cascade, speedup: float) -> tuple[float, float]:
        """95 % interval of a speedup that has the sensitivities of this cascade's EWIF."""
        half = NORMAL_95 * math.sqrt(self._variance(cascade))
        return speedup * math.exp(-half), speedup * math.exp(half)

    def _variance(self, cascade: Cascade) -> float:
        """Of the logarithm of the EWIF."""
        pairs = [pair for pair in used_pairs(cascade) if pair in self._draws]
        slopes = [_slope(partial(_moved, cascade, pair)) for pair in pairs]
        variance = 0.0
        if pairs:
            covariance = np.atleast_2d(np.cov(np.stack([self._draws[pair] for pair in pairs])))
            variance = float(np.array(slopes) @ covariance @ np.array(slopes))
        for name in used_models(cascade):
            error = self._relative(cascade, name)
            if error > 0:
                variance += (_slope(partial(_dearer, cascade, name)) * error) ** 2
        return max(variance, 0.0)

    def _relative(self, cascade: Cascade, name: str) -> float:
        """Root mean square relative standard error of a model's costs over short calls."""
        return relative_cost_error(cascade, name, range(1, _SIZES + 1), self._uncertainty)


def _resampled(prompts: Prompts, pair: Pair, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logit of a pair's acceptance in each resample of prompts."""
    examined = weights @ prompts.examined[pair]
    rates = (weights @ prompts.accepted[pair]) / np.maximum(examined, 1.0)
    draws: NDArray[np.float64] = logit(np.clip(np.where(examined > 0, rates, 0.5), EDGE, 1 - EDGE))
    return draws


def _slope(moved: Callable[[float], Cascade]) -> float:
    """Derivative of log EWIF by a central difference."""
    return (math.log(ewif(moved(_STEP))) - math.log(ewif(moved(-_STEP)))) / (2 * _STEP)


def _moved(cascade: Cascade, pair: Pair, step: float) -> Cascade:
    """Every hazard of a pair moved on the logit scale."""
    found = cascade.pair(*pair)
    top = longest(cascade.draft)
    both = (_on_logit_scale(hazard, step, top) for hazard in (found.accepted, found.corrected))
    return with_acceptance(cascade, pair, Acceptance(*both))


def _on_logit_scale(hazard: Hazard, step: float, top: int) -> PerPosition:
    values = [hazard.at(j) for j in range(min(top, 64))]
    moved = (h if h in (0.0, 1.0) else 1 / (1 + (1 - h) / h * math.exp(-step)) for h in values)
    return PerPosition(tuple(moved), "last")


def _dearer(cascade: Cascade, name: str, step: float) -> Cascade:
    """Every cost of a model multiplied by 1 + step, but for the target's one-token call."""
    cost, factor = cascade.cost(name), 1 + step
    raised: Cost
    assert not isinstance(cost, ByDraft)  # a calibration has none
    if isinstance(cost, Affine):
        raised = Affine(cost.fixed * factor, cost.per_token * factor)
    else:
        raised = replace(cost, by_tokens=tuple(t * factor for t in cost.by_tokens))
    if name == cascade.target:
        top = longest(cascade.draft) + 1
        raised = Tabulated((cost.at(1), *(cost.at(q) * factor for q in range(2, top + 1))))
    return with_cost(cascade, name, raised)
