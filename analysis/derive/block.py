"""Block verification: how many of k drafted tokens it accepts, every outcome enumerated in exact rationals."""

from __future__ import annotations

from fractions import Fraction

from analysis.derive.text_law import Model, Text, model_text
from analysis.derive.token_law import review


def block_accepted(target: Model, drafter: Model, length: int) -> Fraction:
    """Expected accepted tokens of a draft under block verification (Sun et al. 2024, arXiv 2403.10444, Algorithm 2).

    With p_i = min(1, p_(i-1) target / draft) along the drafted path, and S the sum of max(0, p_i target - draft) over
    the tokens after it, the first i tokens pass a coin of probability S / (S + 1 - p_i), the whole draft one of
    probability p_k; the longest that passes is accepted.
    """
    total = Fraction(0)
    for text, mass in model_text(drafter, length).items():
        ratio, coins = Fraction(1), []
        for place, token in enumerate(text):
            drafted = drafter(text[:place])[token]
            ratio = min(Fraction(1), ratio * target(text[:place])[token] / drafted)
            coins.append(ratio if place + 1 == length else _coin(target, drafter, text[: place + 1], ratio))
        failed = Fraction(1)
        for coin in reversed(coins):
            failed *= 1 - coin
            total += mass * (1 - failed)
    return total


def token_accepted(target: Model, drafter: Model, length: int) -> Fraction:
    """The same under the usual verification, token by token."""
    total = Fraction(0)
    for text, mass in model_text(drafter, length).items():
        kept = mass
        for place, token in enumerate(text):
            kept *= review(target(text[:place]), drafter(text[:place])).accept[token]
            total += kept
    return total


def _coin(target: Model, drafter: Model, text: Text, ratio: Fraction) -> Fraction:
    shares = zip(target(text), drafter(text), strict=True)
    missing = sum((max(Fraction(0), ratio * p - q) for p, q in shares), Fraction(0))
    whole = missing + 1 - ratio
    return missing / whole if whole else Fraction(1)
