"""Claims on inner drafters and on better drafters."""

from __future__ import annotations

from fractions import Fraction

from analysis.claims.claim import Claim
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.formulas import CS_DRAFTING, speculative_plan, vertical_plan
from analysis.claims.search import CHEAP, COST, PROBABILITY, PROPER, REALISTIC, Number, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Step

Sides = tuple[Number | ExactCascade, Number | ExactCascade]
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
    """Where the drafter's call on one token costs at most half the target's, and the drafter gains by itself."""
    if fixed + growth > Fraction(1, 2) or fixed + growth >= a:
        return None
    cost = {"fixed": fixed, "per_token": growth}
    vertical = vertical_plan(a, b, FREE, FREE, 1, k)
    return (
        ExactCascade((Step("d1", tokens=1),), {("t", "d1"): a}, {"d1": cost}),
        ExactCascade(vertical.draft, vertical.alphas, {"d1": cost, "d2": FREE}),
    )


def _better_inner(a: Fraction, m: Fraction, worse: Fraction, better: Fraction) -> Sides | None:
    """One round over one inner token, then one token of another drafter, for two inner acceptances."""
    if worse > better:
        return None
    draft = (Step("d1", rounds=1, draft=(Step("d2", tokens=1),)), Step("d3", tokens=1))
    plans = [
        ExactCascade(
            draft,
            {("t", "d1"): a, ("t", "d3"): m, ("d1", "d2"): inner},
            {"d1": FREE, "d2": FREE, "d3": FREE},
        )
        for inner in (worse, better)
    ]
    return plans[0], plans[1]


def _better_inner_in_order(a: Fraction, m: Fraction, worse: Fraction, better: Fraction) -> Sides | None:
    return None if m > a else _better_inner(a, m, worse, better)


def _free_inner_before(
    a: Fraction, b: Fraction, m: Fraction, c1: Fraction, c2: Fraction, n: int, k: int, behind: int
) -> Sides:
    """n tokens of d1, and n rounds over k free tokens, both before tokens of another drafter."""
    alphas = {("t", "d1"): a, ("t", "d3"): m, ("d1", "d2"): b}
    costs = {"d1": c1, "d2": FREE, "d3": c2}
    following = Step("d3", tokens=behind)
    alone, rounds = Step("d1", tokens=n), Step("d1", rounds=n, draft=(Step("d2", tokens=k),))
    return ExactCascade((alone, following), alphas, costs), ExactCascade((rounds, following), alphas, costs)


def _free_inner_before_worse(
    a: Fraction, b: Fraction, m: Fraction, c1: Fraction, c2: Fraction, n: int, k: int, behind: int
) -> Sides | None:
    return None if m > a else _free_inner_before(a, b, m, c1, c2, n, k, behind)


def _better_outer(a: Fraction, more: Fraction, m: Fraction, b: Fraction, n: int, k: int) -> Sides | None:
    if a > more:
        return None
    draft = (Step("d1", rounds=n, draft=(Step("d2", tokens=k),)), Step("d3", tokens=2))
    plans = [
        ExactCascade(
            draft,
            {("t", "d1"): outer, ("t", "d3"): m, ("d1", "d2"): b},
            {"d1": Fraction(1, 5), "d2": Fraction(1, 50), "d3": FREE},
        )
        for outer in (a, more)
    ]
    return plans[0], plans[1]


_BEFORE = {"a": REALISTIC, "b": REALISTIC, "m": REALISTIC, "c1": CHEAP, "c2": CHEAP}
_BEFORE |= {"n": whole(2), "k": whole(3), "behind": whole(4)}
_INNER = {"a": PROBABILITY, "m": PROBABILITY, "worse": PROBABILITY, "better": PROBABILITY}

CLAIMS = (
    Claim(
        "free-inner-drafter",
        "In a draft of one drafter alone a free inner drafter gains, at every acceptance above 0 (also at 1) and every "
        "number of rounds, where a call costs the same whatever its length.",
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
        "Against n autoregressive tokens of the first drafter, with nothing else in the draft, the inner drafter "
        "breaks even at c2 = (1 + n c1) a (a^n - phi^n) / (n k (1 - a^(n+1))); constant acceptances and costs.",
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
                {"a": REALISTIC, "b": REALISTIC, "fixed": CHEAP, "growth": CHEAP, "k": whole(4)},
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
        "free-inner-drafter-before-others",
        "A free inner drafter gains in front of any other steps too.",
        "Implied where the two cascades are combined and each is judged by itself",
        Refutation(
            Property(_BEFORE, _free_inner_before, "<=", ("without", "with")),
            "what stands behind is no better accepted by the target",
            Property(_BEFORE, _free_inner_before_worse, "<=", ("without", "with")),
            ("monotone",),
            note="a = .5 at cost .1 over 3 free tokens, then 4 tokens of .9 at .2: 1.604 with an inner acceptance of "
            "0, 1.423 with .5, 1.194 with .9.",
        ),
    ),
    Claim(
        "better-inner-drafter",
        "A better inner drafter never lowers EWIF.",
        "Implied by judging each pair of models by itself",
        Refutation(
            Property(dict.fromkeys(_INNER, REALISTIC), _better_inner, "<=", ("worse inner", "better inner")),
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
