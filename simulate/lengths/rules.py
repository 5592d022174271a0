"""How a step is drafted: a static cascade, or one of two by the length of the match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.model import Draft, Step
from simulate.lengths.copier import LEAST

NETWORK, COPIER = "eagle", "ngram"
"""Drafters by the names that the files have."""

LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
COPIER_LEAST = (1, 2, 3, 5)
"""Matches from which on a copier may be set to propose."""
THRESHOLDS = (1, 2, 3, 4, 5, 6, 8, 12, 16, 32)

PLAIN, FIXED, COPYING = "plain", "eagle", "copy"
BEHIND, BEFORE = "eagle, then copy", "copy, then eagle"
ANY, CHAIN = "copy if 1 token matches, else eagle", "copy if 3 tokens match, else eagle"
THRESHOLD, BOTH = "copy if enough match, else eagle", "copy if enough match, else eagle, then copy"
CLAIRVOYANT = "clairvoyant"
FAMILIES = (PLAIN, FIXED, COPYING, BEHIND, BEFORE, ANY, CHAIN, THRESHOLD, BOTH, CLAIRVOYANT)


@dataclass(frozen=True)
class MatchRule:
    """A draft for places where the match is long enough, and another for all others.

    Attributes:
        family: One of `FAMILIES`.
        otherwise: Drafted where the match is shorter than `least`, at most two leaf steps.
        matched: Drafted elsewhere.
        least: Length of the match from which on `matched` is drafted; 0 where there is no such place.
        copier_least: Length of the match below which the copier proposes nothing, >= 1.
    """

    family: str
    otherwise: Draft
    matched: Draft = ()
    least: int = 0
    copier_least: int = LEAST

    def __str__(self) -> str:
        copier = f" (copying from match {self.copier_least})" if _copies(self.otherwise) else ""
        if not self.least:
            return _shown(self.otherwise) + copier
        return f"from match {self.least} {_shown(self.matched)}, else {_shown(self.otherwise)}{copier}"


def rules() -> Iterator[MatchRule]:
    """All rules among which a setting is chosen, by family."""
    yield MatchRule(PLAIN, ())
    for n in LENGTHS:
        yield MatchRule(FIXED, (_eagle(n),))
        for least in COPIER_LEAST:
            yield MatchRule(COPYING, (_copy(n),), copier_least=least)
    for k in LENGTHS:
        for m in LENGTHS:
            for least in COPIER_LEAST:
                yield MatchRule(BEHIND, (_eagle(k), _copy(m)), copier_least=least)
                yield MatchRule(BEFORE, (_copy(m), _eagle(k)), copier_least=least)
            yield MatchRule(ANY, (_eagle(k),), (_copy(m),), 1, 1)
            yield MatchRule(CHAIN, (_eagle(k),), (_copy(m),), LEAST)
            for least in THRESHOLDS:
                yield MatchRule(THRESHOLD, (_eagle(k),), (_copy(m),), least, 1)
                yield MatchRule(BOTH, (_eagle(k), _copy(m)), (_copy(m),), least, 1)
                yield MatchRule(BOTH, (_eagle(k), _copy(m)), (_copy(m),), least)


def _eagle(tokens: int) -> Step:
    return Step(NETWORK, tokens=tokens)


def _copy(tokens: int) -> Step:
    return Step(COPIER, tokens=tokens)


def _copies(draft: Draft) -> bool:
    return any(step.by == COPIER for step in draft)


def _shown(draft: Draft) -> str:
    names = {NETWORK: "eagle", COPIER: "copy"}
    return " + ".join(f"{names[step.by]} x{step.tokens}" for step in draft) or "nothing"
