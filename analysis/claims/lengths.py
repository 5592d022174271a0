"""Claims on how much to draft: one more token, one peak, the ceiling, depth, a third drafter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.formulas import speculative_plan
from analysis.claims.search import CHEAP, COST, MARGIN, PROBABILITY, PROPER, REALISTIC, Domain, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.derive.draft_length import real_length
from analysis.model import Step


def _two(a: Fraction, m: Fraction, c1: Fraction, c2: Fraction, k1: int, k2: int) -> ExactCascade:
    """k1 tokens of d1, then k2 of d2; a length may be 0."""
    draft = tuple(Step(d, tokens=k) for d, k in (("d1", k1), ("d2", k2)) if k)
    return ExactCascade(draft, {("t", "d1"): a, ("t", "d2"): m}, {"d1": c1, "d2": c2})


def _marginal(a: Fraction, m: Fraction, c1: Fraction, c2: Fraction, k: int) -> Sides:
    before = Fraction(speculative_plan(a, c1, k).ewif())
    after = Fraction(_two(a, m, c1, c2, k, 1).ewif())
    return int(after > before), int(a**k * m > c2 * before)


LONGEST = 200
"""Longest draft that the search for the best length tries."""
ROUNDING = 1e-12
"""Smallest relative change between neighbouring values that counts as a move."""


def _inserted(a: Fraction, m: Fraction, c1: Fraction, c2: Fraction, k: int) -> Sides:
    """EWIF without, and with a token of d2 in front of k of d1, where the appended token's rule says that it pays."""
    before = speculative_plan(a, c1, k)
    alphas, costs = {("t", "d1"): a, ("t", "d2"): m}, {"d1": c1, "d2": c2}
    after = ExactCascade((Step("d2", tokens=1), Step("d1", tokens=k)), alphas, costs)
    return before, after


def _inserted_by_appended_rule(a: Fraction, m: Fraction, c1: Fraction, c2: Fraction, k: int) -> Sides | None:
    return _inserted(a, m, c1, c2, k) if m > c2 * Fraction(speculative_plan(a, c1, k).ewif()) else None


def _inserted_by_own_rule(a: Fraction, m: Fraction, c1: Fraction, c2: Fraction, k: int) -> Sides | None:
    """The gain behind the new token is lost where it is rejected: it adds m (1 + g) - g."""
    ewif = Fraction(speculative_plan(a, c1, k).ewif())
    gain = sum(a**j for j in range(1, k + 1))
    return _inserted(a, m, c1, c2, k) if m * (1 + gain) - gain > c2 * ewif else None


def _neighbouring_length(a: Fraction, c: Fraction) -> tuple[float, float] | None:
    """Best EWIF of all lengths up to `LONGEST`, and of the two whole numbers beside the real length."""
    if not 0 < c < a:
        return None
    share, cost = float(a), float(c)
    ewifs = [(1 - share ** (k + 1)) / ((1 - share) * (1 + k * cost)) for k in range(LONGEST + 1)]
    real = real_length(a, c)
    beside = (max(math.floor(real + 1e-9), 0), min(math.ceil(real - 1e-9), LONGEST))
    return max(ewifs), max(ewifs[length] for length in beside)


def _valleys(values: Sequence[float], depth: float = ROUNDING) -> int:
    """Number of times a sequence turns from falling to rising by more than `depth`; 0 for one peak."""
    moves = [right - left for left, right in pairwise(values) if abs(right - left) > depth * max(left, right)]
    return sum(1 for before, after in pairwise(moves) if before < 0 < after)


def _valleys_by_hazard(h0: Fraction, h1: Fraction, h2: Fraction, h3: Fraction, c: Fraction) -> Sides:
    hazards = {("t", "d"): {"per_position": [h0, h1, h2, h3], "beyond": "last"}}
    plans = [ExactCascade((Step("d", tokens=k),), hazards, {"d": c}) for k in range(1, 8)]
    return _valleys([1.0, *(float(plan.ewif()) for plan in plans)]), 0


