"""Claims on what one drafter can reach at most, whatever it knows of its own tokens."""

from __future__ import annotations

from fractions import Fraction

from analysis.claims.claim import Claim
from analysis.claims.drafters import Sides
from analysis.claims.formulas import speculative_plan
from analysis.claims.search import CHEAP, COST, PROBABILITY, REALISTIC, Property, whole
from analysis.claims.verdicts import Proof, Refutation
from analysis.derive.clairvoyance import told_ceiling, told_ewif


def _one_drafter(a: Fraction, c: Fraction, k: int) -> Sides | None:
    return (speculative_plan(a, c, k), 1 + 1 / c) if c else None


def _told(h1: Fraction, h2: Fraction, c: Fraction, least: Fraction, *, before: bool) -> Sides | None:
    mean = (h1 + h2) / 2
    if mean == 1 or c > (1 if before else mean):
        return None
    return told_ewif((h1, h2), c, least, before=before), told_ceiling(mean, c, before=before)


def _told_after(h1: Fraction, h2: Fraction, c: Fraction, least: Fraction) -> Sides | None:
    return _told(h1, h2, c, least, before=False)


def _told_before(h1: Fraction, h2: Fraction, c: Fraction, least: Fraction) -> Sides | None:
    return _told(h1, h2, c, least, before=True)


def _told_before_within_after(h1: Fraction, h2: Fraction, c: Fraction, least: Fraction) -> Sides | None:
    mean = (h1 + h2) / 2
    return (told_ewif((h1, h2), c, least, before=True), told_ceiling(mean, c, before=False)) if c < mean else None


_SIGNALS = {"h1": PROBABILITY, "h2": PROBABILITY, "c": COST, "least": PROBABILITY}
_REAL_SIGNALS = {"h1": REALISTIC, "h2": REALISTIC, "c": CHEAP, "least": REALISTIC}
_SIDES = ("EWIF", "ceiling")

CLAIMS = (
    Claim(
        "one-drafter-ceiling",
        "A drafter of cost c > 0 that drafts all tokens itself has an EWIF below 1 + 1/c, however good it is, where no "
        "review costs less than a one-token call.",
        "Stated here",
        Proof(
            ("one-drafter-ceiling",),
            Property({"a": PROBABILITY, "c": COST, "k": whole(12)}, _one_drafter, "<", _SIDES),
        ),
    ),
    Claim(
        "clairvoyant-after",
        "One drafter, tokens right independently with probability a, constant costs: no rule that stops by what it "
        "learns of a token after drafting it passes 1 / (1 - a + c), for c at most a.",
        "Stated here; such rules: SpecDec++ (arXiv 2405.19715)",
        Proof(
            ("clairvoyant",),
            Property(_SIGNALS, _told_after, "<=", _SIDES),
            note="a = .7, c = .1: best fixed length 1.981, ceiling 2.5. Its worth vanishes with the cost.",
        ),
    ),
    Claim(
        "clairvoyant-before",
        "The same for rules that learn it before drafting the token: 1 / (1 - a + a c), for c at most 1.",
        "Stated here; such rules: the match length of a copying drafter",
        Proof(
            ("clairvoyant",),
            Property(_SIGNALS, _told_before, "<=", _SIDES),
            note="a = .7, c = .1: ceiling 2.703.",
        ),
    ),
    Claim(
        "clairvoyant-before-within-after",
        "Rules that learn it before drafting the token do not pass 1 / (1 - a + c) either.",
        "Asked here, of the two former rows",
        Refutation(
            Property(_REAL_SIGNALS, _told_before_within_after, "<=", _SIDES),
            "learning it after drafting the token; before, the ceiling is 1 / (1 - a + a c)",
            Property(_SIGNALS, _told_after, "<=", _SIDES),
            ("clairvoyant",),
        ),
    ),
)
