"""Seeded search for counterexamples in exact rationals, and shrinking of what it finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from analysis.claims.exact_cascade import ExactCascade

Number: TypeAlias = Any
"""A fraction, a whole number or a float."""
Values: TypeAlias = Mapping[str, Any]
"""A value for each parameter of a property."""

TOLERANCE = 1e-9
"""Allowed rounding, relative to the larger side, where a side is a float; fractions are compared exactly."""


@dataclass(frozen=True)
class Domain:
    """Values of one parameter.

    Attributes:
        values: From the simplest to the most complex; what a search draws from and shrinks along.
        low: Smallest value the claim allows.
        high: Greatest value the claim allows.
        whole: Whether only whole numbers are meant.
    """

    values: tuple[Fraction | int, ...]
    low: Fraction | int
    high: Fraction | int
    whole: bool = False


def whole(high: int, low: int = 1) -> Domain:
    """Whole numbers low..high."""
    return Domain(tuple(range(low, high + 1)), low, high, whole=True)


def _fractions(greatest_denominator: int) -> tuple[Fraction, ...]:
    found: dict[Fraction, None] = {}
    for denominator in range(1, greatest_denominator + 1):
        for numerator in range(denominator + 1):
            found.setdefault(Fraction(numerator, denominator))
    return tuple(found)


PROBABILITY = Domain(_fractions(10), 0, 1)
"""Probabilities with denominators up to 10."""

PROPER = Domain(tuple(f for f in _fractions(10) if 0 < f < 1), Fraction(1, 50), Fraction(49, 50))
"""Probabilities other than 0 and 1."""

COST = Domain(tuple(map(Fraction, ("0", "1", "1/2", "1/4", "1/5", "1/10", "1/20", "1/50", "1/100"))), 0, 1)
"""Costs from free to that of the target."""

REALISTIC = Domain(PROPER.values, Fraction(1, 20), Fraction(19, 20))
"""Acceptances of counterexamples: no drafter is always right or always wrong."""

CHEAP = Domain(tuple(cost for cost in COST.values if cost <= Fraction(1, 2)), 0, Fraction(1, 2))
"""Drafter costs of counterexamples: at most half the target's."""

MARGIN = Fraction(1, 100)
"""Share of the greater side by which a counterexample must miss the claim, so that no tie and no rounding refutes."""

Relation = Literal["<=", "<", "=="]

_HOLDS: Mapping[Relation, Callable[[Number, Number, float], bool]] = {
    "<=": lambda left, right, slack: left <= right + slack,
    "<": lambda left, right, slack: left < right - slack,
    "==": lambda left, right, slack: abs(left - right) <= slack,
}


@dataclass(frozen=True)
class Property:
    """A claim about numbers: for all values of the parameters, left relation right.

    Attributes:
        domains: Domain of each parameter.
        sides: Both sides by parameter values, as numbers or as cascades whose EWIF is meant; None outside the claim's
            assumptions.
        relation: What must hold between them.
        labels: What the two sides are.
    """

    domains: Mapping[str, Domain]
    sides: Callable[..., tuple[Number | ExactCascade, Number | ExactCascade] | None]
    relation: Relation
    labels: tuple[str, str] = ("left", "right")

    def evaluate(self, values: Values) -> tuple[Number, Number] | None:
        """Both sides as numbers, or None outside the assumptions."""
        found = self.sides(**values)
        if found is None:
            return None
        left, right = (side.ewif() if isinstance(side, ExactCascade) else side for side in found)
        return left, right

    def holds(self, values: Values) -> bool | None:
        """Whether the relation holds; None outside the assumptions."""
        found = self.evaluate(values)
        return None if found is None else self._related(*found)

    def misses(self, values: Values, margin: Fraction = Fraction(0)) -> bool | None:
        """Whether the relation fails by at least `margin` of the greater side; None outside the assumptions.

        With margin 0 any failure counts, that of a strict relation at a tie included; above 0 a tie never does.
        """
        found = self.evaluate(values)
        if found is None:
            return None
        if not margin:
            return not self._related(*found)
        left, right = found
        excess = abs(left - right) if self.relation == "==" else left - right
        return bool(excess > 0 and excess >= margin * max(abs(left), abs(right)))

    def _related(self, left: Number, right: Number) -> bool:
        exact = not isinstance(left, float) and not isinstance(right, float)
        slack = 0 if exact else TOLERANCE * float(max(abs(left), abs(right), 1))
        return _HOLDS[self.relation](left, right, slack)

    def shown(self, values: Values) -> dict[str, str]:
        """Parameters and both sides, for a reader."""
        found = self.evaluate(values)
        assert found is not None
        parts = {name: str(value) for name, value in values.items()}
        return parts | {label: _short(side) for label, side in zip(self.labels, found, strict=True)}


@dataclass(frozen=True)
class SearchResult:
    """Outcome of a search.

    Attributes:
        examples: Examples tried within the assumptions.
        counterexample: Shrunk values that violate the property, or None.
    """

    examples: int
    counterexample: Values | None


def search(claimed: Property, examples: int, seed: int = 0, margin: Fraction = Fraction(0)) -> SearchResult:
    """Draw values until a counterexample or enough examples; deterministic for a seed.

    Args:
        claimed: The property.
        examples: Examples within the assumptions to try; at most fifty times as many are drawn.
        seed: Seed of the draws.
        margin: Share of the greater side by which a counterexample must miss the claim; 0 takes any failure.
    """
    draw = random.Random(seed)
    tried = 0
    for _ in range(50 * examples):
        values = {name: draw.choice(domain.values) for name, domain in claimed.domains.items()}
        missed = claimed.misses(values, margin)
        if missed is None:
            continue
        tried += 1
        if missed:
            return SearchResult(tried, shrink(claimed, values, margin))
        if tried == examples:
            break
    return SearchResult(tried, None)


def shrink(claimed: Property, values: Values, margin: Fraction = Fraction(0)) -> Values:
    """Simplify a counterexample until no parameter can be made simpler with the claim still missed by `margin`."""
    current = dict(values)
    improved = True
    while improved:
        improved = False
        for name, domain in claimed.domains.items():
            for simpler in domain.values[: domain.values.index(current[name])]:
                if claimed.misses(current | {name: simpler}, margin):
                    current[name] = simpler
                    improved = True
                    break
    return current


def _short(value: Number) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 20 else f"{float(value):.6g} (exactly a fraction)"
