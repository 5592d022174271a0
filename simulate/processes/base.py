"""What every acceptance process offers: a plan for the kernel, an own slow sampler, and its law where known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.model import Acceptance, Cascade
from simulate.kernel.arrays import MARKOV, PLAIN, RECORDED
from simulate.kernel.program import HazardTables

Pair: TypeAlias = tuple[str, str]
"""(reviewer, drafter)."""

__all__ = ["MARKOV", "PLAIN", "RECORDED", "KernelPlan", "Pair", "Process", "law_of_hazards", "runs"]

DEFAULT_BLOCK_CYCLES = 64
"""Cycles of a prompt where neither `cycles` nor `tokens` is given."""


@dataclass(frozen=True)
class KernelPlan:
    """How the kernel carries out a process on a cascade.

    Attributes:
        cascade: The cascade, its acceptances replaced where the process says so.
        tables: Hazards by hidden state and yield; None where position and type say it all.
        kind: PLAIN, MARKOV or RECORDED.
        share: MARKOV: stationary probability of state 1.
        autocorrelation: MARKOV: correlation of neighbouring states, in [0, 1).
        constants: Pairs whose hazards are drawn anew for every block, with the parameters of their Beta laws.
        traces: RECORDED: acceptances by trace and pair, zeros and ones.
        cycles: Cycles of a block; 0 where `tokens` ends it.
        tokens: Tokens of a block; 0 where `cycles` ends it.
        fresh: Whether each block is a new text or prompt.
    """

    cascade: Cascade
    tables: HazardTables | None = None
    kind: int = PLAIN
    share: float = 0.0
    autocorrelation: float = 0.0
    constants: Mapping[Pair, tuple[float, float]] = field(default_factory=dict)
    traces: tuple[Mapping[Pair, NDArray[np.uint8]], ...] = ()
    cycles: int = 1
    tokens: int = 0
    fresh: bool = True

    @property
    def independent(self) -> bool:
        """Whether cycles are independent and follow the acceptances of `cascade`."""
        return self.tables is None


class Process(Protocol):
    """How acceptance departs from the hazards of the specification.

    `sample` and `law` speak of one pair and drafts of k leaf tokens, each on a text or prompt of its own; they use
    neither the kernel nor the formulas of `analysis`.
    """

    def to_json(self) -> dict[str, object]:
        """The process as it stands in a task."""

    def plan(self, cascade: Cascade) -> KernelPlan:
        """How the kernel carries it out."""

    def sample(
        self, cascade: Cascade, pair: Pair, k: int, drafts: int, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Accepted tokens, 0..k, of that many drafts."""

    def law(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        """P(j tokens of a draft of k are accepted) for j = 0..k."""

    def mean(self, cascade: Cascade, pair: Pair, k: int) -> float:
        """Expected accepted tokens of a draft of k."""


class MeanOfLaw:
    """The mean that a law gives, for processes to inherit."""

    def law(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        """P(j tokens of a draft of k are accepted) for j = 0..k."""
        raise NotImplementedError

    def mean(self, cascade: Cascade, pair: Pair, k: int) -> float:
        """Expected accepted tokens of a draft of k."""
        return float(np.arange(k + 1) @ self.law(cascade, pair, k))


def runs(accepted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Accepted tokens of each draft, a row: the True entries before the first False."""
    ended = np.concatenate([~accepted, np.ones((accepted.shape[0], 1), dtype=bool)], axis=1)
    first: NDArray[np.int64] = np.argmax(ended, axis=1).astype(np.int64)
    return first


def law_of_hazards(hazards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Law of the accepted tokens of a draft, from its hazards: survival to j times the chance to stop there."""
    survival = np.concatenate([[1.0], np.cumprod(hazards)])
    law: NDArray[np.float64] = survival * np.append(1 - hazards, 1.0)
    return law


def hazards_of(acceptance: Acceptance, k: int) -> NDArray[np.float64]:
    """Hazards of k leaf tokens."""
    return np.array([acceptance.at(position) for position in range(k)])
