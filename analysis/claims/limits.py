"""Claims on limits: the ceiling, what depth can gain, what a third drafter can."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.formulas import deep_plan, speculative_plan
from analysis.claims.plan import Plan
from analysis.claims.search import COST, PROBABILITY, PROPER, Domain, Property, whole
from analysis.claims.third import WithPublishedWorth
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Step

LONGEST = 12
"""Longest draft that the searches over lengths try."""


def _within_ceiling(a: Fraction, b: Fraction, m: Fraction, c: Fraction, n: int, k: int) -> Sides:
    return deep_plan(a, b, m, c, n, k), 1 / (1 - max(a, m))


def _near_ceiling(a: Fraction, c: Fraction, k: int) -> Sides | None:
    """How near a lone drafter comes: the bound times (1 - a^(k+1)) / (1 + kc)."""
    return speculative_plan(a, c, k), (1 - a ** (k + 1)) / (1 + k * c) / (1 - a)


def _nested_factor(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int) -> Fraction:
    """EWIF of d1 in n rounds over k tokens of d2, over one token of d1."""
    inner = (Step("d1", rounds=n, draft=(Step("d2", tokens=k),)),)
    nested = Plan(inner, {("t", "d1"): a, ("d1", "d2"): b}, {"d1": c1, "d2": c2})
    return Fraction(nested.ewif()) / Fraction(speculative_plan(a, c1, 1).ewif())


def _nesting_bound(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int) -> Sides:
    return _nested_factor(a, b, c1, c2, n, k), 1 / (1 - a**2)


def _nesting_at_most_double(a: Fraction, b: Fraction, c1: Fraction, k: int) -> Sides:
    """One round over k free tokens, against twice the best draft that d1 makes by itself."""
    flat = max(Fraction(speculative_plan(a, c1, length).ewif()) for length in range(1, LONGEST))
    return _nested_factor(a, b, c1, FREE, 1, k) * Fraction(speculative_plan(a, c1, 1).ewif()), 2 * max(
        flat, Fraction(1)
    )


def _best_flat(shares: Sequence[Fraction], costs: Sequence[Fraction], longest: int = 6) -> tuple[Fraction, Fraction]:
    """Best EWIF of leaf tokens in the order of falling acceptance, and the survival of that draft."""
    order = sorted(range(len(shares)), key=lambda d: -shares[d])
    best = (Fraction(1), Fraction(1))
    for lengths in product(range(longest + 1), repeat=len(shares)):
        if sum(lengths) > longest:
            continue
        tokens, survival, cost = Fraction(1), Fraction(1), Fraction(1)
        for drafter, length in zip(order, lengths, strict=True):
            for _ in range(length):
                survival *= shares[drafter]
                tokens += survival
                cost += costs[drafter]
        best = max(best, (tokens / cost, survival))
    return best


def _third(a: Fraction, b: Fraction, m: Fraction, c1: Fraction, c2: Fraction, c3: Fraction) -> Sides | None:
    """Best EWIF of horizontal drafts of two drafters, and of three."""
    if not 0 < m < b < a < 1:
        return None
    two = _best_flat((a, b), (c1, c2), 4)[0]
    return (two, _best_flat((a, b, m), (c1, c2, c3), 5)[0]) if two > 1 else None


def _third_pays(a: Fraction, b: Fraction, m: Fraction, c1: Fraction, c2: Fraction, c3: Fraction) -> Sides | None:
    sides = _third(a, b, m, c1, c2, c3)
    best, survival = _best_flat((a, b), (c1, c2), 4)
    return sides if survival * m > c3 * best else None


def _third_useless(a: Fraction, b: Fraction, m: Fraction, c1: Fraction, c2: Fraction, c3: Fraction) -> Sides | None:
    """Any draft with the third drafter, against the best without it, where m <= c3 E."""
    without = _best_flat((a, b), (c1, c2), 5)[0]
    return (_best_flat((a, b, m), (c1, c2, c3), 5)[0], without) if m <= c3 * without else None


_THREE = {"a": PROPER, "b": PROPER, "m": PROPER, "c1": COST, "c2": COST, "c3": COST}
_RISES = Domain(tuple(map(Fraction, ("0", "1", "1/2", "1/4", "1/10", "2"))), 0, 2)
_NEAR_ONE = Domain(tuple(1 - Fraction(1, d) for d in (2, 3, 4, 5, 10, 20, 50)), Fraction(1, 2), Fraction(49, 50))
_CALLS = {"a": PROBABILITY, "c": COST, "t1": _RISES, "t2": _RISES, "t3": _RISES}

CLAIMS = (
    Claim(
        "ceiling",
        "EWIF is at most 1 / (1 - the greatest acceptance by the target), in any cascade.",
        "Stated here",
        Proof(
            ("ceiling",),
            Property(
                {"a": PROPER, "b": PROBABILITY, "m": PROPER, "c": COST, "n": whole(3), "k": whole(3)},
                _within_ceiling,
                "<=",
                ("EWIF", "ceiling"),
            ),
        ),
    ),
    Claim(
        "ceiling-approached",
        "A lone drafter reaches the share (1 - a^(k+1)) / (1 + kc) of the ceiling, so all of it as c and a^k vanish.",
        "Stated here",
        Proof(
            ("ceiling", "speculative"),
            Property({"a": PROPER, "c": COST, "k": whole(12)}, _near_ceiling, "==", ("EWIF", "share of ceiling")),
        ),
    ),
    Claim(
        "nesting-gain",
        "Nesting to any depth gains at most a factor 1 / (1 - a^2) over one token of the same drafter.",
        "Stated here",
        Proof(
            ("nesting-gain",),
            Property(
                {"a": PROPER, "b": PROBABILITY, "c1": COST, "c2": COST, "n": whole(4), "k": whole(6)},
                _nesting_bound,
                "<=",
                ("factor", "bound"),
            ),
            note="Over k tokens at most (1 + kc) / ((1 + c)(1 - a^(k+1))); the bound on EWIF itself is "
            "1 / ((1 - a)(1 + c)), approached by one round over a long free draft that is nearly always right.",
        ),
    ),
    Claim(
        "nesting-at-most-double",
        "Nesting never more than doubles the EWIF of the best draft without it.",
        "Asked here: is there a constant that bounds what depth can gain?",
        Refutation(
            Property(
                {"a": _NEAR_ONE, "b": PROBABILITY, "c1": COST, "k": whole(20)},
                _nesting_at_most_double,
                "<=",
                ("nested", "twice the best without"),
            ),
            "no constant does; the bound of nesting-gain, which grows with the acceptance, does",
            Property(
                {"a": PROPER, "b": PROBABILITY, "c1": COST, "c2": COST, "n": whole(4), "k": whole(6)},
                _nesting_bound,
                "<=",
                ("factor", "bound"),
            ),
            ("nesting-gain",),
        ),
    ),
    Claim(
        "third-drafter",
        "A third, weaker drafter at the end raises the best EWIF of two that gain.",
        "CS Drafting with two neural drafters and Max-Gram",
        WithPublishedWorth(
            Refutation(
                Property(_THREE, _third, "<", ("two drafters", "three drafters")),
                "survival of the best draft of two times its acceptance exceeds its cost times EWIF; a free one "
                "always does",
                Property(_THREE, _third_pays, "<", ("two drafters", "three drafters")),
                ("marginal-token",),
                examples=60,
            )
        ),
    ),
    Claim(
        "useless-drafter",
        "Leaf tokens of a drafter with acceptance at most its cost times the best EWIF without it add nothing.",
        "Stated here",
        Proof(
            ("useless-drafter",),
            Property(_THREE, _third_useless, "<=", ("with", "without")),
            examples=60,
        ),
    ),
)
