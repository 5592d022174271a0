"""Losslessness of a whole cascade, and how many of its tokens are rejected."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import sympy
from sympy import Eq, Max, Min, Sum

from analysis.derive.affine import Repeated
from analysis.derive.proof import all_hold, vanishes
from analysis.derive.text_law import (
    Model,
    cascade_text,
    last_token_model,
    model_text,
    rejections,
    summed_distances,
)
from analysis.derive.theorem import Line, Theorem

CASCADES: tuple[tuple[Repeated, ...], ...] = (
    (Repeated("d1", 2),),
    (Repeated("d1", 1), Repeated("d2", 1)),
    (Repeated("d1", 1, (Repeated("d2", 2),)),),
    (Repeated("d1", 2, (Repeated("d2", 1),)),),
    (Repeated("d1", 1, (Repeated("d2", 1, (Repeated("d3", 1),)),)), Repeated("d3", 1)),
)
"""One drafter, horizontal, vertical, two rounds, three levels with a step behind."""


def models(*shares: Fraction) -> dict[str, Model]:
    """Target and drafters t, d1, d2, d3 from the shares of token 0 after 0 and after 1, two a model."""
    return {
        name: last_token_model(first, second)
        for name, first, second in zip(("t", "d1", "d2", "d3"), shares[::2], shares[1::2], strict=False)
    }


def _examples() -> list[dict[str, Model]]:
    thirds = [Fraction(share, 3) for share in range(4)]
    target, drafter = (Fraction(1, 4), Fraction(2, 3)), (Fraction(3, 4), Fraction(1, 2))
    return [models(*target, *drafter, first, second, second, first) for first, second in product(thirds[1:2], thirds)]


def lossless_cascade() -> Theorem:
    """The text of a cascade of any nesting has the target's own law."""
    small, excess = sympy.symbols("s d", nonnegative=True)
    p, q = sympy.symbols("p_v q_v", nonnegative=True)
    return Theorem(
        "lossless-cascade",
        "A whole cascade is lossless",
        "One drafter: Leviathan et al. 2023, appendix A.1; Chen et al. 2023, Theorem 1; any nesting: stated here",
        "Models of any dependence on the text before. Every review, at every level, accepts a token v with probability "
        "min(1, p/q), p being the reviewer's and q the law of the model that handed the token up, both after all "
        "tokens before it, and otherwise draws from the normalised max(0, p - q); without a rejection it adds a token "
        "of law p.",
        (
            Line("The text has the law that the target writes by itself, for every draft of any nesting."),
            Line(
                "At each place, whatever was written before, token v is written with probability",
                Eq(Min(p, q) + Max(0, p - q), p, evaluate=False),
            ),
        ),
        (
            Line(
                "Claim, by induction over the depth: given all tokens before, a further token that a model hands up, "
                "drafted or reviewed, has that model's law. A leaf draws its tokens from it."
            ),
            Line(
                "A round reviews tokens for which the claim holds with the law q of the model one level down. Whether "
                "the round comes to a further token depends on earlier tokens and the coins of their reviews only, so "
                "given those the drafted token still has law q, and what leaves the review has law p by the sum above."
            ),
            Line(
                "The target's review is a round like any other. A cycle ends by what was reviewed before its last "
                "token, so the next cycle begins after a text of the target's law: by induction over the places the "
                "whole text has it."
            ),
        ),
        (
            all_hold(
                "min(p, q) + max(0, p - q) = p, both where p = q + d and where q = p + d.",
                [
                    vanishes(Min(large, less) + Max(0, large - less) - large)
                    for large, less in ((small + excess, small), (small, small + excess))
                ],
                "SymPy, symbolic probabilities",
            ),
            all_hold(
                "Every outcome of every token enumerated: the first three tokens of the text have the target's law.",
                [
                    cascade_text(steps, named, 3) == model_text(named["t"], 3)
                    for steps in CASCADES
                    for named in _examples()
                ],
                "exact rationals, models that look at the last token, drafts up to depth 3",
            ),
        ),
    )


def expected_rejections() -> Theorem:
    """Expected rejections are the total variations along the target's text, summed."""
    index = sympy.Symbol("i", integer=True, positive=True)
    length = sympy.Symbol("N", integer=True, positive=True)
    quarters = [Fraction(share, 4) for share in (0, 1, 3)]
    return Theorem(
        "expected-rejections",
        "Expected number of rejections",
        "Yin et al. 2024, arXiv 2411.00841",
        "N tokens are written, each of them drafted and reviewed without loss (no bonus token is written). TV_i is the "
        "total variation of the two models' laws at place i, given the text before.",
        (
            Line(
                "The expected number of rejections is, the mean taken over texts of the target,",
                Sum(sympy.Function("E")(sympy.Indexed("TV", index)), (index, 1, length)),
            ),
            Line("Bonus tokens are not reviewed, so a cascade with drafts of finite length has no more rejections."),
        ),
        (
            Line(
                "Whatever the text before, the token at place i is rejected with probability 1 less the overlap: TV_i."
            ),
            Line("The text before has the target's law, since every review is lossless; means add up."),
        ),
        (
            all_hold(
                "Every outcome enumerated: rejections are the summed distances.",
                [
                    rejections(target, drafter, 3) == summed_distances(target, drafter, 3)
                    for shares in product(quarters, repeat=4)
                    for target, drafter in [(last_token_model(*shares[:2]), last_token_model(*shares[2:]))]
                ],
                "exact rationals, models that look at the last token, N = 3",
            ),
        ),
    )
