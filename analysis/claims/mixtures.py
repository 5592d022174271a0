"""Claims on mixtures of prompts: acceptance that varies, with equal cycles or equal tokens a prompt."""

from __future__ import annotations

from fractions import Fraction

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.search import PROBABILITY, PROPER, REALISTIC, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.model import Draft, Step


def _tokens(draft: Draft, alphas: dict[tuple[str, str], Fraction]) -> Fraction:
    return Fraction(ExactCascade(draft, alphas, {d: FREE for _, d in alphas}).ewif())


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


_MIXTURE = {"k": whole(6), "low": PROBABILITY, "high": PROBABILITY, "share": PROPER}
_PAIRS = dict.fromkeys(("a1", "a2", "b1", "b2"), PROBABILITY)
_REAL_PAIRS = dict.fromkeys(_PAIRS, REALISTIC)
_INNER_MIXTURE = {"a": REALISTIC, "low": REALISTIC, "high": REALISTIC, "n": whole(4), "k": whole(4)}

CLAIMS = (
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
)
