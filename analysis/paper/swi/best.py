"""The paper's headline on measured rows: the best cascade over the best speculative decoding, honestly chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError
from analysis.model.resampling import interval_95, prompt_weights
from analysis.paper.swi.costs import Expenses

RESAMPLES = 4000
FOLDS = 5


@dataclass(frozen=True)
class Headline:
    """The best cascade over the best speculative decoding, by one measure on one set of prompts.

    Attributes:
        measure: What is compared.
        prompts: Number of prompts.
        best: Name and improvement over autoregressive decoding of the best method by family.
        additional: Best cascade over best speculative decoding, less 1: both chosen on the prompts they are judged on.
        low: 2.5 % quantile of that over prompts drawn with replacement, both chosen anew in every draw.
        high: 97.5 % quantile.
        held_out: The same ratio where both are chosen on the other folds of the prompts.
        held_out_low: 2.5 % quantile of that over prompts drawn with replacement, the choices as they were.
        held_out_high: 97.5 % quantile.
    """

    measure: str
    prompts: int
    best: Mapping[str, tuple[str, float]]
    additional: float
    low: float
    high: float
    held_out: float
    held_out_low: float
    held_out_high: float


def headline(measure: str, found: Expenses, families: Mapping[str, str], seed: int) -> Headline:
    """Compare the best of each family.

    Args:
        measure: Name of what `found` holds.
        found: Expense of every method, autoregressive decoding among them, on two prompts or more.
        families: Family of every method.
        seed: Of the resamples and folds.
    """
    members = {kind: [i for i, m in enumerate(found.methods) if families[m] == kind] for kind in set(families.values())}
    for kind in ("autoregressive", "speculative", "cascade"):
        if not members.get(kind):
            raise InputError("measured", f"has no {kind} method, expected one of each family to compare")
    if len(found.prompts) < 2:
        raise InputError("measured", f"got {len(found.prompts)} prompt in a set, expected at least 2")
    rate = found.per_token()
    base = float(rate[members["autoregressive"]].min())
    best = {}
    for kind, rows in members.items():
        i = min(rows, key=lambda row: float(rate[row]))
        best[kind] = found.methods[i], base / float(rate[i])
    generator = np.random.default_rng(seed)
    draws = prompt_weights(len(found.prompts), RESAMPLES, generator)
    resampled = found.per_token(draws)
    ratios = resampled[:, members["speculative"]].min(axis=1) / resampled[:, members["cascade"]].min(axis=1) - 1
    held = _held_out(found, members, generator, draws)
    additional = best["cascade"][1] / best["speculative"][1] - 1
    return Headline(measure, len(found.prompts), best, additional, *interval_95(ratios), *held)


def _held_out(
    found: Expenses,
    members: Mapping[str, Sequence[int]],
    generator: np.random.Generator,
    draws: NDArray[np.float64],
) -> tuple[float, float, float]:
    """The ratio less 1 with each prompt judged by methods chosen on the other folds, and its interval."""
    count = len(found.prompts)
    fold = generator.permutation(np.arange(count) % min(FOLDS, count))
    expense, tokens = {}, {}
    for kind in ("speculative", "cascade"):
        rows = np.array(members[kind])
        chosen = np.empty(count, dtype=int)
        for part in np.unique(fold):
            rate = found.per_token((fold != part).astype(np.float64))
            chosen[fold == part] = rows[int(rate[rows].argmin())]
        expense[kind] = found.expense[chosen, np.arange(count)]
        tokens[kind] = found.tokens[chosen, np.arange(count)]

    def ratio(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        rate = {kind: (weights @ expense[kind]) / (weights @ tokens[kind]) for kind in expense}
        result: NDArray[np.float64] = rate["speculative"] / rate["cascade"] - 1
        return result

    return float(ratio(np.ones(count))), *interval_95(ratio(draws))
