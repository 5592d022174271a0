"""Is the hazard constant in position, that is, does acceptance decay exponentially?

A draft that starts somewhere in a text reaches position j by j agreements in a row. So the hazard at position j is
P(the next token agrees | at least j agreements right before it), and it is constant if and only if P(the next token
agrees | exactly r agreements right before it) is the same g for all r. The second form counts every token once. With
E_pr tokens of prompt p after r agreements and A_pr of them agreeing, E[A_pr - g E_pr] = 0; the test holds these scores,
cleared of the estimation of g, against zero across prompts (Hotelling's T^2): whatever else goes on inside a prompt,
the prompts are independent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import f as f_law

from analysis.checks.counts import Vector, count_positions, interval, ratio, runs_ahead
from analysis.checks.traces import ABSTAINED, Bits, Traces
from analysis.checks.verdict import Check
from analysis.model.records.traces import Pair

POSITIONS = 30
"""Drafted tokens followed, as in the paper's figure of acceptance by position."""

LATE = 3
"""The first position whose hazard counts as late."""

_EDGES = (0, 1, 2, 4, 8, 16)
_LEAST_OUTCOMES = 50
"""Agreements and disagreements that a group of numbers of agreements before must hold; later groups are joined else."""


def check_constant_hazard(traces: Traces, pair: Pair, generator: np.random.Generator) -> Check:
    """The pooled hazard by position: is it one number?"""
    texts = [bits for bits in traces.sequences(pair) if (bits != ABSTAINED).any()]
    counts = count_positions(texts, POSITIONS)
    examined, accepted = counts.examined, counts.accepted
    prompts = len(texts)

    def rise(weights: Vector) -> Vector:
        late = ratio(weights @ accepted[:, LATE:].sum(axis=1), weights @ examined[:, LATE:].sum(axis=1))
        return late - ratio(weights @ accepted[:, 0], weights @ examined[:, 0])

    low, high = interval(rise, prompts, generator) if prompts > 1 else (np.nan, np.nan)
    return Check(
        "constant-hazard",
        *pair,
        prompts,
        int(examined[:, 0].sum()),
        float(rise(np.ones((1, prompts)))[0]) if prompts else np.nan,
        low,
        high,
        constant_hazard_p_value(*counts_by_run(texts)),
        f"hazard after {LATE} or more accepted tokens less the first token's; Hotelling's test that the agreements "
        "right before a token say nothing, prompts independent",
        {"hazards": counts.hazards.tolist(), "examined": examined.sum(axis=0).tolist()},
    )


def counts_by_run(texts: Sequence[Bits]) -> tuple[Vector, Vector]:
    """(tokens, agreeing tokens) by prompt and by groups of the number of agreements right before, each token once."""
    groups = len(_EDGES)
    examined, accepted = np.zeros((len(texts), groups)), np.zeros((len(texts), groups))
    for prompt, bits in enumerate(texts):
        before = runs_ahead(bits[::-1])[::-1]  # agreements in a row that end at each token
        before = np.concatenate([[0], before[:-1]])
        group = np.searchsorted(_EDGES, before, side="right") - 1
        examined[prompt] = np.bincount(group[bits != ABSTAINED], minlength=groups)
        accepted[prompt] = np.bincount(group[bits == 1], minlength=groups)
    return examined, accepted


def constant_hazard_p_value(examined: Vector, accepted: Vector) -> float:
    """P-value of the test, from counts of shape (prompts, groups); nan where too little was seen."""
    e, a = _joined(examined, accepted)
    if e.shape[1] < 2:
        return float("nan")
    residuals = a - e * a.sum() / e.sum()
    shares = e.sum(axis=0) / e.sum()
    # What a prompt adds to the scores, less what it adds through the estimated hazard; one score follows from the rest.
    scores = (residuals - shares * residuals.sum(axis=1, keepdims=True))[:, :-1]
    n, free = scores.shape
    if n <= free + 1:
        return float("nan")
    mean, covariance = scores.mean(axis=0), np.atleast_2d(np.cov(scores, rowvar=False))
    if np.linalg.matrix_rank(covariance) < free:
        return float("nan")
    t_squared = float(n * mean @ np.linalg.solve(covariance, mean))
    return float(f_law.sf(t_squared * (n - free) / ((n - 1) * free), free, n - free))


def _joined(examined: Vector, accepted: Vector) -> tuple[Vector, Vector]:
    """The counts, the last groups joined until each holds enough of both outcomes."""
    e, a = examined, accepted
    while e.shape[1] > 1 and min(a[:, -1].sum(), (e - a)[:, -1].sum()) < _LEAST_OUTCOMES:
        e, a = (np.column_stack([c[:, :-2], c[:, -2] + c[:, -1]]) for c in (e, a))
    return e, a
