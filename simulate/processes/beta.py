"""Acceptance that differs between prompts: one alpha a prompt and pair, drawn from a Beta law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, InputError
from analysis.model.boundary.fields import count, inside, mapping, only_keys, read_number, reject, sequence
from simulate.kernel.program import HazardTables
from simulate.processes.base import DEFAULT_BLOCK_CYCLES, KernelPlan, MeanOfLaw, Pair, runs
from simulate.processes.independent import demand_pair

MAX_PROMPT = 10**6


@dataclass(frozen=True)
class Beta(MeanOfLaw):
    """Every prompt has an alpha of its own, the same at all positions, independent between pairs.

    How prompts are weighted decides the sign of what this does to EWIF: with equal cycles (`cycles`) the mean tokens
    of a cycle rise above those of the mean alpha (Jensen); with equal tokens (`tokens`) a slow prompt takes part in
    more cycles, and the EWIF is a harmonic mean over prompts.

    Attributes:
        laws: Parameters (a, b) > 0 of the Beta law by pair; the other pairs keep the specification's acceptances.
        cycles: Cycles of a prompt; 0 where `tokens` is given.
        tokens: Tokens after which a prompt ends, its last cycle kept whole; 0 where `cycles` is given.
    """

    laws: Mapping[Pair, tuple[float, float]]
    cycles: int = DEFAULT_BLOCK_CYCLES
    tokens: int = 0

    def to_json(self) -> dict[str, object]:
        """The process as it stands in a task."""
        pairs: dict[str, dict[str, list[float]]] = {}
        for (reviewer, drafter), law in self.laws.items():
            pairs.setdefault(reviewer, {})[drafter] = list(law)
        return {"beta": {"pairs": pairs, **({"tokens": self.tokens} if self.tokens else {"cycles": self.cycles})}}

    def plan(self, cascade: Cascade) -> KernelPlan:
        """One prompt a block."""
        for pair in self.laws:
            demand_pair(cascade, pair)
        return KernelPlan(
            cascade, HazardTables([[cascade]]), constants=self.laws, cycles=self.cycles, tokens=self.tokens, fresh=True
        )

    def sample(
        self, cascade: Cascade, pair: Pair, k: int, drafts: int, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Accepted tokens, 0..k, of one draft on each of that many prompts."""
        alphas = generator.beta(*self.laws[pair], size=(drafts, 1))
        return runs(generator.random((drafts, k)) < alphas)

    def law(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        """P(j tokens of a draft of k are accepted): survival E[alpha^j] = prod_{i<j} (a + i) / (a + b + i)."""
        a, b = self.laws[pair]
        i = np.arange(k)
        survival = np.concatenate([[1.0], np.cumprod((a + i) / (a + b + i))])
        return -np.diff(np.append(survival, 0.0))


def read_beta(value: object) -> Beta:
    """Read ``{"pairs": {reviewer: {drafter: [a, b]}}, "cycles": n}`` or the same with ``"tokens": n``."""
    fields = mapping(value, "")
    only_keys(fields, ("pairs", "cycles", "tokens"), required=("pairs",))
    laws: dict[Pair, tuple[float, float]] = {}
    with inside("pairs"):
        for reviewer, row in mapping(fields["pairs"], "").items():
            with inside(reviewer):
                for drafter, law in mapping(row, "").items():
                    values = sequence(law, drafter)
                    if len(values) != 2:
                        reject(drafter, law, "a list of two numbers > 0")
                    a, b = (read_number(v, f"{drafter}[{i}]", 1e-6, 1e6) for i, v in enumerate(values))
                    laws[reviewer, drafter] = (a, b)
        if not laws:
            reject("", {}, "at least one pair")
    cycles, tokens = prompt_length(fields)
    return Beta(laws, cycles, tokens)


def prompt_length(fields: Mapping[str, object]) -> tuple[int, int]:
    """Read `cycles` or `tokens`, the length of a prompt: (cycles, 0) or (0, tokens)."""
    if "cycles" in fields and "tokens" in fields:
        raise InputError("tokens", "got both cycles and tokens, expected one of them: they weight prompts differently")
    if "tokens" in fields:
        return 0, count(fields["tokens"], "tokens", MAX_PROMPT)
    return count(fields.get("cycles", DEFAULT_BLOCK_CYCLES), "cycles", MAX_PROMPT), 0
