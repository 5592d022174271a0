"""The best rule for stopping a draft, and which acceptances help."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import sympy
from sympy import Eq

from analysis.derive import affine, first_principles
from analysis.derive.affine import Repeated
from analysis.derive.notation import alpha, beta, c1, g, h, n, phi
from analysis.derive.proof import all_hold, equal
from analysis.derive.theorem import Line, Theorem
from analysis.derive.vertical import vertical_tokens


def stopping() -> Theorem:
    """The best rule for stopping a draft is a threshold on its length: `until`."""
    length = sympy.Symbol("L", integer=True, nonnegative=True)
    advantage = alpha**length * alpha * (1 + h) - sympy.Symbol("lambda") * c1
    grid = [Fraction(share, 6) for share in range(1, 6)]
    return Theorem(
        "stopping",
        "Fixed `rounds` or `until`",
        "Stated here (the monotone case of optimal stopping)",
        "The target's draft consists of rounds, all alike and nothing else, at cost {c1} each (inner draft included); "
        "acceptance "
        "{alpha} and costs are constant, acceptance is independent of the yields. After each round the drafter may "
        "stop or go on, knowing the yields so far.",
        (
            Line(
                "The greatest EWIF of all rules for stopping is reached by `until` k for some k, so the best `until` "
                "is at least as good as the best `rounds`."
            ),
            Line("With lambda the best EWIF, go on as long as the length L has", sympy.Gt(advantage, 0)),
        ),
        (
            Line(
                "A rule with the greatest ratio also maximises tokens less lambda times cost. One more round at "
                "length L adds, by the affine step with nothing behind it,",
                advantage,
            ),
            Line(
                "This never rises as the draft grows,",
                Eq(sympy.Symbol("D"), (alpha - 1) * alpha**length * alpha * (1 + h)),
            ),
            Line(
                "so once a further round does not pay, none does later: looking one round ahead is optimal, and what "
                "it looks at is the length alone."
            ),
            Line(
                "The reason fails where survival is not a function of the length: with hazards by type, or hazards "
                "that rise with position. If inner-accepted tokens are sure and only corrections fail, survival is a "
                "function of the number of rounds, and fixed `rounds` is best."
            ),
        ),
        (
            equal(
                "The advantage at L + 1 less that at L is (alpha - 1) alpha^L alpha (1 + g).",
                advantage.subs(length, length + 1) - advantage,
                (alpha - 1) * alpha**length * alpha * (1 + h),
            ),
            all_hold(
                "The best threshold equals the best of all rules, found by a dynamic programme over rounds and length.",
                [
                    _threshold_is_best(a, b, price)
                    for a in grid
                    for b in grid
                    for price in (Fraction(1, 4), Fraction(1))
                ],
                "exact rationals, at most 5 rounds over 2 inner tokens",
            ),
        ),
    )


def _threshold_is_best(outer: Fraction, inner: Fraction, charge: Fraction, most: int = 5) -> bool:
    """Whether some threshold on the length is as good as the best adaptive rule, at lambda times cost = `charge`."""
    added = first_principles.yield_law((Repeated("d2", 2),), "d1", lambda r, d: inner)

    def gained(length: int) -> Fraction:
        return sum((p * sum(outer ** (length + j) for j in range(1, r + 1)) for r, p in added.items()), Fraction(0))

    @cache
    def best(rounds: int, length: int) -> Fraction:
        if rounds == most:
            return Fraction(0)
        onward = sum((p * best(rounds + 1, length + r) for r, p in added.items()), Fraction(0))
        return max(Fraction(0), gained(length) - charge + onward)

    @cache
    def until(threshold: int, rounds: int, length: int) -> Fraction:
        if rounds == most or length >= threshold:
            return Fraction(0)
        onward = sum((p * until(threshold, rounds + 1, length + r) for r, p in added.items()), Fraction(0))
        return gained(length) - charge + onward

    return best(0, 0) == max(until(threshold, 0, 0) for threshold in range(3 * most + 1))


def monotone() -> Theorem:
    """Raising an acceptance by the target never hurts; raising an inner one may."""
    following = sympy.Symbol("G", nonnegative=True)
    mapped = affine.one_round(alpha, g)(following)
    inner_slope = sympy.diff(mapped, g)
    short = sympy.Symbol("d", nonnegative=True)
    laws = [
        first_principles.yield_law(
            (Repeated("d1", n_rounds, (Repeated("d2", size),)),), "t", lambda r, d: alpha if r == "t" else beta
        )
        for n_rounds in (1, 2)
        for size in (1, 2)
    ]
    return Theorem(
        "monotone",
        "Which acceptances help",
        "Stated here",
        "A nested cascade with constant acceptances and costs; acceptance is independent of the yields.",
        (
            Line("EWIF never falls when an acceptance by the target rises."),
            Line(
                "In an inner draft of a step with acceptance {alpha}, a greater gain {g} raises the gain of the whole "
                "draft if and only if what follows the step has a gain G with",
                sympy.Lt(following, alpha / (1 - alpha)),
            ),
            Line("which always holds where the steps are in the order of falling acceptance."),
        ),
        (
            Line(
                "At a given draft the chance that j tokens are accepted is a product of acceptances by the target, "
                "and drafts do not depend on those."
            ),
            Line("A round over an inner draft of thinned gain {g}, followed by gain G, has the gain", mapped),
            Line("whose slope in {g} is", inner_slope),
            Line(
                "A longer round has more tokens to accept, but also stands longer before what follows. By the "
                "ceiling, G is at most M / (1 - M) with M the greatest acceptance behind the step."
            ),
        ),
        (
            equal("The slope is alpha - (1 - alpha) G.", inner_slope, alpha - (1 - alpha) * following),
            equal(
                "If G = M / (1 - M) with M = alpha - d, the slope is d / (1 - alpha + d).",
                inner_slope.subs(following, (alpha - short) / (1 - alpha + short)),
                short / (1 - alpha + short),
            ),
            all_hold(
                "The mean over every outcome is a polynomial in alpha without negative coefficients, for alpha' = 1/3.",
                [
                    all(
                        coefficient >= 0
                        for coefficient in sympy.Poly(
                            sympy.expand(first_principles.mean(law).subs(beta, sympy.Rational(1, 3))), alpha
                        ).coeffs()
                    )
                    for law in laws
                ],
                "SymPy, rounds 1..2 over 1..2 tokens",
            ),
            equal(
                "The vertical cascade's slope in phi is -n alpha phi^(n-1) / (1 - alpha), so a smaller phi always "
                "helps.",
                sympy.diff(vertical_tokens(phi, n), phi),
                -n * alpha * phi ** (n - 1) / (1 - alpha),
            ),
        ),
    )
