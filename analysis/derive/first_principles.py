"""Laws written out outcome by outcome, in symbols or fractions: what every closed form is held against.

Nothing of the affine algebra or of generating functions is used: drafts are built token by token, and a token is
accepted or is the first rejected one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias

from analysis.derive.affine import Acceptances, Repeated, Scalar

Law: TypeAlias = dict[int, Scalar]
"""P(value) by value."""


def yield_law(steps: Sequence[Repeated], reviewer: str, alpha: Acceptances) -> Law:
    """Law of a round's yield: accepted tokens plus one."""
    law: Law = defaultdict(int)
    for drafters, probability in drafts(steps, alpha).items():
        reached = probability
        for position, drafter in enumerate(drafters):
            acceptance = alpha(reviewer, drafter)
            law[position + 1] += reached * (1 - acceptance)
            reached = reached * acceptance
        law[len(drafters) + 1] += reached
    return dict(law)


def drafts(steps: Sequence[Repeated], alpha: Acceptances) -> dict[tuple[str, ...], Scalar]:
    """Law of the draft, as the drafters of its tokens in order."""
    law: dict[tuple[str, ...], Scalar] = {(): 1}
    for step in steps:
        added = {1: 1} if not step.inner else yield_law(step.inner, step.by, alpha)
        for _ in range(step.times):
            longer: dict[tuple[str, ...], Scalar] = defaultdict(int)
            for drafters, probability in law.items():
                for count, share in added.items():
                    longer[drafters + (step.by,) * count] += probability * share
            law = longer
    return law


def mean(law: Law) -> Scalar:
    """Expected value."""
    return sum(value * probability for value, probability in law.items())


def variance(law: Law) -> Scalar:
    """Variance."""
    return sum(value**2 * probability for value, probability in law.items()) - mean(law) ** 2
