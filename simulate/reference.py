"""The token-level reference simulator: slow, and obviously right.

Every token of every draft and every round is drawn and reviewed one by one, as the algorithm of CS Drafting
(arXiv 2312.11462, Algorithm 1) says; no formula of `analysis` is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from analysis.model import Cascade, Step, check_reach, longest, progress_bar
from simulate.bounds import greatest_cost, is_certain
from simulate.intervals import CycleTotals

BATCH = 1000
"""Cycles between two updates of the progress bar."""

Uniform = Callable[[], float]
"""Draws the next number from [0, 1)."""


class Token(NamedTuple):
    """A drafted token: who proposed it, and whether an inner review had to correct (or add) it."""

    by: str
    corrected: bool


class CycleOutcome(NamedTuple):
    """What one cycle gave: its tokens, and its cost in one-token target calls."""

    tokens: int
    cost: float


class Cycles:
    """Draws cycles of one cascade.

    Args:
        cascade: The cascade; all costs and all acceptances that its draft uses must be given.
        uniform: Source of uniform numbers in [0, 1).

    Raises:
        InputError: where a cost or an acceptance is missing.
    """

    def __init__(self, cascade: Cascade, uniform: Uniform) -> None:
        check_reach(cascade)
        self._cascade = cascade
        self._uniform = uniform
        self._unit = cascade.cost(cascade.target).at(1)
        self._demand_parts(cascade.target, cascade.draft)

    def _demand_parts(self, reviewer: str, steps: Sequence[Step]) -> None:
        for step in steps:
            self._cascade.pair(reviewer, step.by)
            self._cascade.cost(step.by)
            self._demand_parts(step.by, step.draft)

    def draw(self) -> CycleOutcome:
        """Draw one cycle: the draft, then the target's review."""
        tokens, cost = self._round(self._cascade.target, self._cascade.draft)
        return CycleOutcome(tokens, cost / self._unit)

    def _round(self, reviewer: str, steps: Sequence[Step]) -> tuple[int, float]:
        """One draft and its review: (accepted tokens + 1, cost)."""
        drafted, cost = self._draft(steps)
        accepted = 0
        for position, token in enumerate(drafted):
            if self._uniform() >= self._cascade.pair(reviewer, token.by).at(position, token.corrected):
                break
            accepted += 1
        return accepted + 1, cost + self._cascade.cost(reviewer).at(len(drafted) + 1)

    def _draft(self, steps: Sequence[Step]) -> tuple[list[Token], float]:
        """All tokens the steps draft for one review, and what that costs."""
        drafted: list[Token] = []
        cost = 0.0
        for step in steps:
            repeats = 0
            while not _is_done(step, repeats, len(drafted)):
                tokens, spent = self._increment(step)
                drafted += tokens
                cost += spent
                repeats += 1
        return drafted, cost

    def _increment(self, step: Step) -> tuple[list[Token], float]:
        """What the step adds at a time: the leaf tokens of one go, or the yield of one review round."""
        if step.is_leaf:
            go = step.tokens or step.block
            return [Token(step.by, corrected=False)] * go, self._cascade.cost(step.by).drafting(go)
        tokens, cost = self._round(step.by, step.draft)
        return [Token(step.by, corrected=False)] * (tokens - 1) + [Token(step.by, corrected=True)], cost


def _is_done(step: Step, repeats: int, drafted: int) -> bool:
    """Whether a step that has added `repeats` increments to a draft now of `drafted` tokens is finished."""
    if step.tokens is not None:
        return repeats == 1
    if step.rounds is not None:
        return repeats == step.rounds
    assert step.until is not None
    return drafted >= step.until


def uniforms(generator: np.random.Generator, block: int = 8192) -> Iterator[float]:
    """Endless uniform numbers in [0, 1) as plain floats, drawn in blocks for speed."""
    while True:
        yield from generator.random(block).tolist()


def run_cycles(cascade: Cascade, cycles: int, seed: int) -> CycleTotals:
    """Draw cycles and sum them up, with a progress bar when that takes more than two seconds.

    Args:
        cascade: The cascade; all costs and all acceptances that its draft uses must be given.
        cycles: Number of cycles, >= 2.
        seed: Seed of the generator, >= 0; the same seed gives the same totals.

    Raises:
        InputError: where a cost or an acceptance is missing, or costs are too far apart.
    """
    draw = Cycles(cascade, uniforms(np.random.default_rng(seed)).__next__).draw
    most = greatest_cost(cascade)
    totals = CycleTotals()
    if not is_certain(cascade):
        totals = CycleTotals(greatest_tokens=longest(cascade.draft) + 1, greatest_cost=most)
    with progress_bar("simulating", "cycle", total=cycles) as bar:
        while totals.cycles < cycles:
            batch = [draw() for _ in range(min(BATCH, cycles - totals.cycles))]
            totals += totals_of(batch)
            bar.update(len(batch))
    return totals


def totals_of(outcomes: Sequence[CycleOutcome]) -> CycleTotals:
    """Sum up outcomes of cycles."""
    counted = [(o.tokens, Fraction(o.cost), times) for o, times in Counter(outcomes).items()]
    return CycleTotals(
        cycles=len(outcomes),
        tokens=sum(times * tokens for tokens, _, times in counted),
        cost=sum((times * cost for _, cost, times in counted), Fraction()),
        tokens_squared=sum(times * tokens**2 for tokens, _, times in counted),
        cost_squared=sum((times * cost**2 for _, cost, times in counted), Fraction()),
        tokens_cost=sum((times * tokens * cost for tokens, cost, times in counted), Fraction()),
    )
