"""The affine algebra of drafts, over any numbers: SymPy expressions, fractions or floats.

A step acts on the gain g (expected accepted tokens of what follows) as g -> A + B g. With a the acceptance of the
step's tokens by the draft's reviewer, h the gain of the step's inner draft when its reviewer's acceptances are
multiplied by a, and phi = a + (a - 1) h (the generating function of a round's yield at a), one round is A = a (1 + h),
B = phi. A leaf token is a round over an empty inner draft: A = B = a. Nothing is divided, so a = 1 is like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from analysis.model import Draft, InputError

Scalar: TypeAlias = Any
"""Any number with +, - and *: Fraction, float or SymPy expression."""

Acceptances: TypeAlias = Callable[[str, str], Scalar]
"""Acceptance by (reviewer, drafter)."""


@dataclass(frozen=True)
class Repeated:
    """A `tokens` or `rounds` step: one increment, repeated.

    Attributes:
        by: Name of the drafter.
        times: Leaf tokens, or review rounds: a whole number >= 0, or a SymPy symbol for one.
        inner: The draft that `by` reviews in each round; empty for leaf tokens.
    """

    by: str
    times: Scalar
    inner: tuple[Repeated, ...] = ()


def repeated(draft: Draft) -> tuple[Repeated, ...]:
    """Read a draft of `tokens` and `rounds` steps.

    Raises:
        InputError: where a step is an `until`, which no affine map describes.
    """
    result = []
    for index, step in enumerate(draft):
        if step.until is not None:
            raise InputError(f"draft[{index}].until", f"got {step.until}, expected `tokens` or `rounds` steps only")
        result.append(Repeated(step.by, step.tokens or step.rounds, repeated(step.draft)))
    return tuple(result)


@dataclass(frozen=True)
class AffineMap:
    """The map g -> offset + slope g of a step on the gain of what follows.

    Attributes:
        offset: Expected accepted tokens of the step itself, >= 0.
        slope: P(all tokens of the step are accepted), in [0, 1]: the generating function of their number.
    """

    offset: Scalar
    slope: Scalar

    def __call__(self, following: Scalar) -> Scalar:
        """Gain of the step and what follows it."""
        return self.offset + self.slope * following


def one_round(acceptance: Scalar, inner_gain: Scalar) -> AffineMap:
    """One round whose inner draft, thinned by the acceptance, has this gain; a leaf token for inner gain 0."""
    return AffineMap(acceptance * (1 + inner_gain), acceptance + (acceptance - 1) * inner_gain)


def power(step: AffineMap, times: Scalar) -> AffineMap:
    """A step done `times` times over; closed for a symbolic number, where 1 - slope must not vanish."""
    if isinstance(times, int):
        total = 0
        for _ in range(times):
            total = 1 + step.slope * total
        return AffineMap(step.offset * total, step.slope**times)
    return AffineMap(step.offset * (1 - step.slope**times) / (1 - step.slope), step.slope**times)


def step_map(step: Repeated, reviewer: str, alpha: Acceptances, thinning: Scalar = 1) -> AffineMap:
    """The affine map of a step in a draft of `reviewer` whose acceptances are multiplied by `thinning`."""
    acceptance = thinning * alpha(reviewer, step.by)
    return power(one_round(acceptance, gain(step.inner, step.by, alpha, acceptance)), step.times)


def gain(steps: Sequence[Repeated], reviewer: str, alpha: Acceptances, thinning: Scalar = 1) -> Scalar:
    """Expected accepted tokens of a draft.

    Args:
        steps: The draft.
        reviewer: Who reviews it.
        alpha: Constant acceptances, in [0, 1].
        thinning: Factor on this reviewer's acceptances, not on those of deeper reviewers.
    """
    total: Scalar = 0
    for step in reversed(steps):
        total = step_map(step, reviewer, alpha, thinning)(total)
    return total


def draft_cost(steps: Sequence[Repeated], cost: Callable[[str], Scalar]) -> Scalar:
    """Cost of a draft: a leaf token is one call of its model, a round its inner draft and one call."""
    return sum(step.times * (cost(step.by) + draft_cost(step.inner, cost)) for step in steps)
