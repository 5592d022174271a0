"""Claims on how gains combine, on mixtures of prompts, and on rules for stopping."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.plan import Plan
from analysis.claims.search import CHEAP, COST, PROBABILITY, PROPER, REALISTIC, Property, whole
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


def _gains_multiply_where_both_gain(
    a: Fraction, m: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int
) -> Sides | None:
    """Where each cascade is no worse than the drafter alone."""
    alone, nested, behind, both = _four(a, m, b, c1, c2, n, k)
    if alone > min(nested, behind):
        return None
    return both / alone, nested / alone * (behind / alone)


def _real_gains_multiply(
    a: Fraction, m: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int
) -> Sides | None:
    """Where the drafter gains by itself, too."""
    alone = _four(a, m, b, c1, c2, n, k)[0]
    return _gains_multiply_where_both_gain(a, m, b, c1, c2, n, k) if alone > 1 else None


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


def _inner_mixture(a: Fraction, low: Fraction, high: Fraction, n: int, k: int) -> tuple[Fraction, Fraction, Fraction]:
    """Tokens of n rounds over k inner tokens, free: on two kinds of prompts in equal shares, and at their mean."""
    draft = (Step("d", rounds=n, draft=(Step("e", tokens=k),)),)

    def tokens(inner: Fraction) -> Fraction:
        return _tokens(draft, {("t", "d"): a, ("d", "e"): inner})

    return tokens(low), tokens(high), tokens((low + high) / 2)


def _inner_equal_cycles(a: Fraction, low: Fraction, high: Fraction, n: int, k: int) -> Sides:
    first, second, at_mean = _inner_mixture(a, low, high, n, k)
    return at_mean, (first + second) / 2


def _inner_equal_tokens(a: Fraction, low: Fraction, high: Fraction, n: int, k: int) -> Sides:
    first, second, at_mean = _inner_mixture(a, low, high, n, k)
    return 2 / (1 / first + 1 / second), at_mean


def _horizontal_equal_tokens(
    a1: Fraction, a2: Fraction, b1: Fraction, b2: Fraction, k: int, length: int
) -> tuple[Fraction, Fraction]:
    """k tokens of one drafter, then `length` of another, on two kinds of prompts with equally many tokens."""
    draft = (Step("d1", tokens=k), Step("d2", tokens=length))

    def tokens(a: Fraction, b: Fraction) -> Fraction:
        return _tokens(draft, {("t", "d1"): a, ("t", "d2"): b})

    return 2 / (1 / tokens(a1, b1) + 1 / tokens(a2, b2)), tokens((a1 + a2) / 2, (b1 + b2) / 2)


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


def _behind(a: Fraction, b: Fraction, c1: Fraction, first: int, k: int) -> tuple[float, float]:
    """Best EWIF of the last step of two, of 1..`ROUNDS` rounds and of `until`, over k free inner tokens.

    Before it stands one round of a drafter of acceptance 9/10 and cost 1/10 over `first` free tokens of acceptance 3/5.
    """
    alphas = {("t", "x"): Fraction(9, 10), ("x", "m"): Fraction(3, 5), ("t", "y"): a, ("y", "m"): b}
    costs = {"x": Fraction(1, 10), "y": c1, "m": FREE}
    before, inner = Step("x", rounds=1, draft=(Step("m", tokens=first),)), (Step("m", tokens=k),)

    def best(steps: list[Step]) -> float:
        return max(float(Plan((before, step), alphas, costs).ewif()) for step in steps)

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
_FOUR = {"a": PROPER, "m": PROPER, "b": PROPER, "c1": COST, "c2": COST, "n": whole(3), "k": whole(3)}
_REAL_FOUR = _FOUR | dict.fromkeys(("a", "m", "b"), REALISTIC) | dict.fromkeys(("c1", "c2"), CHEAP)
_MIXTURE = {"k": whole(6), "low": PROBABILITY, "high": PROBABILITY, "share": PROPER}
_PAIRS = dict.fromkeys(("a1", "a2", "b1", "b2"), PROBABILITY)
_REAL_PAIRS = dict.fromkeys(_PAIRS, REALISTIC)
_INNER_MIXTURE = {"a": REALISTIC, "low": REALISTIC, "high": REALISTIC, "n": whole(4), "k": whole(4)}
_PRODUCT = ("joint gain", "product of gains")
_BEST = ("best rounds", "best until")

CLAIMS = (
    Claim(
        "gains-multiply",
        "The gains of the vertical and the horizontal cascade are independent and multiply.",
        "A summary's reading of CS Drafting's full method, which combines both; the paper does not say so",
        Refutation(
            Property(_REAL_FOUR, _real_gains_multiply, "==", _PRODUCT),
            "as an upper bound, where neither cascade is worse than the drafter alone (a free second drafter never is)",
            Property(_FOUR, _gains_multiply_where_both_gain, "<=", _PRODUCT),
            ("joint-gain",),
            note="Rounds survive less often than single tokens (phi < a), so what stands behind them is worth less.",
        ),
    ),
    Claim(
        "gains-at-most-multiply",
        "The joint gain is at most the product of the gains, whatever the costs.",
        "Asked here, of the former row's rescue",
        Refutation(
            Property(_REAL_FOUR, _gains_multiply, "<=", _PRODUCT),
            "neither cascade is worse than the drafter alone",
            Property(_FOUR, _gains_multiply_where_both_gain, "<=", _PRODUCT),
            ("joint-gain",),
            note="With costs the product counts the second drafter's twice over: (C + v)(C + h) exceeds C (C + v + h).",
        ),
    ),
    Claim(
        "mixture-equal-cycles",
        "One drafter drafts k tokens by itself and its acceptance varies over prompts, equal cycles a prompt: tokens "
        "per cycle are at least those of the mean acceptance.",
        "Stated here",
        Proof(
            ("heterogeneity",),
            Property(_MIXTURE, _equal_cycles, "<=", ("at the mean acceptance", "mean over prompts")),
            note="Beta(3, 2), k = 5: 2.667 against 2.383 at the mean.",
        ),
    ),
    Claim(
        "mixture-equal-tokens",
        "The same with equal tokens a prompt: EWIF is a harmonic mean over prompts and at most that of the mean "
        "acceptance.",
        "Stated here",
        Proof(
            ("heterogeneity",),
            Property(_MIXTURE, _equal_tokens, "<=", ("harmonic mean over prompts", "at the mean acceptance")),
            note="Beta(3, 2), k = 5: 2.296 against 2.383 at the mean.",
        ),
    ),
    Claim(
        "mixture-inner-equal-cycles",
        "Equal cycles: the same holds for an inner acceptance that varies over prompts.",
        "Asked here, of mixture-equal-cycles in a vertical cascade",
        Refutation(
            Property(_INNER_MIXTURE, _inner_equal_cycles, "<=", ("at the mean acceptance", "mean over prompts")),
            "one round a cycle",
            Property(
                _INNER_MIXTURE | {"n": whole(1)},
                _inner_equal_cycles,
                "<=",
                ("at the mean acceptance", "mean over prompts"),
            ),
            note="In several rounds a long round stands before the next ones, whose tokens then count for less. An "
            "inner acceptance of 0 or 1, .5 outside, 2 rounds over 1 token: mean 1.84375, at the mean 1.859375.",
        ),
    ),
    Claim(
        "mixture-inner-equal-tokens",
        "Equal tokens: the same holds for an inner acceptance that varies over prompts.",
        "Asked here, of mixture-equal-tokens in a vertical cascade",
        Refutation(
            Property(_INNER_MIXTURE, _inner_equal_tokens, "<=", ("harmonic mean over prompts", "at the mean")),
            "one round over one inner token, whose tokens are linear in the inner acceptance",
            Property(
                _INNER_MIXTURE | {"n": whole(1), "k": whole(1)},
                _inner_equal_tokens,
                "<=",
                ("harmonic mean over prompts", "at the mean"),
            ),
            note="An inner acceptance of 0 or 1, .5 outside, 1 round over 2 tokens: harmonic mean 1.6667, at the mean "
            "1.65625.",
        ),
    ),
    Claim(
        "mixture-horizontal-equal-tokens",
        "Equal tokens: the same holds for two drafters whose acceptances vary over prompts.",
        "Asked here, of mixture-equal-tokens in a horizontal cascade",
        Refutation(
            Property(
                _REAL_PAIRS | {"k": whole(2), "length": whole(4)},
                _horizontal_equal_tokens,
                "<=",
                ("harmonic mean over prompts", "at the means"),
            ),
            "all tokens are by one drafter",
            Property(_MIXTURE, _equal_tokens, "<=", ("harmonic mean over prompts", "at the mean acceptance")),
            ("heterogeneity",),
            note="One token of acceptance 1/2, then two of another drafter, 0 on half of the prompts and 1/2 on the "
            "others: harmonic mean 5/3, at the mean 53/32.",
        ),
    ),
    Claim(
        "mixture-two-drafters",
        "With equal cycles, tokens of a horizontal cascade of two drafters are at least those of the mean acceptances.",
        "Implied by treating each drafter's heterogeneity by itself",
        Refutation(
            Property(_REAL_PAIRS, _two_drafters, "<=", ("at the mean acceptances", "mean over prompts")),
            "prompts that are easier for one drafter are not harder for the other",
            Property(_PAIRS, _two_drafters_together, "<=", ("at the mean acceptances", "mean over prompts")),
        ),
    ),
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
                {"accepted": REALISTIC, "corrected": REALISTIC, "b": REALISTIC, "c1": CHEAP, "k": whole(3)},
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
