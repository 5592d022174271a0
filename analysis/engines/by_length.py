"""EWIF by draft length from acceptance by position, with intervals from what was counted and how costs are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.engines.step_cost import StepCost
from analysis.model.records.engine_counters import LEAST_REQUESTS
from analysis.model.records.position_rates import PositionRate
from analysis.model.resampling import interval_95, prompt_weights
from analysis.theory.by_length import NEAR

DRAWS = 4000
_SEED = 0


@dataclass(frozen=True)
class LengthEstimate:
    """EWIF of one draft length under one law of costs.

    Attributes:
        tokens: Draft length k; 0 is decoding without speculation.
        ewif: Expected speedup.
        low: Lower end of its 95 % interval; None where only rates are known.
        high: Upper end.
        tokens_per_step: Expected tokens of a step, 1 + the sum of survivals.
        cost_per_step: Cost of a step, in steps without speculation.
        is_best: Whether no other length is better.
        is_near: Whether it lies within 1 % of the best.
        best_share: Share of draws in which it is the best; None where only rates are known.
    """

    tokens: int
    ewif: float
    low: float | None
    high: float | None
    tokens_per_step: float
    cost_per_step: float
    is_best: bool
    is_near: bool
    best_share: float | None


def estimates(
    rates: Sequence[PositionRate],
    cost: StepCost,
    *,
    is_one_number: bool = False,
    by_request: Sequence[Sequence[float]] = (),
) -> list[LengthEstimate]:
    """EWIF for every draft length from 0 to as many positions as are known.

    EWIF(k) = (1 + sum over j < k of S_j) / C(k), with S_j the product of hazards up to j (Leviathan et al. 2023 with
    hazards by position). Intervals are percentiles of draws of the hazards from their beta laws, each position by
    itself, or of requests with replacement where enough are told apart; and of the costs from a normal law.

    Args:
        rates: Acceptance by position, over all steps.
        cost: Law of the step's cost.
        is_one_number: Whether all positions have the acceptance that one mean tells, so that they err together.
        by_request: Drafts and accepted by position of each request, as `EngineCounters` has them.

    >>> from analysis.model.records.position_rates import rates_of_shares
    >>> rows = estimates(tuple(rates_of_shares([0.8, 0.6])), StepCost("each token costs .1", per_token=0.1))
    >>> [round(row.ewif, 4) for row in rows]
    [1.0, 1.6364, 2.0]
    """
    lengths = np.arange(len(rates) + 1, dtype=np.float64)
    tokens = _tokens(np.array([rate.hazard for rate in rates])[None, :])[0]
    costs = cost.at(lengths)
    values = tokens / costs
    generator = np.random.default_rng(_SEED)
    hazards = _drawn_hazards(rates, generator, is_one_number, by_request)
    factor = np.maximum(0.0, 1 + cost.error * generator.standard_normal((DRAWS, 1)))
    drawn = None if hazards is None else _tokens(hazards) / cost.at(lengths, factor)
    best = float(values.max())
    shares = None if drawn is None else np.bincount(drawn.argmax(axis=1), minlength=lengths.size) / len(drawn)
    found = []
    for k in range(lengths.size):
        low, high = (None, None) if drawn is None else interval_95(drawn[:, k])
        found.append(
            LengthEstimate(
                k,
                float(values[k]),
                low,
                high,
                float(tokens[k]),
                float(costs[k]),
                bool(values[k] == best),
                bool(values[k] >= (1 - NEAR) * best),
                None if shares is None else float(shares[k]),
            )
        )
    return found


def best_of(rows: Sequence[LengthEstimate]) -> LengthEstimate:
    """The best length, the shorter of two alike."""
    return next(row for row in rows if row.is_best)


def _drawn_hazards(
    rates: Sequence[PositionRate],
    generator: np.random.Generator,
    is_one_number: bool,
    by_request: Sequence[Sequence[float]],
) -> NDArray[np.float64] | None:
    """Hazards in each draw, shape (draws, positions); None where only rates are known."""
    laws = [rate.posterior for rate in rates]
    if None in laws:
        return None
    if len(by_request) >= LEAST_REQUESTS:
        table = np.zeros((len(by_request), len(rates) + 1))
        for row, counts in zip(table, by_request, strict=True):
            row[: min(len(counts), row.size)] = counts[: row.size]
        sums = prompt_weights(len(table), DRAWS, generator) @ table
        resampled: NDArray[np.float64] = (sums[:, 1:] + 0.5) / (sums[:, :-1] + 1)
        return resampled
    a, b = np.array(laws).T
    hazards = generator.beta(a, b, size=(DRAWS, len(rates)))
    return np.repeat(hazards[:, :1], len(rates), axis=1) if is_one_number else hazards


def _tokens(hazards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tokens of a step by draft length, shape (draws, positions + 1)."""
    survival = np.cumprod(hazards, axis=1)
    first = np.ones((len(hazards), 1))
    return np.cumsum(np.concatenate([first, survival], axis=1), axis=1)
