"""Acceptance that drifts along the text: a hidden easy or hard state at every text position."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Acceptance, Cascade, acceptances
from analysis.model.boundary.fields import count, inside, mapping, only_keys, read_number, reject
from simulate.kernel.program import HazardTables
from simulate.processes.base import MARKOV, KernelPlan, MeanOfLaw, Pair, hazards_of, runs
from simulate.processes.independent import with_acceptances

_LEAST_STRETCH = 1000
_CORRELATION_LENGTHS = 100

MAX_STRETCH = 10**6


def least_stretch(autocorrelation: float) -> int:
    """Least cycles of a stretch of text that may count as one observation: 100 correlation lengths.

    The correlation of two positions falls to 1 / e within 1 / (1 - autocorrelation) positions, and a cycle moves on by
    at least one, so stretches lean on their neighbours for a hundredth of their length or less; intervals are too
    narrow by about as much.

    Args:
        autocorrelation: Of neighbouring positions, in [0, 1).
    """
    return max(1, math.ceil(_CORRELATION_LENGTHS / (1 - autocorrelation) - 1e-6))


def usual_stretch(autocorrelation: float) -> int:
    """Cycles of a stretch where a task does not say."""
    return max(_LEAST_STRETCH, least_stretch(autocorrelation))


@dataclass(frozen=True)
class Markov(MeanOfLaw):
    """A two-state Markov chain along the text; in state 1 other acceptances hold than in state 0.

    The state belongs to the text position: every review of a token there, at whatever level and in whatever cycle,
    sees the same state. With autocorrelation 0 positions are independent, a flat cascade sees the mean acceptance
    and nothing else, and what remains is the dependence between levels.

    Attributes:
        share: Stationary probability of state 1, in [0, 1].
        autocorrelation: Correlation of the states of neighbouring positions, in [0, 1).
        other: Acceptances in state 1; state 0, and pairs left out, keep the specification's.
        cycles: Cycles of a stretch of text that counts as one observation, and of the one before the first; many
            correlation lengths, see `least_stretch`.
    """

    share: float
    autocorrelation: float
    other: Mapping[Pair, Acceptance]
    cycles: int

    def to_json(self) -> dict[str, object]:
        """The process as it stands in a task."""
        table: dict[str, dict[str, object]] = {}
        for (reviewer, drafter), acceptance in self.other.items():
            table.setdefault(reviewer, {})[drafter] = acceptance.to_json()
        content = {"share": self.share, "autocorrelation": self.autocorrelation, "acceptance": table}
        return {
            "markov": content | ({"cycles": self.cycles} if self.cycles != usual_stretch(self.autocorrelation) else {})
        }

    def plan(self, cascade: Cascade) -> KernelPlan:
        """One stretch of text a block; the text goes on from block to block."""
        return KernelPlan(
            cascade,
            HazardTables([[cascade], [with_acceptances(cascade, self.other)]]),
            kind=MARKOV,
            share=self.share,
            autocorrelation=self.autocorrelation,
            cycles=self.cycles,
            fresh=False,
        )

    @property
    def transition(self) -> NDArray[np.float64]:
        """P(next state | state), rows by state."""
        enter = self.share * (1 - self.autocorrelation)
        stay = self.share + self.autocorrelation * (1 - self.share)
        return np.array([[1 - enter, enter], [1 - stay, stay]])

    def sample(
        self, cascade: Cascade, pair: Pair, k: int, drafts: int, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Accepted tokens, 0..k, of drafts at text positions of stationary state."""
        hazards = self._hazards(cascade, pair, k)
        state = (generator.random(drafts) < self.share).astype(int)
        accepted = np.empty((drafts, k), dtype=bool)
        for position in range(k):
            accepted[:, position] = generator.random(drafts) < hazards[state, position]
            state = (generator.random(drafts) < self.transition[state, 1]).astype(int)
        return runs(accepted)

    def law(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        """P(j tokens of a draft of k are accepted), by the forward algorithm from the stationary state."""
        hazards = self._hazards(cascade, pair, k)
        alive = np.array([1 - self.share, self.share])
        pmf = np.empty(k + 1)
        for position in range(k):
            pmf[position] = alive @ (1 - hazards[:, position])
            alive = (alive * hazards[:, position]) @ self.transition
        pmf[k] = alive.sum()
        return pmf

    def _hazards(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        return np.stack([hazards_of(c.pair(*pair), k) for c in (cascade, with_acceptances(cascade, self.other))])


def read_markov(value: object) -> Markov:
    """Read ``{"share": s, "autocorrelation": r, "acceptance": {reviewer: {drafter: ...}}}``, optionally `cycles`."""
    fields = mapping(value, "")
    keys = ("share", "autocorrelation", "acceptance")
    only_keys(fields, (*keys, "cycles"), required=keys)
    with inside("acceptance"):
        table = acceptances({r: mapping(row, r) for r, row in mapping(fields["acceptance"], "").items()})
    share = read_number(fields["share"], "share", 0, 1)
    autocorrelation = read_number(fields["autocorrelation"], "autocorrelation", 0, 0.999)
    cycles = count(fields.get("cycles", usual_stretch(autocorrelation)), "cycles", MAX_STRETCH)
    least = least_stretch(autocorrelation)
    if cycles < least:
        reject("cycles", cycles, f"at least {least} with this autocorrelation, so that stretches are independent")
    return Markov(
        share,
        autocorrelation,
        {(reviewer, drafter): entry for reviewer, row in table.items() for drafter, entry in row.items()},
        cycles,
    )
