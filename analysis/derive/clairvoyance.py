"""Ceilings of one drafter: at any draft length, and with the best knowledge of which tokens are right."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import sympy
from sympy import Eq, Le, Lt

from analysis.derive.notation import alpha, c, ewif, k
from analysis.derive.proof import all_hold, equal
from analysis.derive.theorem import Line, Theorem


def one_drafter_ceiling() -> Theorem:
    """A lone drafter stays below 1 + 1/c, however good it is."""
    return Theorem(
        "one-drafter-ceiling",
        "Ceiling of a drafter drafting alone",
        "Stated here",
        "One drafter of cost {c} > 0 drafts all tokens itself, {k} a cycle; acceptances may be anything, a review "
        "costs no less than a one-token call.",
        (Line("For every {k}", Lt(ewif, 1 + 1 / c)),),
        (Line("A cycle yields at most {k} + 1 tokens at a cost of at least", 1 + k * c),),
        (
            equal(
                "(1 + 1/c) - (k + 1) / (1 + k c) = (1 + k c^2) / (c (1 + k c)), which is positive.",
                1 + 1 / c - (k + 1) / (1 + k * c),
                (1 + k * c**2) / (c * (1 + k * c)),
            ),
        ),
    )


def clairvoyant() -> Theorem:
    """No rule for stopping gains more than one that knows which drafted tokens are right."""
    after, before = 1 / (1 - alpha + c), 1 / (1 - alpha + alpha * c)
    rate = sympy.Symbol("lambda", positive=True)
    drafted, accepted = sympy.symbols("D A", nonnegative=True)
    grid = [Fraction(j, 4) for j in range(5)]
    policies = [
        ((first, second), price, least)
        for first, second in product(grid, repeat=2)
        for price in (Fraction(1, 10), Fraction(1, 4))
        for least in (Fraction(0), Fraction(1, 5), Fraction(1, 2))
    ]
    return Theorem(
        "clairvoyant",
        "What a drafter's knowledge of its own tokens is worth at most",
        "Stated here",
        "A lone drafter of cost {c}, a review of constant cost. Its tokens are right independently of each other with "
        "probability {alpha} below 1; with every token comes a signal (its own probability, the length of a copy) that "
        "may tell whether it is right, and the drafter stops when it likes.",
        (
            Line("If the signal of a token is known after drafting it, and {c} is at most {alpha},", Le(ewif, after)),
            Line("If it is known before, and {c} is at most 1,", Le(ewif, before)),
            Line("Both are reached by signals that tell the truth; fixed lengths are rules of the first kind."),
        ),
        (
            Line(
                "Let A be the accepted tokens and D those drafted while all before them were right. D ends with the "
                "first wrong token at the latest, so its mean is at most",
                1 / (1 - alpha),
            ),
            Line("Told after: whether the next token is right is open when it is drafted, so in the mean"),
            Line("", Eq(sympy.Symbol("A"), alpha * sympy.Symbol("D"))),
            Line(
                "Tokens less lambda times cost are at most the value below, which grows with D, if lambda {c} is at "
                "most {alpha}, and vanishes at the greatest D for lambda equal to the first ceiling.",
                1 + alpha * drafted - rate * (1 + c * drafted),
            ),
            Line(
                "Told before: at least A tokens are drafted, and the mean of A is at most {alpha} / (1 - {alpha}),",
                1 + accepted - rate * (1 + c * accepted),
            ),
        ),
        (
            equal(
                "Told after: at D = 1 / (1 - alpha) and lambda = 1 / (1 - alpha + c) the value is zero.",
                (1 + alpha * drafted - rate * (1 + c * drafted)).subs({drafted: 1 / (1 - alpha), rate: after}),
                sympy.Integer(0),
            ),
            equal(
                "There alpha - lambda c = (1 - alpha)(alpha - c) / (1 - alpha + c), not negative for c <= alpha.",
                alpha - after * c,
                (1 - alpha) * (alpha - c) / (1 - alpha + c),
            ),
            equal(
                "Told before: at A = alpha / (1 - alpha) and lambda = 1 / (1 - alpha + alpha c) the value is zero.",
                (1 + accepted - rate * (1 + c * accepted)).subs({accepted: alpha / (1 - alpha), rate: before}),
                sympy.Integer(0),
            ),
            equal(
                "There 1 - lambda c = (1 - alpha)(1 - c) / (1 - alpha + alpha c), not negative for c <= 1.",
                1 - before * c,
                (1 - alpha) * (1 - c) / (1 - alpha + alpha * c),
            ),
            equal(
                "Drafting up to the first wrong token, 1 / (1 - alpha) in the mean, reaches the first.",
                (1 / (1 - alpha)) / (1 + c / (1 - alpha)),
                after,
            ),
            equal(
                "Drafting right tokens only, alpha / (1 - alpha) in the mean, reaches the second.",
                (1 / (1 - alpha)) / (1 + c * alpha / (1 - alpha)),
                before,
            ),
            all_hold(
                "Rules that stop below a survival stay within both, for two signals of equal frequency.",
                [
                    told_ewif(bins, price, least, before=known)
                    <= told_ceiling((bins[0] + bins[1]) / 2, price, before=known)
                    for bins, price, least in policies
                    for known in (False, True)
                    if price <= (bins[0] + bins[1]) / 2 < 1
                ],
                "exact rationals, up to 5 tokens",
            ),
        ),
    )


def told_ewif(
    hazards: tuple[Fraction, Fraction], cost: Fraction, least: Fraction, longest: int = 5, *, before: bool
) -> Fraction:
    """EWIF of a drafter whose tokens carry one of two signals, each half of the time, every outcome enumerated.

    Args:
        hazards: P(a token is right) by its signal, in [0, 1].
        cost: Cost of a drafter's call, >= 0.
        least: It goes on while the survival, that of the next token included if its signal is known, is above this.
        longest: Greatest number of drafted tokens.
        before: Whether a token's signal is known before it is drafted.
    """

    def onward(survival: Fraction, drafted: int) -> tuple[Fraction, Fraction]:
        gained = spent = Fraction(0)
        if drafted < longest and (before or survival > least):
            for hazard in hazards:
                following = survival * hazard
                if not before or following > least:
                    further = onward(following, drafted + 1)
                    gained += (following + further[0]) / 2
                    spent += (cost + further[1]) / 2
        return gained, spent

    gained, spent = onward(Fraction(1), 0)
    return (1 + gained) / (1 + spent)


def told_ceiling(acceptance: Fraction, cost: Fraction, *, before: bool) -> Fraction:
    """Ceiling of EWIF for tokens of this mean acceptance (below 1), whatever their signals tell."""
    return 1 / (1 - acceptance + cost * (acceptance if before else 1))
