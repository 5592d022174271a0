"""Claims on inner drafters and on better drafters."""

from __future__ import annotations

from fractions import Fraction

from analysis.claims.claim import Claim
from analysis.claims.formulas import CS_DRAFTING, speculative_plan, vertical_plan
from analysis.claims.plan import Plan
from analysis.claims.search import COST, PROBABILITY, PROPER, Number, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Step

Sides = tuple[Number | Plan, Number | Plan]
FREE = Fraction(0)


def _free_inner(a: Fraction, b: Fraction, c1: Fraction, n: int, k: int) -> Sides | None:
    if not a * b:
        return None
    return speculative_plan(a, c1, n), vertical_plan(a, b, c1, FREE, n, k)


def _break_even(a: Fraction, b: Fraction, c1: Fraction, n: int, k: int) -> Sides:
    phi = 1 + (a - 1) * (1 - (a * b) ** (k + 1)) / (1 - a * b)
    c2 = (1 + n * c1) * a * (a**n - phi**n) / (n * k * (1 - a ** (n + 1)))
    return vertical_plan(a, b, c1, c2, n, k), speculative_plan(a, c1, n)


def _growing_review(a: Fraction, b: Fraction, fixed: Fraction, growth: Fraction, k: int) -> Sides | None:
    if not a * b:
        return None
    cost = {"fixed": fixed, "per_token": growth}
    vertical = vertical_plan(a, b, FREE, FREE, 1, k)
    return (
        Plan((Step("d1", tokens=1),), {("t", "d1"): a}, {"d1": cost}),
        Plan(vertical.draft, vertical.alphas, {"d1": cost, "d2": FREE}),
    )


def _better_inner(a: Fraction, m: Fraction, worse: Fraction, better: Fraction) -> Sides | None:
    """One round over one inner token, then one token of another drafter, for two inner acceptances."""
    if worse > better:
        return None
    draft = (Step("d1", rounds=1, draft=(Step("d2", tokens=1),)), Step("d3", tokens=1))
    plans = [
        Plan(
            draft,
            {("t", "d1"): a, ("t", "d3"): m, ("d1", "d2"): inner},
            {"d1": FREE, "d2": FREE, "d3": FREE},
        )
        for inner in (worse, better)
    ]
    return plans[0], plans[1]


def _better_inner_in_order(a: Fraction, m: Fraction, worse: Fraction, better: Fraction) -> Sides | None:
    return None if m > a else _better_inner(a, m, worse, better)


def _better_outer(a: Fraction, more: Fraction, m: Fraction, b: Fraction, n: int, k: int) -> Sides | None:
    if a > more:
        return None
    draft = (Step("d1", rounds=n, draft=(Step("d2", tokens=k),)), Step("d3", tokens=2))
    plans = [
        Plan(
            draft,
            {("t", "d1"): outer, ("t", "d3"): m, ("d1", "d2"): b},
            {"d1": Fraction(1, 5), "d2": Fraction(1, 50), "d3": FREE},
        )
        for outer in (a, more)
    ]
    return plans[0], plans[1]


_INNER = {"a": PROBABILITY, "m": PROBABILITY, "worse": PROBABILITY, "better": PROBABILITY}

CLAIMS = (
    Claim(
        "free-inner-drafter",
        "A free inner drafter gains, at every acceptance above 0 (also at 1) and every number of rounds.",
        CS_DRAFTING,
        Proof(
            ("free-inner-drafter",),
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "c1": COST, "n": whole(4), "k": whole(4)},
                _free_inner,
                "<",
                ("without", "with"),
            ),
            note="With actual tokens it never loses, even where acceptance and yields are dependent (lossless-review).",
        ),
    ),
    Claim(
        "break-even-cost",
        "The inner drafter breaks even at c2 = (1 + n c1) a (a^n - phi^n) / (n k (1 - a^(n+1))).",
        "Stated here",
        Proof(
            ("break-even",),
            Property(
                {"a": PROPER, "b": PROBABILITY, "c1": COST, "n": whole(4), "k": whole(4)},
                _break_even,
                "==",
                ("vertical", "autoregressive d1"),
            ),
        ),
    ),
    Claim(
        "free-inner-drafter-at-any-review-cost",
        "A free inner drafter gains, whatever it costs the first drafter to review more tokens at once.",
        "Implied where only calls are counted (CS Drafting's cost tables)",
        Refutation(
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "fixed": COST, "growth": COST, "k": whole(4)},
                _growing_review,
                "<",
                ("without", "with"),
            ),
            "a review of k + 1 tokens costs the first drafter what a call on one does",
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "c1": COST, "n": whole(4), "k": whole(4)},
                _free_inner,
                "<",
                ("without", "with"),
            ),
            ("free-inner-drafter",),
        ),
    ),
    Claim(
        "better-inner-drafter",
        "A better inner drafter never lowers EWIF.",
        "Implied by judging each pair of models by itself",
        Refutation(
            Property(_INNER, _better_inner, "<=", ("worse inner", "better inner")),
            "steps in the order of falling acceptance (or nothing behind the step)",
            Property(_INNER, _better_inner_in_order, "<=", ("worse inner", "better inner")),
            ("monotone",),
            note="A longer round stands longer before a better drafter behind it.",
        ),
    ),
    Claim(
        "better-outer-drafter",
        "A greater acceptance by the target never lowers EWIF, in any draft.",
        "Stated here",
        Proof(
            ("monotone",),
            Property(
                {
                    "a": PROBABILITY,
                    "more": PROBABILITY,
                    "m": PROBABILITY,
                    "b": PROBABILITY,
                    "n": whole(3),
                    "k": whole(3),
                },
                _better_outer,
                "<=",
                ("lower", "higher"),
            ),
        ),
    ),
)