def _valleys_by_call(
    a: Fraction, c: Fraction, t1: Fraction, t2: Fraction, t3: Fraction, depth: float = float(MARGIN)
) -> Sides:
    """The target's calls on 2, 3, 4 and more tokens cost 1 + t1, 1 + t1 + t2, 1 + t1 + t2 + t3."""
    costs = {"d": c, "t": {"by_tokens": [Fraction(1), 1 + t1, 1 + t1 + t2, 1 + t1 + t2 + t3], "beyond": "last"}}
    plans = [ExactCascade((Step("d", tokens=k),), {("t", "d"): a}, costs) for k in range(1, 4)]
    return _valleys([1.0, *(float(plan.ewif()) for plan in plans)], depth), 0


def _valleys_by_convex_call(a: Fraction, c: Fraction, t1: Fraction, t2: Fraction, t3: Fraction) -> Sides | None:
    return _valleys_by_call(a, c, t1, t2, t3, ROUNDING) if t1 <= t2 <= t3 else None


def _free_token(a: Fraction, m: Fraction, c1: Fraction, k: int) -> Sides | None:
    return (speculative_plan(a, c1, k), _two(a, m, c1, FREE, k, 1)) if a * m else None


def _free_token_at_a_price(a: Fraction, m: Fraction, growth: Fraction, k: int) -> tuple[float, float] | None:
    """A free token behind k free ones that gain, where the target's call on q tokens costs 1 + growth (q - 1)."""
    target = {"t": {"fixed": 1 - growth, "per_token": growth}}
    before, after = (
        float(ExactCascade(plan.draft, plan.alphas, {**plan.costs, **target}).ewif())
        for plan in (_two(a, m, FREE, FREE, k, 0), _two(a, m, FREE, FREE, k, 1))
    )
    return (before, after) if before > 1 else None


_RISES = Domain(tuple(map(Fraction, ("0", "1", "1/2", "1/4", "1/10", "2"))), 0, 2)
_CALLS = {"a": PROBABILITY, "c": COST, "t1": _RISES, "t2": _RISES, "t3": _RISES}
_REAL_CALLS = _CALLS | {"a": REALISTIC, "c": CHEAP}

_INSERTED = {"a": REALISTIC, "m": REALISTIC, "c1": CHEAP, "c2": CHEAP, "k": whole(5)}

CLAIMS = (
    Claim(
        "marginal-rule",
        "One more token at the end of a draft pays if and only if survival times its acceptance exceeds its cost times "
        "EWIF, where a review costs the same for one token more.",
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
        "marginal-rule-inside",
        "The same rule holds for a token put in front of others: survival before it times its acceptance.",
        "Asked here, of the former row without its word `end`",
        Refutation(
            Property(_INSERTED, _inserted_by_appended_rule, "<=", ("without", "with")),
            "survival times (acceptance (1 + g) - g) exceeds its cost times EWIF, g being the gain behind it",
            Property(_INSERTED, _inserted_by_own_rule, "<=", ("without", "with")),
        ),
    ),
    Claim(
        "one-peak",
        "EWIF has one peak in the draft length of a lone drafter, whatever its hazards by position, where a review "
        "costs the same for one token more.",
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
        "optimal-length",
        "One drafter of constant acceptance and cost: the best whole length is a neighbour of the real length that the "
        "lower branch of the Lambert function gives.",
        "Closed form stated here; Leviathan et al. 2023 find it numerically",
        Proof(
            ("optimal-length",),
            Property({"a": PROPER, "c": COST}, _neighbouring_length, "==", ("best of all lengths", "best neighbour")),
            note="(1 + W_-1(-a^(1/c - 1) / e)) / log a - 1/c; a = .8, c = .05: 7.9, best 8.",
        ),
    ),
    Claim(
        "one-peak-at-any-review-cost",
        "EWIF has one peak in the draft length, whatever the target's calls cost by length.",
        "Assumed by searches over k on hardware with steps in the call time",
        Refutation(
            Property(_REAL_CALLS, _valleys_by_call, "==", ("valleys of EWIF by 1 % and more over k = 0..3", "claimed")),
            "call costs that rise by no less with each token (convex; scalar and affine costs are)",
            Property(_CALLS, _valleys_by_convex_call, "==", ("valleys of EWIF over k = 0..3", "claimed")),
        ),
    ),
    Claim(
        "free-last-token",
        "A free token that may be accepted, behind a draft that may survive, always gains, where a review costs the "
        "same for one token more.",
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
                {"a": REALISTIC, "m": REALISTIC, "growth": CHEAP, "k": whole(5)},
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
