"""Acceptance that varies over prompts: the sign of the error of a single mean acceptance."""

from __future__ import annotations

import sympy
from sympy import Eq, Le, Sum

from analysis.derive.notation import alpha, i, k
from analysis.derive.proof import all_hold, equal, nonnegative_coefficients
from analysis.derive.speculative import mean_yield
from analysis.derive.theorem import Line, Theorem

_upper, _rest, _power = sympy.symbols("u v s", integer=True, nonnegative=True)


def _tokens(length: int) -> sympy.Poly:
    return sympy.Poly(sum(alpha**j for j in range(length + 1)), alpha)


def _convexity(length: int) -> sympy.Poly:
    """2 T'^2 - T T'', whose sign is that of the second derivative of 1 / T."""
    total = _tokens(length)
    return 2 * total.diff() ** 2 - total * total.diff().diff()


def heterogeneity() -> Theorem:
    """Sign of the i.i.d. error when the acceptance varies over prompts, under both weightings."""
    pairs = sympy.summation(3 * i * (_power - i) - _power * (_power - 1) / 2, (i, _power - k, k))
    coefficient = sympy.expand(pairs.subs(_power, k + _upper + 1).subs(k, _upper + 1 + _rest))
    low = sympy.summation(3 * i * (_power - i) - _power * (_power - 1) / 2, (i, 0, _power))
    agree = [
        _convexity(length).coeff_monomial(alpha ** (s - 2)) == (pairs.subs({_power: s, k: length}) if s > length else 0)
        for length in range(1, 9)
        for s in range(2, 2 * length + 1)
    ]
    mean, t = sympy.Function("E"), sympy.Function("T")
    return Theorem(
        "heterogeneity",
        "Sign of the error of a single mean acceptance",
        "Stated here",
        "One drafter drafts {k} tokens by itself; {alpha} is drawn once a prompt from any law with mean E({alpha}), "
        "and cycles within a prompt are i.i.d.",
        (
            Line(
                "Weighting cycles equally (prompts of equally many cycles), the mean of tokens per cycle is at least "
                "that of the mean acceptance,",
                sympy.Ge(mean(t(alpha)), t(mean(alpha))),
            ),
            Line(
                "Weighting tokens equally (prompts of equally many tokens), EWIF is a harmonic mean, and at most that "
                "of the mean acceptance,",
                Le(1 / mean(1 / t(alpha)), t(mean(alpha))),
            ),
            Line("Both are equalities when {alpha} does not vary; the first also for {k} = 1."),
        ),
        (
            Line(
                "The tokens per cycle are convex in {alpha}, a polynomial with coefficients 1,",
                Eq(t(alpha), Sum(alpha**i, (i, 0, k))),
            ),
            Line(
                "N tokens of a prompt take N / T cycles, at the same cost each, so time per token is the mean of 1 / "
                "T. It is convex too: its second derivative has the sign of",
                2 * sympy.Derivative(t(alpha), alpha) ** 2 - t(alpha) * sympy.Derivative(t(alpha), (alpha, 2)),
            ),
            Line(
                "whose coefficient at {alpha} to the power s - 2 is, over the pairs of exponents i and s - i within "
                "0..{k},",
                Sum(
                    3 * i * (_power - i) - _power * (_power - 1) / 2,
                    (i, sympy.Max(0, _power - k), sympy.Min(_power, k)),
                ),
            ),
            Line(
                "It is zero for s up to {k}; for s = {k} + u + 1 and {k} = u + 1 + v it is a polynomial without "
                "negative coefficients,",
                sympy.factor(coefficient),
            ),
            Line("Jensen's inequality gives both statements."),
        ),
        (
            all_hold(
                "T is a polynomial without negative coefficients.",
                [nonnegative_coefficients(_tokens(length).as_expr(), alpha) for length in range(9)],
                "SymPy, k = 0..8",
            ),
            equal("The coefficient is zero for s <= k.", low, sympy.Integer(0)),
            all_hold(
                "For s > k it is a polynomial in u and v without negative coefficients.",
                [nonnegative_coefficients(coefficient, _upper, _rest)],
                "SymPy, every k",
            ),
            all_hold("The coefficients are those of 2 T'^2 - T T''.", agree, "SymPy, k = 1..8"),
            equal(
                "T is the closed form of speculative decoding.",
                _tokens(5).as_expr(),
                mean_yield(alpha, sympy.Integer(5)),
                "SymPy, k = 5",
            ),
        ),
    )
