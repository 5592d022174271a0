"""Claims on how much to draft: one more token, one peak, the ceiling, depth, a third drafter."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.formulas import speculative_plan
from analysis.claims.plan import Plan
from analysis.claims.search import COST, PROBABILITY, PROPER, Domain, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Step

LONGEST = 12
"""Longest draft that the searches over lengths try."""


def _two(a: Fraction, m: Fraction, c1: Fraction, c2: Fraction, k1: int, k2: int) -> Plan:
    """k1 tokens of d1, then k2 of d2; a length may be 0."""
    draft = tuple(Step(d, tokens=k) for d, k in (("d1", k1), ("d2", k2)) if k)
    return Plan(draft, {("t", "d1"): a, ("t", "d2"): m}, {"d1": c1, "d2": c2})


def _marginal(a: Fraction, m: Fraction, c1: Fraction, c2: Fraction, k: int) -> Sides:
    before = Fraction(speculative_plan(a, c1, k).ewif())
    after = Fraction(_two(a, m, c1, c2, k, 1).ewif())
    return int(after > before), int(a**k * m > c2 * before)


def _valleys(values: Sequence[float]) -> int:
    """Number of times a sequence turns from falling to rising; 0 for one peak."""
    moves = [right - left for left, right in pairwise(values) if abs(right - left) > 1e-12]
    return sum(1 for before, after in pairwise(moves) if before < 0 < after)


def _valleys_by_hazard(h0: Fraction, h1: Fraction, h2: Fraction, h3: Fraction, c: Fraction) -> Sides:
    hazards = {("t", "d"): {"per_position": [h0, h1, h2, h3]}}
    plans = [Plan((Step("d", tokens=k),), hazards, {"d": c}) for k in range(1, 8)]
    return _valleys([1.0, *(float(plan.ewif()) for plan in plans)]), 0


def _valleys_by_call(a: Fraction, c: Fraction, t1: Fraction, t2: Fraction, t3: Fraction) -> Sides:
    """The target's calls on 2, 3, 4 and more tokens cost 1 + t1, 1 + t1 + t2, 1 + t1 + t2 + t3."""
    costs = {"d": c, "t": {"by_tokens": [Fraction(1), 1 + t1, 1 + t1 + t2, 1 + t1 + t2 + t3]}}
    plans = [Plan((Step("d", tokens=k),), {("t", "d"): a}, costs) for k in range(1, 4)]
    return _valleys([1.0, *(float(plan.ewif()) for plan in plans)]), 0


def _valleys_by_convex_call(a: Fraction, c: Fraction, t1: Fraction, t2: Fraction, t3: Fraction) -> Sides | None:
    return _valleys_by_call(a, c, t1, t2, t3) if t1 <= t2 <= t3 else None


def _free_token(a: Fraction, m: Fraction, c1: Fraction, k: int) -> Sides | None:
    return (speculative_plan(a, c1, k), _two(a, m, c1, FREE, k, 1)) if a * m else None


def _free_token_at_a_price(a: Fraction, m: Fraction, growth: Fraction, k: int) -> Sides | None:
    """A free token behind k free ones, where the target's call on q tokens costs 1 + growth (q - 1)."""
    if not a * m:
        return None
    before, after = _two(a, m, FREE, FREE, k, 0), _two(a, m, FREE, FREE, k, 1)
    target = {"t": {"fixed": 1 - growth, "per_token": growth}}
    return (
        Plan(before.draft, before.alphas, {**before.costs, **target}),
        Plan(after.draft, after.alphas, {**after.costs, **target}),
    )


_THREE = {"a": PROPER, "b": PROPER, "m": PROPER, "c1": COST, "c2": COST, "c3": COST}
_RISES = Domain(tuple(map(Fraction, ("0", "1", "1/2", "1/4", "1/10", "2"))), 0, 2)
_NEAR_ONE = Domain(tuple(1 - Fraction(1, d) for d in (2, 3, 4, 5, 10, 20, 50)), Fraction(1, 2), Fraction(49, 50))
_CALLS = {"a": PROBABILITY, "c": COST, "t1": _RISES, "t2": _RISES, "t3": _RISES}

CLAIMS = (
    Claim(
        "marginal-rule",
        "One more token pays if and only if survival times its acceptance exceeds its cost times EWIF.",
        "Stated here",
        Proof(
            ("marginal-token",),
            Property(
                {"a": PROBABILITY, "m": PROBABILITY, "c1": COST, "c2": COST, "k": whole(5)},
                _marginal,
                "==",
                ("it pays", "the rule says so"),
            ),
        ),
    ),
    Claim(
        "one-peak",
        "EWIF has one peak in the draft length of a lone drafter, whatever its hazards by position.",
        "Assumed by every search over k; Leviathan et al. 2023 for i.i.d. acceptance",
        Proof(
            ("unimodal",),
            Property(
                {**{f"h{j}": PROBABILITY for j in range(4)}, "c": COST},
                _valleys_by_hazard,
                "==",
                ("valleys of EWIF over k = 0..7", "claimed"),
            ),
            note="Rising hazards (copying drafters) do not break it: survival falls all the same.",
        ),
    ),
    Claim(
        "one-peak-at-any-review-cost",
        "EWIF has one peak in the draft length, whatever the target's calls cost by length.",
        "Assumed by searches over k on hardware with steps in the call time",
        Refutation(
            Property(_CALLS, _valleys_by_call, "==", ("valleys of EWIF over k = 0..3", "claimed")),
            "call costs that rise by no less with each token (convex; scalar and affine costs are)",
            Property(_CALLS, _valleys_by_convex_call, "==", ("valleys of EWIF over k = 0..3", "claimed")),
        ),
    ),
    Claim(
        "free-last-token",
        "A free token that may be accepted, behind a draft that may survive, always gains.",
        "CS Drafting's Max-Gram at the end of every draft",
        Proof(
            ("marginal-token",),
            Property(
                {"a": PROBABILITY, "m": PROBABILITY, "c1": COST, "k": whole(5)},
                _free_token,
                "<",
                ("without", "with"),
            ),
            note="Its whole worth is bounded: m / (1 - m) times the survival before it, over the cost of the cycle.",
        ),
    ),
    Claim(
        "free-last-token-at-any-review-cost",
        "The same, whatever it costs the target to review one token more.",
        "Implied where only calls are counted (CS Drafting's cost tables)",
        Refutation(
            Property(
                {"a": PROBABILITY, "m": PROBABILITY, "growth": PROBABILITY, "k": whole(5)},
                _free_token_at_a_price,
                "<=",
                ("without", "with"),
            ),
            "the target's call costs the same for one token more",
            Property(
                {"a": PROBABILITY, "m": PROBABILITY, "c1": COST, "k": whole(5)},
                _free_token,
                "<",
                ("without", "with"),
            ),
            ("marginal-token",),
        ),
    ),
)
