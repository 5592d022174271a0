"""Review of actual tokens over a tiny vocabulary, every outcome enumerated in exact rationals.

The acceptances of the theory are averages of what happens to tokens; here the tokens themselves are drawn, reviewed,
corrected and handed up. All laws are memoryless: every position has the same one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import TypeAlias

TokenLaw: TypeAlias = tuple[Fraction, ...]
"""P(token) by token, summing to 1."""


@dataclass(frozen=True)
class TokenReview:
    """Review of a token drawn from a draft law (Leviathan/Chen rule, with lenience).

    Attributes:
        accept: P(accepted | token), by token; 0 for tokens that are never drafted.
        residual: Law of the correction after a rejection.
        acceptance: P(accepted), in [0, 1].
        handed_up: Law of the token that leaves the review, accepted or corrected.
    """

    accept: TokenLaw
    residual: TokenLaw
    acceptance: Fraction
    handed_up: TokenLaw


def review(reviewer: TokenLaw, draft: TokenLaw, lenience: Fraction = Fraction(1)) -> TokenReview:
    """Review a token of law `draft` by a model of law `reviewer`.

    A token is accepted with probability min(1, lenience * reviewer / draft); the residual is the normalised
    max(0, reviewer - accepted mass), or the reviewer's law where that is zero. Lenience 1 is lossless.
    """
    accept = tuple(
        min(Fraction(1), lenience * p / q) if q else Fraction(0) for p, q in zip(reviewer, draft, strict=True)
    )
    missing = [max(Fraction(0), p - q * a) for p, q, a in zip(reviewer, draft, accept, strict=True)]
    mass = sum(missing, Fraction(0))
    residual = tuple(share / mass for share in missing) if mass else reviewer
    acceptance = sum((q * a for q, a in zip(draft, accept, strict=True)), Fraction(0))
    handed_up = tuple(q * a + (1 - acceptance) * r for q, a, r in zip(draft, accept, residual, strict=True))
    return TokenReview(accept, residual, acceptance, handed_up)


def distance(first: TokenLaw, second: TokenLaw) -> Fraction:
    """Total variation of two laws, in [0, 1]."""
    return sum((abs(a - b) for a, b in zip(first, second, strict=True)), Fraction(0)) / 2


def quarter_laws(tokens: int) -> list[TokenLaw]:
    """Every law over a vocabulary of this size whose probabilities are quarters."""
    quarters = [Fraction(share, 4) for share in range(5)]
    return [law for law in product(quarters, repeat=tokens) if sum(law) == 1]


def handed_up_sequences(
    reviewer: TokenLaw, draft: TokenLaw, length: int, rounds: int
) -> dict[tuple[int, ...], Fraction]:
    """Law of the token sequence that lossless `rounds` over `length` drafted tokens hand up."""
    rule = review(reviewer, draft)
    one_round: dict[tuple[int, ...], Fraction] = defaultdict(Fraction)
    passed: dict[tuple[int, ...], Fraction] = {(): Fraction(1)}
    for _ in range(length):
        longer: dict[tuple[int, ...], Fraction] = defaultdict(Fraction)
        for tokens, mass in passed.items():
            for token, probability in enumerate(draft):
                longer[(*tokens, token)] += mass * probability * rule.accept[token]
            for token, probability in enumerate(rule.residual):
                one_round[(*tokens, token)] += mass * (1 - rule.acceptance) * probability
        passed = longer
    for tokens, mass in passed.items():
        for token, probability in enumerate(reviewer):
            one_round[(*tokens, token)] += mass * probability
    law: dict[tuple[int, ...], Fraction] = {(): Fraction(1)}
    for _ in range(rounds):
        longer = defaultdict(Fraction)
        for tokens, mass in law.items():
            for more, probability in one_round.items():
                if probability:
                    longer[tokens + more] += mass * probability
        law = longer
    return dict(law)


def mean_tokens(target: TokenLaw, drafter: TokenLaw, sequences: dict[tuple[int, ...], Fraction]) -> Fraction:
    """Expected yield of the target's review of sequences whose tokens have the drafter's law."""
    accept = review(target, drafter).accept
    total = Fraction(1)
    for tokens, mass in sequences.items():
        for token in tokens:
            mass *= accept[token]
            total += mass
    return total
