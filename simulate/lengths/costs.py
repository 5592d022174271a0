"""What a step costs on a machine, linear in what it does, so that one replay is priced by many machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

STEPS, FED, HELD, DRAFTS, DRAFTED, COPIES, COPIES_FED, COPIES_HELD = range(8)
"""Columns of what a replay counts: steps; tokens fed to the target; tokens it held before; steps in which the network
drafted; tokens that it drafted; steps in which the copier proposed; tokens fed and held in those."""


@dataclass(frozen=True)
class StepCosts:
    """Milliseconds of one sequence's step.

    Attributes:
        call: Of a call of the target, whatever it is fed.
        per_fed: For each token it is fed.
        per_held: For each token that it holds already.
        overhead: Of the engine, in every step.
        draft: Of the network's draft, whatever its length.
        per_drafted: For each token the network drafts.
        copy_share: Of a proposal of the copier, as a share of the target's call.
    """

    call: float
    per_fed: float
    per_held: float
    overhead: float
    draft: float
    per_drafted: float
    copy_share: float

    @property
    def plain(self) -> float:
        """A step without draft and without context."""
        return self.call + self.per_fed + self.overhead

    @property
    def weights(self) -> NDArray[np.float64]:
        """Milliseconds for one of each column, shape (8,)."""
        call = np.array([self.call, self.per_fed, self.per_held])
        weights = np.zeros(8)
        weights[[STEPS, FED, HELD]] = call
        weights[STEPS] += self.overhead
        weights[[DRAFTS, DRAFTED]] = self.draft, self.per_drafted
        weights[[COPIES, COPIES_FED, COPIES_HELD]] = self.copy_share * call
        return weights

    def milliseconds(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of replays, from what they count, shape (..., 8)."""
        return counts @ self.weights

    def by_token(self, share: float) -> StepCosts:
        """The same machine where each drafted token costs a share of a plain step, and a draft nothing else."""
        return replace(self, draft=0.0, per_drafted=share * self.plain)


H100 = StepCosts(
    call=5.88590713,
    per_fed=0.0210103129,
    per_held=3.92645679e-5,
    overhead=1.20683946,
    draft=2.13526175,
    per_drafted=0.0,
    copy_share=0.005875,
)
"""Llama-3.1-8B on an H100 under vLLM: fitted by SpecDecode-Bench/simulator (predictor.py), arXiv 2601.11580.

Its draft of an EAGLE head costs the same whatever its length, but for .0008 ms a token, left out here.
"""

FLAT = "flat"
SHARES = (0.02, 0.04, 0.07, 0.1, 0.15)
"""Costs of a drafted token in plain steps: .066 to .072 is what others measure of EAGLE-3 under vLLM
(pramodjella/speculative-decoding-draft-length-audit), the others show what would change."""

MACHINES: Mapping[str, StepCosts] = MappingProxyType(
    {FLAT: H100, **{f"{share:g} a token": H100.by_token(share) for share in SHARES}}
)
"""The H100 with its fitted flat draft, and with drafts that cost by the token."""
