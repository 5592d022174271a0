"""EWIF of any cascade of `tokens` and `rounds` steps with constant acceptances and costs, symbolic or exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy

from analysis.derive.affine import draft_cost, gain, repeated
from analysis.derive.proof import Expression
from analysis.model import Affine, Cascade, Draft, InputError, PerPosition, walk


@dataclass(frozen=True)
class SymbolicEwif:
    """EWIF of one draft as a function of its acceptances and costs.

    Attributes:
        gain: Expected accepted tokens of a cycle: a polynomial in the acceptances, so regular at 1.
        cost: Expected cost of a cycle in one-token target calls: affine in the costs.
        alphas: Symbol of each (reviewer, drafter) that the draft uses, for values in [0, 1].
        costs: Symbol of each drafter's cost over the target's, for values >= 0.
    """

    gain: Expression
    cost: Expression
    alphas: Mapping[tuple[str, str], sympy.Symbol]
    costs: Mapping[str, sympy.Symbol]

    @property
    def ewif(self) -> Expression:
        """(1 + gain) / cost."""
        return (1 + self.gain) / self.cost

    def derivatives(self) -> dict[sympy.Symbol, Expression]:
        """Derivative of EWIF in every acceptance and every cost.

        The gain holds no cost and the cost no acceptance: gain' / cost, and minus EWIF cost' / cost.
        """
        in_alphas = {a: sympy.diff(self.gain, a) / self.cost for a in self.alphas.values()}
        in_costs = {c: -(1 + self.gain) * sympy.diff(self.cost, c) / self.cost**2 for c in self.costs.values()}
        return in_alphas | in_costs

    def values(self, cascade: Cascade) -> dict[sympy.Symbol, sympy.Rational]:
        """Values of all symbols in a cascade, as the exact rationals its floats are; for ``subs``.

        Raises:
            InputError: where an acceptance or a cost is not constant.
        """
        alphas = {symbol: _acceptance(cascade, *pair) for pair, symbol in self.alphas.items()}
        costs = {symbol: _relative_cost(cascade, model) for model, symbol in self.costs.items()}
        return {symbol: sympy.Rational(v.numerator, v.denominator) for symbol, v in (alphas | costs).items()}


def symbolic_ewif(draft: Draft, target: str) -> SymbolicEwif:
    """EWIF of a draft for symbolic acceptances ``alpha_REVIEWER_DRAFTER`` and costs ``c_DRAFTER``.

    Args:
        draft: Nested `tokens` and `rounds` steps; empty gives EWIF 1.
        target: Name of the target.

    Raises:
        InputError: where a step is an `until`.
    """
    steps = repeated(draft)
    pairs = dict.fromkeys((reviewer, step.by) for _, reviewer, step in walk(draft, target))
    alphas = {(r, d): sympy.Symbol(f"alpha_{r}_{d}", nonnegative=True) for r, d in pairs}
    costs = {d: sympy.Symbol(f"c_{d}", nonnegative=True) for d in dict.fromkeys(d for _, d in pairs)}
    return SymbolicEwif(
        sympy.sympify(gain(steps, target, lambda r, d: alphas[r, d])),
        sympy.sympify(1 + draft_cost(steps, costs.__getitem__)),
        alphas,
        costs,
    )


def rational_ewif(cascade: Cascade) -> Fraction:
    """EWIF of a cascade in exact rationals, its floats taken as the rationals they are.

    Raises:
        InputError: where a step is an `until`, or an acceptance or cost is not constant.
    """
    steps = repeated(cascade.draft)
    accepted = gain(steps, cascade.target, lambda r, d: _acceptance(cascade, r, d))
    cost: Fraction = 1 + draft_cost(steps, lambda d: _relative_cost(cascade, d))
    return Fraction(1 + accepted) / cost


def _acceptance(cascade: Cascade, reviewer: str, drafter: str) -> Fraction:
    entry = cascade.pair(reviewer, drafter)
    if not entry.is_constant or not isinstance(entry.accepted, PerPosition):
        raise InputError(f"acceptance.{reviewer}.{drafter}", f"got {entry.to_json()}, expected one constant number")
    return Fraction(entry.accepted.at(0))


def _relative_cost(cascade: Cascade, model: str) -> Fraction:
    parts = []
    for key in (model, cascade.target):
        entry = cascade.cost(key)
        if not isinstance(entry, Affine) or entry.per_token:
            raise InputError(f"models.{key}.cost", f"got {entry.to_json()}, expected one constant number")
        parts.append(Fraction(entry.fixed))
    return parts[0] / parts[1]
