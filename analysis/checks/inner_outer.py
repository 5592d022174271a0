"""Does the outcome of an inner review predict the outer one?

Along the target's text: y says whether the target accepts drafter d's token, z whether d itself accepted the token of
its own drafter there. Theory that multiplies acceptances takes the two to be independent. Both may be correlated along
the text and differ over prompts, so each prompt counts once: if the two are independent within prompts, a prompt's
covariance of y and z has mean 0, which a t-test over prompts examines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as t_law

from analysis.checks.counts import Vector, interval, ratio
from analysis.checks.traces import ABSTAINED, Bits, Traces
from analysis.checks.verdict import Check


def check_inner_outer(traces: Traces, drafter: str, inner: str, generator: np.random.Generator) -> Check:
    """P(the target accepts the drafter's token | it agreed with its own drafter) against | it did not."""
    tables = two_by_two(traces.sequences((traces.target, drafter)), traces.sequences((drafter, inner)))
    used = tables.sum(axis=(1, 2)) > 1
    tables = tables[used]
    prompts = int(used.sum())
    whole = np.ones((1, prompts))
    enough = prompts > 1
    accepted = tables[:, :, 1].sum(axis=0) / np.maximum(tables.sum(axis=(0, 2)), 1)
    low, high = interval(lambda w: _difference(tables, w), prompts, generator) if enough else _NONE
    odds = interval(lambda w: mantel_haenszel(tables, w), prompts, generator) if enough else _NONE
    return Check(
        "inner-outcome-says-nothing",
        traces.target,
        f"{drafter} over {inner}",
        prompts,
        int(tables.sum()),
        float(_difference(tables, whole)[0]) if prompts else np.nan,
        low,
        high,
        inner_outer_p_value(tables),
        f"P(accepted | {drafter} agreed with {inner}) less P(accepted | it did not), within prompts (Mantel and "
        "Haenszel's weights); t-test of the prompts' covariances",
        {
            "accepted_if_disagreed": float(accepted[0]),
            "accepted_if_agreed": float(accepted[1]),
            "agreed_share": float(tables[:, 1].sum() / tables.sum()) if tables.sum() else np.nan,
            "odds_ratio": float(mantel_haenszel(tables, whole)[0]) if prompts else np.nan,
            "odds_ratio_low": odds[0],
            "odds_ratio_high": odds[1],
        },
    )


_NONE = (float("nan"), float("nan"))


def two_by_two(outer: Sequence[Bits], inner: Sequence[Bits]) -> Vector:
    """Counts by prompt, inner outcome and outer outcome, shape (prompts, 2, 2); where one abstained nothing counts."""
    tables = np.zeros((len(outer), 2, 2))
    for prompt, (y, z) in enumerate(zip(outer, inner, strict=True)):
        both = (y != ABSTAINED) & (z != ABSTAINED)
        np.add.at(tables[prompt], (z[both], y[both]), 1)
    return tables


def inner_outer_p_value(tables: Vector) -> float:
    """Two-sided p-value of a t-test over prompts of n / (n - 1) times the covariance's sum; nan where none varies."""
    n = tables.sum(axis=(1, 2))
    # Sum over tokens of (z - mean z)(y - mean y), made unbiased, from a prompt's table.
    covariance = (tables[:, 1, 1] - tables[:, 1].sum(axis=1) * tables[:, :, 1].sum(axis=1) / n) * n / (n - 1)
    spread = covariance.std(ddof=1) if covariance.size > 1 else 0.0
    if spread == 0:
        return float("nan")
    statistic = covariance.mean() / (spread / np.sqrt(covariance.size))
    return float(2 * t_law.sf(abs(statistic), covariance.size - 1))


def _difference(tables: Vector, weights: Vector) -> Vector:
    """Mantel and Haenszel's risk difference in each bootstrap sample, weights of shape (samples, prompts)."""
    n = tables.sum(axis=(1, 2))
    without, with_ = tables[:, 0].sum(axis=1), tables[:, 1].sum(axis=1)
    parts = (tables[:, 1, 1] * without - tables[:, 0, 1] * with_) / n
    return ratio(weights @ parts, weights @ (without * with_ / n))


def mantel_haenszel(tables: Vector, weights: Vector) -> Vector:
    """Common odds ratio over prompts in each bootstrap sample; nan where no prompt shows the opposite."""
    n = tables.sum(axis=(1, 2))
    for_, against = tables[:, 1, 1] * tables[:, 0, 0] / n, tables[:, 1, 0] * tables[:, 0, 1] / n
    result: Vector = ratio(weights @ for_, weights @ against)
    return result
