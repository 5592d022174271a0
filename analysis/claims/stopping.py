"""Claims on rules for stopping a draft: fixed `rounds` or `until`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.search import CHEAP, COST, PROBABILITY, REALISTIC, Domain, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Step


def _stopping(
    acceptance: Any, b: Fraction, c1: Fraction, c2: Fraction, k: int, rounds: int, length: int
) -> tuple[Fraction | float, Fraction | float]:
    """Best EWIF of 1..rounds fixed `rounds`, and of `until` 1..length."""
    inner = (Step("d2", tokens=k),)
    alphas = {("t", "d1"): acceptance, ("d1", "d2"): b}

    def best(steps: list[Step]) -> Fraction | float:
        return max(float(ExactCascade((step,), alphas, {"d1": c1, "d2": c2}).ewif()) for step in steps)

    return (
        best([Step("d1", rounds=n, draft=inner) for n in range(1, rounds + 1)]),
        best([Step("d1", until=threshold, draft=inner) for threshold in range(1, length + 1)]),
    )


ROUNDS = 3
"""Most rounds that a comparison allows; `until` may then reach as many tokens as they can draft."""
LENGTH = 6
"""Greatest `until` in the reverse comparisons; `rounds` may then run as often as it could."""


def _constant(a: Fraction, b: Fraction, c1: Fraction, c2: Fraction, k: int) -> Sides:
    return _stopping(a, b, c1, c2, k, ROUNDS, ROUNDS * (k + 1))


def _behind(a: Fraction, b: Fraction, c1: Fraction, first: int, k: int) -> tuple[float, float]:
    """Best EWIF of the last step of two, of 1..`ROUNDS` rounds and of `until`, over k free inner tokens.

    Before it stands one round of a drafter of acceptance 9/10 and cost 1/10 over `first` free tokens of acceptance 3/5.
    """
    alphas = {("t", "x"): Fraction(9, 10), ("x", "m"): Fraction(3, 5), ("t", "y"): a, ("y", "m"): b}
    costs = {"x": Fraction(1, 10), "y": c1, "m": FREE}
    before, inner = Step("x", rounds=1, draft=(Step("m", tokens=first),)), (Step("m", tokens=k),)

    def best(steps: list[Step]) -> float:
        return max(float(ExactCascade((before, step), alphas, costs).ewif()) for step in steps)

    longest = first + 1 + ROUNDS * (k + 1)
    return (
        best([Step("y", rounds=n, draft=inner) for n in range(1, ROUNDS + 1)]),
        best([Step("y", until=threshold, draft=inner) for threshold in range(2, longest + 1)]),
    )


def _typed(accepted: Fraction, corrected: Fraction, b: Fraction, c1: Fraction, k: int) -> Sides:
    return _stopping({"accepted": accepted, "corrected": corrected}, b, c1, FREE, k, ROUNDS, ROUNDS * (k + 1))


def _rounds_best(corrected: Fraction, b: Fraction, c1: Fraction, k: int) -> Sides:
    """Only corrections can fail: `until` against `rounds`."""
    rounds, until = _stopping({"accepted": Fraction(1), "corrected": corrected}, b, c1, FREE, k, LENGTH, LENGTH)
    return until, rounds


def _until_best(accepted: Fraction, b: Fraction, c1: Fraction, k: int) -> Sides:
    """The reverse of the refuted row, as a claim: `rounds` is never worse than `until`."""
    rounds, until = _stopping(accepted, b, c1, FREE, k, LENGTH, LENGTH)
    return until, rounds


_BEHIND = {"a": REALISTIC, "b": REALISTIC, "c1": CHEAP, "first": whole(6), "k": whole(3)}
_NEARLY_SURE = Domain(tuple(v for v in REALISTIC.values if v >= Fraction(3, 4)), Fraction(3, 4), REALISTIC.high)
_UNSURE = Domain(tuple(v for v in REALISTIC.values if v <= Fraction(1, 2)), REALISTIC.low, Fraction(1, 2))
_BEST = ("best rounds", "best until")

CLAIMS = (
    Claim(
        "until-against-rounds",
        "In a draft of one step, with constant acceptance and costs, the best `until` is at least as good as the best "
        "fixed `rounds`.",
        "Asked here: CS Drafting's algorithm uses `until`, its theory `rounds`",
        Proof(
            ("stopping",),
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "c1": COST, "c2": COST, "k": whole(3)},
                _constant,
                "<=",
                _BEST,
            ),
            note="Survival is a function of the length, so the length is what to stop on.",
            examples=60,
        ),
    ),
    Claim(
        "until-behind-another-step",
        "The same holds for the last step of a longer draft, the steps before it as they are.",
        "Asked here, of the former row without its first words",
        Refutation(
            Property(_BEHIND, _behind, "<=", _BEST),
            "nothing before the step",
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "c1": COST, "c2": COST, "k": whole(3)},
                _constant,
                "<=",
                _BEST,
            ),
            ("stopping",),
            note="Behind tokens of another acceptance survival is not a function of the whole length, which is what "
            "`until` counts: a long first step ends the draft though its tokens may all stand.",
            examples=60,
        ),
    ),
    Claim(
        "rounds-never-worse",
        "The best fixed `rounds` is as good as the best `until`: knowing the length is worth nothing.",
        "Implied by evaluating CS Drafting's `until` with the theory of `rounds`",
        Refutation(
            Property(
                {"accepted": REALISTIC, "b": REALISTIC, "c1": CHEAP, "k": whole(3)}, _until_best, "<=", _BEST[::-1]
            ),
            "only corrections and bonus tokens can fail: then survival is a function of the number of rounds",
            Property(
                {"corrected": PROBABILITY, "b": PROBABILITY, "c1": COST, "k": whole(3)}, _rounds_best, "<=", _BEST[::-1]
            ),
            note="a = 2/3, b = 7/9, c1 = 1/4, free d2, k = 3: 1.911 by `until` against 1.829, 4.5 % more.",
            examples=60,
        ),
    ),
    Claim(
        "until-by-type",
        "The best `until` is at least as good as the best `rounds` whatever the acceptances by type.",
        "Asked here",
        Refutation(
            Property(
                {"accepted": _NEARLY_SURE, "corrected": _UNSURE, "b": REALISTIC, "c1": CHEAP, "k": whole(2)},
                _typed,
                "<=",
                _BEST,
            ),
            "one acceptance for both types, constant costs",
            Property(
                {"a": PROBABILITY, "b": PROBABILITY, "c1": COST, "c2": COST, "k": whole(3)},
                _constant,
                "<=",
                _BEST,
            ),
            ("stopping",),
            examples=60,
        ),
    ),
)
