"""Deciding equalities: exactly, and for every value of a whole-number symbol where an induction settles it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import sympy

from analysis.derive.theorem import ProofCheck

Expression: TypeAlias = Any
"""A SymPy expression; SymPy has no types of its own to check against."""

EVERY = "SymPy, symbolic in every symbol"


def vanishes(expression: Expression) -> bool:
    """Whether an expression is identically zero.

    Powers are split until only symbols to single symbolic powers are left (alpha^(k+1) = alpha alpha^k), and the
    numerator over a common denominator is expanded: a decision for rational functions of symbols and such powers.
    """
    opened = _split(sympy.sympify(expression))
    if opened.is_polynomial():
        return bool(opened == 0)
    numerator, _ = sympy.fraction(sympy.together(opened))
    return bool(_split(numerator) == 0)


def _split(expression: Expression) -> Expression:
    return sympy.expand(expression, power_base=True, power_exp=True)


def equal(claim: str, left: Expression, right: Expression, method: str = EVERY) -> ProofCheck:
    """Check that two expressions are the same function of their symbols."""
    return ProofCheck(claim, method, vanishes(left - right))


def all_hold(claim: str, outcomes: Iterable[bool], method: str) -> ProofCheck:
    """Check that every case of a finite list holds, and say how many there were."""
    results = list(outcomes)
    return ProofCheck(claim, f"{method}, {len(results)} cases", bool(results) and all(results))


def by_induction(
    claim: str,
    closed: Callable[[Expression], Expression],
    first: Expression,
    increment: Callable[[Expression], Expression],
    index: sympy.Symbol,
    start: int = 0,
) -> ProofCheck:
    """Check a closed form of a sum for every whole number from `start` on.

    Args:
        claim: What the closed form is.
        closed: The closed form F(index).
        first: The sum at `start`.
        increment: What the sum gains from index to index + 1, taken from its definition.
        index: The symbol of the induction.
        start: Where the induction begins.
    """
    anchored = vanishes(closed(sympy.Integer(start)) - first)
    steps = vanishes(closed(index + 1) - closed(index) - increment(index))
    return ProofCheck(claim, f"SymPy, every {index} >= {start} by induction", anchored and steps)


def nonnegative_coefficients(expression: Expression, *symbols: sympy.Symbol) -> bool:
    """Whether a polynomial has no negative coefficient, hence no negative value at symbols >= 0."""
    polynomial = sympy.Poly(sympy.expand(expression), *symbols)
    return all(coefficient >= 0 for coefficient in polynomial.coeffs())
