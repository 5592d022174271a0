"""Claims on limits: the ceiling, what depth can gain, what a third drafter can."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.formulas import deep_plan, speculative_plan, vertical_plan
from analysis.claims.search import CHEAP, COST, PROBABILITY, PROPER, REALISTIC, Domain, Property, whole
from analysis.claims.third import WithPublishedWorth
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Step

LONGEST = 12
"""Longest draft that the searches over lengths try."""


def _within_ceiling(a: Fraction, b: Fraction, m: Fraction, c: Fraction, n: int, k: int) -> Sides:
    return deep_plan(a, b, m, c, n, k), 1 / (1 - max(a, m))


def _falling_review(a: Fraction, c: Fraction, share: Fraction, k: int) -> ExactCascade:
    """k tokens of one drafter, where the target's review of two tokens or more costs `share` of a one-token call."""
    plan = speculative_plan(a, c, k)
    return ExactCascade(
        plan.draft, plan.alphas, {**plan.costs, "t": {"by_tokens": [Fraction(1), share], "beyond": "last"}}
    )


def _ceiling_of_falling_review(a: Fraction, c: Fraction, share: Fraction, k: int) -> Sides:
    return _falling_review(a, c, share, k), 1 / (1 - a)


def _ceiling_of_cheapest_review(a: Fraction, c: Fraction, share: Fraction, k: int) -> Sides:
    return _falling_review(a, c, share, k), 1 / (1 - a) / share


def _nesting_with_falling_review(a: Fraction, b: Fraction, c1: Fraction, share: Fraction, k: int) -> Sides:
    """One round over k free tokens, over one token, where reviews of three tokens and more cost the target less."""
    nested = vertical_plan(a, b, c1, FREE, 1, k)
    target = {"t": {"by_tokens": [Fraction(1), Fraction(1), share], "beyond": "last"}}
    ewif = ExactCascade(nested.draft, nested.alphas, {**nested.costs, **target}).ewif()
    return float(ewif) / float(speculative_plan(a, c1, 1).ewif()), 1 / (1 - a**2)


def _near_ceiling(a: Fraction, c: Fraction, k: int) -> Sides:
    """How near a lone drafter comes: the bound times (1 - a^(k+1)) / (1 + kc)."""
    return speculative_plan(a, c, k), (1 - a ** (k + 1)) / (1 + k * c) / (1 - a)


def _nested_factor(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int) -> Fraction:
    """EWIF of d1 in n rounds over k tokens of d2, over one token of d1."""
    inner = (Step("d1", rounds=n, draft=(Step("d2", tokens=k),)),)
    nested = ExactCascade(inner, {("t", "d1"): a, ("d1", "d2"): b}, {"d1": c1, "d2": c2})
    return Fraction(nested.ewif()) / Fraction(speculative_plan(a, c1, 1).ewif())


def _nesting_bound(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int) -> Sides:
    return _nested_factor(a, b, c1, c2, n, k), 1 / (1 - a**2)


def _nesting_at_most_double(a: Fraction, b: Fraction, c1: Fraction, k: int) -> Sides:
    """One round over k free tokens, against twice the best draft that d1 makes by itself."""
    flat = max(Fraction(speculative_plan(a, c1, length).ewif()) for length in range(1, LONGEST))
    return _nested_factor(a, b, c1, FREE, 1, k) * Fraction(speculative_plan(a, c1, 1).ewif()), 2 * max(
        flat, Fraction(1)
    )


def _best_flat(
    shares: Sequence[Fraction], costs: Sequence[Fraction], longest: int, of_last: int = 0
) -> tuple[Fraction, Fraction]:
    """Best EWIF of leaf tokens in the order of falling acceptance, and the survival of that draft.

    The drafter that comes last in this order makes at least `of_last` of at most `longest` tokens.
    """
    order = sorted(range(len(shares)), key=lambda d: -shares[d])
    best = (Fraction(0), Fraction(1))
    for lengths in product(range(longest + 1), repeat=len(shares)):
        if sum(lengths) > longest or lengths[-1] < of_last:
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
    """Best EWIF of horizontal drafts of two drafters, and of three with a token or more of the third, the weakest.

    Each drafter would gain by itself.
    """
    if not (c3 < m < b < a and c2 < b and c1 < a):
        return None
    two = _best_flat((a, b), (c1, c2), 4)[0]
    return (two, _best_flat((a, b, m), (c1, c2, c3), 5, of_last=1)[0]) if two > 1 else None


