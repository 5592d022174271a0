"""Claims on actual tokens: what inner reviews do to the law, to independence, and what lenience does."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

from analysis.claims.claim import Claim
from analysis.claims.drafters import FREE, Sides
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.search import PROBABILITY, REALISTIC, Domain, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.derive.token_law import TokenLaw, distance, handed_up_sequences, mean_tokens, review
from analysis.model import Step

LENIENCE = Domain(tuple(map(Fraction, ("1", "2", "3", "3/2", "4", "5/4"))), 1, 8)


def _law(share: Fraction) -> TokenLaw:
    return share, 1 - share


def _handed_up(middle: Fraction, inner: Fraction) -> Sides:
    return review(_law(middle), _law(inner)).handed_up[0], middle


def both_accept(target: TokenLaw, middle: TokenLaw, inner: TokenLaw) -> Fraction:
    """P(the middle drafter accepts the inner one's token, and the target accepts it in turn)."""
    within, outer = review(middle, inner), review(target, middle)
    return sum((r * a * o for r, a, o in zip(inner, within.accept, outer.accept, strict=True)), Fraction(0))


def _independent(target: Fraction, middle: Fraction, inner: Fraction) -> Sides:
    laws = _law(target), _law(middle), _law(inner)
    product = review(laws[1], laws[2]).acceptance * review(laws[0], laws[1]).acceptance
    return both_accept(*laws), product


def _one_ratio(target: Fraction, middle: Fraction, inner: Fraction) -> Sides | None:
    """Outside the assumption unless the target accepts every token of the middle drafter alike."""
    accept = review(_law(target), _law(middle)).accept
    return _independent(target, middle, inner) if accept[0] == accept[1] or middle in (0, 1) else None


def _enumerated(target: Fraction, middle: Fraction, inner: Fraction, k: int, n: int) -> Fraction:
    return mean_tokens(_law(target), _law(middle), handed_up_sequences(_law(middle), _law(inner), k, n))


def _plan(acceptance: object, inner: Fraction, k: int, n: int) -> ExactCascade:
    draft = (Step("d1", rounds=n, draft=(Step("d2", tokens=k),)),)
    return ExactCascade(draft, {("t", "d1"): acceptance, ("d1", "d2"): inner}, {"d1": FREE, "d2": FREE})


def _product_form(target: Fraction, middle: Fraction, inner: Fraction, k: int, n: int) -> Sides:
    outer = review(_law(target), _law(middle)).acceptance
    within = review(_law(middle), _law(inner)).acceptance
    return _enumerated(target, middle, inner, k, n), _plan(outer, within, k, n)


def _typed_form(target: Fraction, middle: Fraction, inner: Fraction, k: int) -> Sides:
    """One round, with the hazards of accepted, corrected and bonus tokens."""
    laws = _law(target), _law(middle), _law(inner)
    outer, within = review(laws[0], laws[1]), review(laws[1], laws[2])
    accepted = both_accept(*laws) / within.acceptance if within.acceptance else FREE
    corrected = sum((r * a for r, a in zip(within.residual, outer.accept, strict=True)), FREE)
    entry = {
        "accepted": accepted,
        "corrected": {"per_position": [corrected] * k + [outer.acceptance], "beyond": "last"},
    }
    return _enumerated(target, middle, inner, k, 1), _plan(entry, within.acceptance, k, 1)


def _never_fewer(target: Fraction, middle: Fraction, inner: Fraction, k: int, n: int) -> Sides:
    return _enumerated(target, middle, inner, 0, n), _enumerated(target, middle, inner, k, n)


def _lenient_acceptance(middle: Fraction, inner: Fraction, lenience: Fraction) -> Sides:
    laws = _law(middle), _law(inner)
    return review(*laws).acceptance, review(*laws, lenience).acceptance


def _lenient_law(middle: Fraction, inner: Fraction, lenience: Fraction) -> Sides:
    return distance(review(_law(middle), _law(inner), lenience).handed_up, _law(middle)), FREE


def _bias_is_gain(middle: Fraction, inner: Fraction, lenience: Fraction) -> Sides:
    lossless, lenient = _lenient_acceptance(middle, inner, lenience)
    assert isinstance(lossless, Fraction)
    assert isinstance(lenient, Fraction)
    return _lenient_law(middle, inner, lenience)[0], lenient - lossless


def lenient_tokens(target: TokenLaw, middle: TokenLaw, inner: TokenLaw, lenience: Fraction) -> Fraction:
    """Tokens a cycle of one round over one inner token, reviewed leniently; the target stays exact.

    The target reviews the first token with the law that was handed up, the bonus token with the middle drafter's.
    """
    within = review(middle, inner, lenience)
    first, bonus = review(target, within.handed_up), review(target, middle)
    accepted = (r * a for r, a in zip(inner, within.accept, strict=True))
    both = sum((mass * o for mass, o in zip(accepted, first.accept, strict=True)), Fraction(0))
    return 1 + first.acceptance + both * bonus.acceptance


def _lenient_cycle(target: Fraction, middle: Fraction, inner: Fraction, lenience: Fraction) -> Sides:
    laws = _law(target), _law(middle), _law(inner)
    return lenient_tokens(*laws, Fraction(1)), lenient_tokens(*laws, lenience)


def _lenient_to_the_target(middle: Fraction, inner: Fraction, lenience: Fraction) -> Sides:
    return _lenient_cycle(inner, middle, inner, lenience)


def _real(sides: Callable[..., Sides]) -> Callable[..., Sides | None]:
    """The same sides where neither reviewer accepts more than 95 % of what it is handed."""

    def limited(target: Fraction, middle: Fraction, inner: Fraction, **others: Any) -> Sides | None:
        laws = _law(target), _law(middle), _law(inner)
        greatest = max(review(reviewer, drafted).acceptance for reviewer, drafted in pairwise(laws))
        return sides(target, middle, inner, **others) if greatest <= REALISTIC.high else None

    return limited


_PAIR = {"middle": PROBABILITY, "inner": PROBABILITY}
_TRIPLE = {"target": PROBABILITY, **_PAIR}
_LENIENT = {**_PAIR, "lenience": LENIENCE}
_SIZES = {**_TRIPLE, "k": whole(2), "n": whole(2)}
_REAL_PAIR = dict.fromkeys(_PAIR, REALISTIC)
_REAL_TRIPLE = {"target": REALISTIC, **_REAL_PAIR}
_REAL_LENIENT = {**_REAL_PAIR, "lenience": LENIENCE}
_REAL_SIZES = {**_SIZES, **_REAL_TRIPLE}
_FORMS = ("enumerated tokens", "independent form")

CLAIMS = (
    Claim(
        "lossless-law",
        "A lossless inner review leaves the law of each token handed up unchanged.",
        "CS Drafting; Leviathan et al. 2023, appendix A.1",
        Proof(("lossless-review",), Property(_PAIR, _handed_up, "==", ("handed up", "the reviewer's own"))),
    ),
    Claim(
        "inner-review-never-fewer",
        "With nothing else in the draft, lossless rounds never yield fewer tokens than as many autoregressive tokens "
        "of the same drafter.",
        "Stated here",
        Proof(
            ("lossless-review",),
            Property(_SIZES, _never_fewer, "<=", ("autoregressive", "rounds")),
            note="No independence is assumed: the first n tokens handed up have the drafter's own law.",
        ),
    ),
    Claim(
        "independent-acceptance",
        "With lossless inner review, acceptance by the target is independent of acceptance by the inner reviewer, and "
        "so of the yield.",
        "Assumed in CS Drafting, section 4 (vertical cascade)",
        Refutation(
            Property(_REAL_TRIPLE, _real(_independent), "==", ("P(both accept)", "product")),
            "the target accepts every token of the drafter with the same probability",
            Property(_TRIPLE, _one_ratio, "==", ("P(both accept)", "product")),
            note="Middle (.9, .1), target (.5, .5), inner (1, 0): the first token is accepted by both with "
            "probability .50, not .9 x .6 = .54, and one round over one token yields 1.9 tokens, not 1.924.",
        ),
    ),
    Claim(
        "independence-overestimates",
        "The independent form never underestimates the tokens of a vertical cascade.",
        "Asked here",
        Refutation(
            Property(_REAL_SIZES, _real(_product_form), "<=", _FORMS),
            "hazards by type (accepted, corrected, bonus), exact for one round; the independent form errs to both "
            "sides",
            Property({**_TRIPLE, "k": whole(3)}, _typed_form, "==", ("enumerated tokens", "typed form")),
        ),
    ),
    Claim(
        "lenience-raises-inner-acceptance",
        "Lenience l >= 1 of an inner review never lowers the inner acceptance.",
        "CS Drafting; Leviathan et al. 2023, appendix A.5",
        Proof(
            ("lenience-bias",),
            Property(_LENIENT, _lenient_acceptance, "<=", ("lossless", "lenient")),
            note="The accepted mass min(q, l p) rises with l, token by token.",
        ),
    ),
    Claim(
        "lenience-is-lossless",
        "Lenience of an inner review leaves the law of the token handed up unchanged.",
        "Would make handing up the drafter's own probabilities exact",
        Refutation(
            Property(_REAL_LENIENT, _lenient_law, "==", ("distance of the laws", "claimed")),
            "lenience 1; in general the total variation distance equals the acceptance that lenience gains",
            Property(_LENIENT, _bias_is_gain, "==", ("distance of the laws", "acceptance gained")),
            ("lenience-bias",),
            note="Tokens drafted too often are over-represented by just what is accepted beyond the lossless mass. "
            "Handing up the true law keeps the target's review exact.",
        ),
    ),
    Claim(
        "lenience-bias-at-the-target",
        "Lenience of the target's review moves the law of a token, given the text before, by a total variation equal "
        "to the acceptance it gains.",
        "Stated here; the lossy variant of Leviathan et al. 2023, appendix A.5",
        Proof(
            ("lenience-bias",),
            Property(_LENIENT, _bias_is_gain, "==", ("distance of the laws", "acceptance gained")),
        ),
    ),
    Claim(
        "lenience-raises-tokens",
        "Lenience of an inner review never lowers the tokens of a cycle (the target exact).",
        "Suggested by lenient inner reviews in CS Drafting's code",
        Refutation(
            Property({**_REAL_TRIPLE, "lenience": LENIENCE}, _real(_lenient_cycle), "<=", ("lossless", "lenient")),
            "the inner drafter's law is the target's, so that lenience moves the handed-up law towards the target",
            Property(_LENIENT, _lenient_to_the_target, "<=", ("lossless", "lenient")),
            note="If the middle drafter's law is the target's, every acceptance that lenience gains is lost at the "
            "target.",
        ),
    ),
)
