"""Is the agreement of one token independent of that of the tokens before?

Given how often a text's tokens agree, independence makes all their orders equally likely. Under such permutations the
sum over neighbours of d_i d_(i+1), with d the deviation from the text's own mean, has a known mean and variance (Wald
and Wolfowitz, 1943), exactly, whatever alpha each prompt has; summed over prompts it is all but normal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from analysis.checks.counts import Vector, interval, ratio
from analysis.checks.traces import ABSTAINED, Bits, Traces
from analysis.checks.verdict import Check
from analysis.model.records.traces import Pair

LAGS = 16
"""Greatest distance at which correlation is reported."""


def check_serial(traces: Traces, pair: Pair, generator: np.random.Generator) -> Check:
    """The correlation of neighbouring tokens of one text."""
    texts = [bits for bits in traces.sequences(pair) if (bits != ABSTAINED).sum() > LEAST_TOKENS]
    prompts = len(texts)
    products, weights = correlation_parts(texts)

    def at_lag(lag: int) -> tuple[float, float, float]:
        part, whole = products[:, lag], weights[:, lag]
        low, high = interval(lambda w: ratio(w @ part, w @ whole), prompts, generator) if prompts > 1 else _NONE
        return float(ratio(part.sum(), whole.sum())), low, high

    found = [at_lag(lag) for lag in range(LAGS)]
    runs, expected_runs = _runs(texts)
    return Check(
        "independent-along-text",
        *pair,
        prompts,
        sum(int((bits != ABSTAINED).sum()) for bits in texts),
        *found[0],
        serial_p_value(texts),
        "correlation of neighbouring tokens within a prompt; exact moments under permutation within prompts",
        {
            "autocorrelation": [
                {"lag": lag + 1, "value": v, "low": a, "high": b} for lag, (v, a, b) in enumerate(found)
            ],
            "runs": runs,
            "expected_runs": expected_runs,
        },
    )


_NONE = (float("nan"), float("nan"))
LEAST_TOKENS = 4


def correlation_parts(texts: Sequence[Bits]) -> tuple[Vector, Vector]:
    """(sum of products, sum of variances) by prompt and lag, whose ratio of sums is the autocorrelation.

    Deviations are from the text's own mean, so a product of two has mean -variance / n even where tokens are
    independent; that is added back, and the expectation of every sum of products is then 0 under independence.
    """
    products, weights = np.zeros((len(texts), LAGS)), np.zeros((len(texts), LAGS))
    for prompt, bits in enumerate(texts):
        deviation, seen = _deviations(bits)
        n = int(seen.sum())
        variance = float((deviation**2).sum()) / (n - 1)
        for lag in range(1, min(LAGS, bits.size - 1) + 1):
            pairs = int((seen[lag:] & seen[:-lag]).sum())
            products[prompt, lag - 1] = float(deviation[lag:] @ deviation[:-lag]) + pairs * variance / n
            weights[prompt, lag - 1] = pairs * variance
    return products, weights


def serial_p_value(texts: Sequence[Bits]) -> float:
    """Two-sided p-value of the neighbours' products against permutations within prompts; nan where nothing varies."""
    excess, variance = 0.0, 0.0
    for bits in texts:
        deviation, seen = _deviations(bits)
        mean, spread = _under_permutation(deviation[seen], seen)
        excess += float(deviation[1:] @ deviation[:-1]) - mean
        variance += spread
    return float(2 * norm.sf(abs(excess) / math.sqrt(variance))) if variance > 0 else math.nan


def _deviations(bits: Bits) -> tuple[Vector, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """(deviation from the mean of the tokens seen, 0 where none was; which were seen)."""
    seen = bits != ABSTAINED
    return np.where(seen, bits - bits[seen].mean(), 0.0), seen


def _under_permutation(values: Vector, seen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[float, float]:
    """Mean and variance of the sum of products of neighbours when centred values are put in random order."""
    n = values.size
    square, fourth = float((values**2).sum()), float((values**4).sum())
    edges = seen[1:] & seen[:-1]
    count = int(edges.sum())
    # Ordered pairs of different edges that share a token, and that share none.
    sharing = 2 * int((edges[1:] & edges[:-1]).sum())
    apart = count * (count - 1) - sharing
    mean = -count * square / (n * (n - 1))
    two = (square**2 - fourth) / (n * (n - 1))
    three = (2 * fourth - square**2) / (n * (n - 1) * (n - 2))
    four = (3 * square**2 - 6 * fourth) / (n * (n - 1) * (n - 2) * (n - 3))
    return mean, max(count * two + sharing * three + apart * four - mean**2, 0.0)


def _runs(texts: Sequence[Bits]) -> tuple[int, float]:
    """Runs of equal outcomes, a text's abstentions left out, and how many independence would give."""
    found, expected = 0, 0.0
    for bits in texts:
        kept = bits[bits != ABSTAINED]
        ones = int((kept == 1).sum())
        found += 1 + int((kept[1:] != kept[:-1]).sum())
        expected += 1 + 2 * ones * (kept.size - ones) / kept.size
    return found, expected