def _third_pays(a: Fraction, b: Fraction, m: Fraction, c1: Fraction, c2: Fraction, c3: Fraction) -> Sides | None:
    sides = _third(a, b, m, c1, c2, c3)
    best, survival = _best_flat((a, b), (c1, c2), 4)
    return sides if survival * m > c3 * best else None


def _third_useless(a: Fraction, b: Fraction, m: Fraction, c1: Fraction, c2: Fraction, c3: Fraction) -> Sides | None:
    """Any draft with the third drafter, against the best without it, where m <= c3 E."""
    without = _best_flat((a, b), (c1, c2), 5)[0]
    return (_best_flat((a, b, m), (c1, c2, c3), 5)[0], without) if m <= c3 * without else None


_THREE = {"a": PROPER, "b": PROPER, "m": PROPER, "c1": COST, "c2": COST, "c3": COST}
_NEAR_ONE = Domain(tuple(1 - Fraction(1, d) for d in (2, 3, 4, 5, 10, 20)), Fraction(1, 2), Fraction(19, 20))
_FALLS = Domain(tuple(map(Fraction, ("1/2", "3/4", "9/10"))), Fraction(1, 2), 1)

_REAL_THREE = dict.fromkeys(("a", "b", "m"), REALISTIC) | dict.fromkeys(("c1", "c2", "c3"), CHEAP)

CLAIMS = (
    Claim(
        "ceiling",
        "EWIF is at most 1 / (1 - the greatest acceptance by the target), in any cascade where no review costs the "
        "target less than its call on one token.",
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
        "ceiling-at-any-review-cost",
        "The same, whatever the target's reviews cost by length.",
        "Asked here, of the former row without its condition",
        Refutation(
            Property(
                {"a": REALISTIC, "c": CHEAP, "share": _FALLS, "k": whole(4)},
                _ceiling_of_falling_review,
                "<=",
                ("EWIF", "ceiling"),
            ),
            "the ceiling over the cheapest review, in one-token calls",
            Property(
                {"a": REALISTIC, "c": CHEAP, "share": _FALLS, "k": whole(4)},
                _ceiling_of_cheapest_review,
                "<=",
                ("EWIF", "ceiling over the cheapest review"),
            ),
            ("ceiling",),
        ),
    ),
    Claim(
        "ceiling-approached",
        "A lone drafter of constant acceptance and cost reaches the share (1 - a^(k+1)) / (1 + kc) of the ceiling, so "
        "all of it as kc and a^k vanish.",
        "Stated here",
        Proof(
            ("ceiling", "speculative"),
            Property({"a": PROPER, "c": COST, "k": whole(12)}, _near_ceiling, "==", ("EWIF", "share of ceiling")),
        ),
    ),
    Claim(
        "nesting-gain",
        "Where one drafter makes every step of the target's draft and calls cost the same whatever their length, "
        "nesting to any depth gains at most a factor 1 / (1 - a^2) over one token of that drafter.",
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
        "nesting-gain-at-any-review-cost",
        "The same bound, whatever the target's reviews cost by length.",
        "Asked here, of the former row without its condition",
        Refutation(
            Property(
                {"a": REALISTIC, "b": REALISTIC, "c1": CHEAP, "share": _FALLS, "k": whole(6)},
                _nesting_with_falling_review,
                "<=",
                ("factor", "bound"),
            ),
            "reviews that cost the same whatever their length",
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
        "nesting-at-most-double",
        "Nesting never more than doubles the EWIF of the best draft that the same drafter makes by itself.",
        "Asked here: is there a constant that bounds what depth can gain?",
        Refutation(
            Property(
                {"a": _NEAR_ONE, "b": REALISTIC, "c1": CHEAP, "k": whole(20)},
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
        "A third, weaker drafter at the end (a token or more of it, all lengths free) raises the best EWIF of two that "
        "gain.",
        "CS Drafting with two neural drafters and Max-Gram",
        WithPublishedWorth(
            Refutation(
                Property(_REAL_THREE, _third, "<", ("two drafters", "three drafters")),
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
        "Constant acceptances and costs: in the target's draft leaf tokens of a drafter whose acceptance is at most "
        "its cost times the best EWIF without it add nothing.",
        "Stated here",
        Proof(
            ("useless-drafter",),
            Property(_THREE, _third_useless, "<=", ("with", "without")),
            examples=60,
        ),
    ),
)
