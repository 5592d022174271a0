"""Acceptance that depends on how many tokens the inner round yielded, beyond accepted and corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Acceptance, Cascade, acceptances
from analysis.model.boundary.fields import inside, mapping, reject, sequence
from simulate.kernel.program import HazardTables
from simulate.processes.base import KernelPlan, MeanOfLaw, Pair, hazards_of, law_of_hazards, runs
from simulate.processes.independent import with_acceptances


@dataclass(frozen=True)
class ByYield(MeanOfLaw):
    """Hazards by the yield of the round that a token comes from.

    A lossless inner review leaves the law of every token unchanged and still makes its acceptance depend on the
    length of its round: an easy context gives long rounds that the outer reviewer accepts too.

    Attributes:
        rows: By pair, acceptance of tokens of rounds yielding 1, 2, ... tokens; the last one repeats. Tokens of leaf
            steps count as rounds of one.
    """

    rows: Mapping[Pair, tuple[Acceptance, ...]]

    def to_json(self) -> dict[str, object]:
        """The process as it stands in a task."""
        table: dict[str, dict[str, list[object]]] = {}
        for (reviewer, drafter), row in self.rows.items():
            table.setdefault(reviewer, {})[drafter] = [acceptance.to_json() for acceptance in row]
        return {"by_yield": table}

    def plan(self, cascade: Cascade) -> KernelPlan:
        """One cycle a block."""
        longest_row = max(len(row) for row in self.rows.values())
        variants = [self._variant(cascade, size) for size in range(1, longest_row + 1)]
        return KernelPlan(cascade, HazardTables([variants]))

    def sample(
        self, cascade: Cascade, pair: Pair, k: int, drafts: int, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Accepted tokens, 0..k, of drafts of leaf tokens."""
        return runs(generator.random((drafts, k)) < hazards_of(self._variant(cascade, 1).pair(*pair), k))

    def law(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        """P(j tokens of a draft of k leaf tokens are accepted) for j = 0..k."""
        return law_of_hazards(hazards_of(self._variant(cascade, 1).pair(*pair), k))

    def _variant(self, cascade: Cascade, size: int) -> Cascade:
        """Acceptances of tokens of rounds of this yield."""
        return with_acceptances(cascade, {pair: row[min(size, len(row)) - 1] for pair, row in self.rows.items()})


def read_by_yield(value: object) -> ByYield:
    """Read ``{reviewer: {drafter: [acceptance, ...]}}``."""
    rows: dict[Pair, tuple[Acceptance, ...]] = {}
    for reviewer, row in mapping(value, "").items():
        with inside(reviewer):
            for drafter, listed in mapping(row, "").items():
                values = sequence(listed, drafter)
                if not 1 <= len(values) <= 64:
                    reject(drafter, listed, "a list of 1 to 64 acceptances")
                entries = []
                for i, entry in enumerate(values):
                    with inside(f"{drafter}[{i}]"):
                        entries.append(acceptances({"r": {"d": entry}})["r"]["d"])
                rows[reviewer, drafter] = tuple(entries)
    if not rows:
        reject("", {}, "at least one pair")
    return ByYield(rows)
