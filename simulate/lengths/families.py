"""Families of rules on the texts of one data set: what each gains, its setting chosen on other texts or other data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError
from analysis.model.records.length_traces import LengthTrace
from analysis.model.resampling import prompt_weights
from simulate.lengths.choice import choose, gains
from simulate.lengths.costs import MACHINES, STEPS, StepCosts
from simulate.lengths.rules import CLAIRVOYANT, FIXED, PLAIN, MatchRule, rules
from simulate.lengths.walk import Starts

LEAST_TEXTS = 4
RESAMPLES = 4000

Row = dict[str, Any]
OVER = ("over_eagle", "over_eagle_low", "over_eagle_high")


@dataclass(frozen=True)
class ReplayedTexts:
    """All rules replayed over some texts.

    Attributes:
        data: Name of the data set.
        texts: Which of its texts.
        starts: What is known at their places.
        counts: What the steps of every rule count, shape (rules, texts, 8), rules as in `listed`.
    """

    data: str
    texts: str
    starts: Starts
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, data: str, texts: str, traces: Sequence[LengthTrace]) -> ReplayedTexts:
        """Replay them.

        Raises:
            InputError: where there are fewer than four.
        """
        if len(traces) < LEAST_TEXTS:
            raise InputError(data, f"has {len(traces)} texts ({texts}), expected at least {LEAST_TEXTS}")
        starts = Starts.of(traces)
        return cls(data, texts, starts, np.array([starts.counts(rule) for rule in listed()]))

    def weights(self, seed: int) -> NDArray[np.float64]:
        """How often each resample draws each text."""
        return prompt_weights(self.starts.texts, RESAMPLES, np.random.default_rng(seed))

    def shares(self, costs: StepCosts) -> NDArray[np.float64]:
        """Time of every rule as a share of plain decoding's, over all texts. Shape (rules,)."""
        totals = costs.milliseconds(self.counts).sum(axis=1)
        return np.asarray(totals / totals[members()[PLAIN][0]], dtype=np.float64)


@cache
def listed() -> tuple[MatchRule, ...]:
    """All rules, in the order of `counts`."""
    return tuple(rules())


@cache
def members() -> Mapping[str, tuple[int, ...]]:
    """Indices of the rules of each family."""
    found: dict[str, list[int]] = {}
    for i, rule in enumerate(listed()):
        found.setdefault(rule.family, []).append(i)
    return {family: tuple(indices) for family, indices in found.items()}


def family_rows(replayed: ReplayedTexts, seed: int) -> list[Row]:
    """One row for each family and machine, each setting chosen on one half of the texts and judged on the other."""
    starts, tokens = replayed.starts, int(replayed.starts.tokens.sum())
    weights = replayed.weights(seed)
    found = []
    for machine, costs in MACHINES.items():
        times = costs.milliseconds(replayed.counts)
        chosen = {family: choose(times, indices) for family, indices in members().items()}
        taken = {family: each.milliseconds for family, each in chosen.items()}
        taken[CLAIRVOYANT] = starts.least_milliseconds(costs)
        speedups, over = gains(taken, taken[PLAIN], weights), gains(taken, taken[FIXED], weights)
        for family in taken:
            row: Row = {
                "kind": "rule",
                "data": replayed.data,
                "texts": replayed.texts,
                "machine": machine,
                "family": family,
                "number": starts.texts,
                "tokens": tokens,
                **dict(zip(("speedup", "low", "high"), speedups[family], strict=True)),
                **dict(zip(OVER, over[family], strict=True)),
            }
            if family in chosen:
                settings = chosen[family].settings
                row["settings"] = [str(listed()[i]) for i in settings]
                row["tokens_per_step"] = tokens / _steps(replayed.counts, settings)
            found.append(row)
    return found


def elsewhere_rows(sets: Sequence[ReplayedTexts], seed: int) -> list[Row]:
    """One row for each data set, family and machine, each setting chosen on all the other data sets.

    It is the rule that takes the least share of plain decoding's time in their mean. What it is compared with is EAGLE
    alone at the length that is best on the other half of the data set's own texts.
    """
    found = []
    for replayed in sets:
        others = [other for other in sets if other is not replayed]
        weights = replayed.weights(seed)
        for machine, costs in MACHINES.items() if others else ():
            shares = np.mean([other.shares(costs) for other in others], axis=0)
            times = costs.milliseconds(replayed.counts)
            chosen = {family: min(indices, key=shares.__getitem__) for family, indices in members().items()}
            baseline = choose(times, members()[FIXED]).milliseconds
            over = gains({family: times[i] for family, i in chosen.items()}, baseline, weights)
            for family, i in chosen.items():
                row = {"kind": "elsewhere", "data": replayed.data, "machine": machine, "family": family}
                found.append({**row, "setting": str(listed()[i]), **dict(zip(OVER, over[family], strict=True))})
    return found


def _steps(counts: NDArray[np.float64], settings: tuple[int, int]) -> float:
    """Steps of both halves, each by its own setting."""
    return float(counts[settings[0], 0::2, STEPS].sum() + counts[settings[1], 1::2, STEPS].sum())
