"""Claims on how the gains of the vertical and the horizontal cascade combine."""

from __future__ import annotations

from fractions import Fraction

from analysis.claims.claim import Claim
from analysis.claims.drafters import Sides
from analysis.claims.exact_cascade import ExactCascade
from analysis.claims.search import CHEAP, COST, PROPER, REALISTIC, Property, whole
from analysis.claims.verdicts import Refutation
from analysis.model import Step


def _four(
    a: Fraction, m: Fraction, b: Fraction, c1: Fraction, c2: Fraction, n: int, k: int
) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """EWIF of d1 alone, with d2 nested, with d2 behind, and with both."""
    alone, rounds = Step("d1", tokens=n), Step("d1", rounds=n, draft=(Step("d2", tokens=k),))
    behind = Step("d2", tokens=k)
    alphas = {("t", "d1"): a, ("t", "d2"): m, ("d1", "d2"): b}

    def ewif(*draft: Step) -> Fraction:
        return Fraction(ExactCascade(draft, alphas, {"d1": c1, "d2": c2}).ewif())

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


_FOUR = {"a": PROPER, "m": PROPER, "b": PROPER, "c1": COST, "c2": COST, "n": whole(3), "k": whole(3)}
_REAL_FOUR = _FOUR | dict.fromkeys(("a", "m", "b"), REALISTIC) | dict.fromkeys(("c1", "c2"), CHEAP)
_PRODUCT = ("joint gain", "product of gains")

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
)
