"""Claims on how gains combine, on mixtures of prompts, and on rules for stopping."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.plan import Plan
from analysis.claims.search import COST, PROBABILITY, PROPER, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Draft, Step


def _four(
    a: Fraction, m: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int
) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """EWIF of d1 alone, with d2 nested, with d2 behind, and with both."""
    alone, rounds = Step("d1", tokens=n), Step("d1", rounds=n, draft=(Step("d2", tokens=k),))
    behind = Step("d2", tokens=k)
    alphas = {("t", "d1"): a, ("t", "d2"): m, ("d1", "d2"): b}

    def ewif(*draft: Step) -> Fraction:
        return Fraction(Plan(draft, alphas, {"d1": c1, "d2": c2}).ewif())

    return ewif(alone), ewif(rounds), ewif(alone, behind), ewif(rounds, behind)


def _gains_multiply(a: Fraction, m: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int) -> Sides:
    alone, nested, behind, both = _four(a, m, b, c1, c2, n, k)
    return both / alone, nested / alone * (behind / alone)


def _gains_multiply_free(a: Fraction, m: Fraction, b: Fraction, c1: Fraction, n: int, k: int) -> Sides:
    return _gains_multiply(a, m, b, c1, FREE, n, k)


def _tokens(draft: Draft, alphas: dict[tuple[str, str], Fraction]) -> Fraction:
    return Fraction(Plan(draft, alphas, {d: FREE for _, d in alphas}).ewif())


def _two_prompts(k: int, low: Fraction, high: Fraction, share: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    """Tokens per cycle on two kinds of prompts and at their mean acceptance; `share` of the first kind."""
    draft = (Step("d", tokens=k),)
    mean = share * low + (1 - share) * high
    first, second, at_mean = (_tokens(draft, {("t", "d"): a}) for a in (low, high, mean))
    return first, second, at_mean


def _equal_cycles(k: int, low: Fraction, high: Fraction, share: Fraction) -> Sides:
    first, second, at_mean = _two_prompts(k, low, high, share)
    return at_mean, share * first + (1 - share) * second


def _equal_tokens(k: int, low: Fraction, high: Fraction, share: Fraction) -> Sides:
    first, second, at_mean = _two_prompts(k, low, high, share)
    return 1 / (share / first + (1 - share) / second), at_mean


def _two_drafters(a1: Fraction, a2: Fraction, b1: Fraction, b2: Fraction) -> Sides:
    """A token of each of two drafters, on two kinds of prompts in equal shares: at the means, and the mean."""
    draft = (Step("d1", tokens=1), Step("d2", tokens=1))

    def tokens(a: Fraction, b: Fraction) -> Fraction:
        return _tokens(draft, {("t", "d1"): a, ("t", "d2"): b})

    return tokens((a1 + a2) / 2, (b1 + b2) / 2), (tokens(a1, b1) + tokens(a2, b2)) / 2


def _two_drafters_together(a1: Fraction, a2: Fraction, b1: Fraction, b2: Fraction) -> Sides | None:
    return _two_drafters(a1, a2, b1, b2) if (a1 - a2) * (b1 - b2) >= 0 else None


def _stopping(
    acceptance: Any, b: Fraction, c1: Fraction, c2: Fraction, k: int, rounds: int, length: int
) -> tuple[Fraction | float, Fraction | float]:
    """Best EWIF of 1..rounds fixed `rounds`, and of `until` 1..length."""
    inner = (Step("d2", tokens=k),)
    alphas = {("t", "d1"): acceptance, ("d1", "d2"): b}

    def best(steps: list[Step]) -> Fraction | float:
        return max(float(Plan((step,), alphas, {"d1": c1, "d2": c2}).ewif()) for step in steps)

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


_FOUR = {"a": PROPER, "m": PROPER, "b": PROPER, "c1": COST, "c2": COST, "n": whole(3), "k": whole(3)}
_FREE_FOUR = {name: domain for name, domain in _FOUR.items() if name != "c2"}
_MIXTURE = {"k": whole(6), "low": PROBABILITY, "high": PROBABILITY, "share": PROPER}
_PAIRS = dict.fromkeys(("a1", "a2", "b1", "b2"), PROBABILITY)
_PRODUCT = ("joint gain", "product of gains")
_BEST = ("best rounds", "best until")

CLAIMS = (
    Claim(
        "gains-multiply",
        "The gains of the vertical and the horizontal cascade are independent and multiply.",
        "Suggested by CS Drafting, whose full method combines both",
        Refutation(
            Property(_FOUR, _gains_multiply, "==", _PRODUCT),
            "an upper bound only: with a free second drafter the joint gain is at most the product",
            Property(_FREE_FOUR, _gains_multiply_free, "<=", _PRODUCT),
            note="Rounds survive less often than single tokens (phi < a), so what stands behind them is worth less.",
        ),
    ),
    Claim(
        "gains-at-most-multiply",
        "The joint gain is at most the product of the gains.",
        "Asked here, of the former row's rescue",
        Refutation(
            Property(_FOUR, _gains_multiply, "<=", _PRODUCT),
            "a free second drafter",
            Property(_FREE_FOUR, _gains_multiply_free, "<=", _PRODUCT),
            note="With costs the product counts the second drafter's twice over: (C + v)(C + h) exceeds C (C + v + h).",
        ),
    ),
    Claim(
        "mixture-equal-cycles",
        "If acceptance varies over prompts, equal cycles a prompt: tokens per cycle are at least those of the mean.",
        "Stated here",
        Proof(
            ("heterogeneity",),
            Property(_MIXTURE, _equal_cycles, "<=", ("at the mean acceptance", "mean over prompts")),
            note="Beta(3, 2), k = 5: 2.667 against 2.383 at the mean.",
        ),
    ),
    Claim(
        "mixture-equal-tokens",
        "The same with equal tokens a prompt: EWIF is a harmonic mean and at most that of the mean acceptance.",
        "Stated here",
        Proof(
            ("heterogeneity",),
            Property(_MIXTURE, _equal_tokens, "<=", ("harmonic mean over prompts", "at the mean acceptance")),
            note="Beta(3, 2), k = 5: 2.296 against 2.383 at the mean.",
        ),
    ),
    Claim(
        "mixture-two-drafters",
        "With equal cycles, tokens of a horizontal cascade of two drafters are at least those of the mean acceptances.",
        "Implied by treating each drafter's heterogeneity by itself",
        Refutation(
            Property(_PAIRS, _two_drafters, "<=", ("at the mean acceptances", "mean over prompts")),
            "prompts that are easier for one drafter are not harder for the other",
            Property(_PAIRS, _two_drafters_together, "<=", ("at the mean acceptances", "mean over prompts")),
        ),
    ),
    Claim(
        "until-against-rounds",
        "With constant acceptance and costs the best `until` is at least as good as the best fixed `rounds`.",
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
        "rounds-never-worse",
        "The best fixed `rounds` is as good as the best `until`: knowing the length is worth nothing.",
        "Implied by evaluating CS Drafting's `until` with the theory of `rounds`",
        Refutation(
            Property(
                {"accepted": PROBABILITY, "b": PROBABILITY, "c1": COST, "k": whole(3)}, _until_best, "<=", _BEST[::-1]
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
                {"accepted": PROBABILITY, "corrected": PROBABILITY, "b": PROBABILITY, "c1": COST, "k": whole(3)},
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
