"""Putting together what a calibration found: a specification without a draft."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import PerPosition
from analysis.model.records.calibration_parts import MatchLaw, Pair, PromptCounts, TypedAcceptance, nested
from realrun.calibration.agreements import RecordedText
from realrun.calibration.evidence import TYPES, Evidence
from realrun.calibration.hazards import HazardEstimate, estimate, ratio
from realrun.calibration.roster import Roster

IID_POSITIONS = 10
"""Positions pooled into one acceptance: that of drafts of up to so many tokens."""

Table = dict[str, dict[str, object]]
Rates = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Acceptances:
    """Acceptance of all pairs at one policy, as JSON.

    Attributes:
        hazards: ``[reviewer][drafter] = {"per_position": [...], "beyond": "last"}``, whatever the inner review said.
        errors: Their standard errors, in the same shape.
        iid: One acceptance a pair, of drafts of up to `IID_POSITIONS` tokens.
        iid_errors: Their standard errors.
        by_type: Where a drafter's own review comes before: acceptance by what it said.
    """

    hazards: Table
    errors: Table
    iid: Rates
    iid_errors: Rates
    by_type: dict[str, dict[str, TypedAcceptance]]

    @classmethod
    def of(cls, evidence: Sequence[Evidence], drawn: NDArray[np.float64], roster: Roster) -> Acceptances:
        """Estimates from the evidence of every prompt."""
        hazards: Table = defaultdict(dict)
        errors: Table = defaultdict(dict)
        iid: Rates = defaultdict(dict)
        iid_errors: Rates = defaultdict(dict)
        by_type: dict[str, dict[str, TypedAcceptance]] = defaultdict(dict)
        for reviewer, drafter in roster.pairs():
            stacked = np.stack([one.counts[reviewer, drafter] for one in evidence])  # (prompts, types, positions, 2)
            pooled = stacked.sum(axis=1)
            heaviest = 1 if reviewer == roster.target else max(one.heaviest for one in evidence)
            found = estimate(pooled, drawn, heaviest)
            if found is None:
                continue
            hazards[reviewer][drafter] = {"per_position": found.hazards, "beyond": "last"}
            errors[reviewer][drafter] = {"per_position": found.errors}
            share, error = ratio(pooled[:, :IID_POSITIONS].sum(axis=1), drawn, heaviest)
            iid[reviewer][drafter], iid_errors[reviewer][drafter] = share, error
            inner = roster.inner(drafter)
            if inner is not None:
                types = [estimate(stacked[:, kind], drawn, heaviest) for kind in range(TYPES)]
                by_type[reviewer][drafter] = _typed(inner, *types)
        return cls(dict(hazards), dict(errors), dict(iid), dict(iid_errors), dict(by_type))


def _typed(inner: str, accepted: HazardEstimate | None, corrected: HazardEstimate | None) -> TypedAcceptance:
    both = {"accepted": accepted, "corrected": corrected}
    return TypedAcceptance(
        inner,
        _listed(accepted),
        _listed(corrected),
        {name: {"per_position": found.errors} for name, found in both.items() if found is not None},
    )


def _listed(found: HazardEstimate | None) -> PerPosition | None:
    return None if found is None else PerPosition(tuple(found.hazards), "last", is_list=True)


def prompt_counts(one: Evidence) -> PromptCounts:
    """Agreement at every place of one text."""
    prompt = one.text.prompt
    return PromptCounts(prompt.id, prompt.category, len(one.text.tokens), one.first)


def first_positions(evidence: Sequence[Evidence]) -> dict[str, object]:
    """Agreement at every place of the texts, of first tokens of drafts from there: overall and by category."""
    everything = "all"
    sums: dict[str, dict[Pair, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for one in evidence:
        prompt = one.text.prompt
        for pair, counts in one.first.items():
            for table in (sums[everything], sums[f"category {prompt.category or 'none'}"]):
                table[pair] = [total + count for total, count in zip(table[pair], counts, strict=True)]
    whole = sums.pop(everything)
    return {
        "first_position": nested({pair: _share(*counts) for pair, counts in whole.items()}),
        "by_category": {
            category.removeprefix("category "): nested(
                {
                    pair: {"examined": examined, "accepted": accepted, "hazard": _share(accepted, examined)}
                    for pair, (accepted, examined) in table.items()
                }
            )
            for category, table in sorted(sums.items())
        },
    }


def match_law(recordings: Sequence[RecordedText], target: str, proposer: str) -> MatchLaw | None:
    """How Max-Gram's copies fare: the share of places with a match, agreement by its length, hazards once there is one.

    The hazards are of drafts that begin with a match.
    """
    if any(proposer not in recording.matched for recording in recordings):
        return None
    by_length: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    examined: Counter[int] = Counter()
    accepted: Counter[int] = Counter()
    for recording in recordings:
        true, proposed = recording.choices[target], recording.choices[proposer]
        agreed = [own == token for own, token in zip(true, proposed, strict=True)]
        for start, length in enumerate(recording.matched[proposer]):
            by_length[length][0] += 1
            by_length[length][1] += agreed[start]
            for j, good in enumerate(agreed[start : start + IID_POSITIONS] if length else ()):
                examined[j] += 1
                accepted[j] += good
                if not good:
                    break
    places = sum(n for n, _ in by_length.values())
    return MatchLaw(
        by=proposer,
        found=1 - by_length[0][0] / places,
        by_length={n: (by_length[n][0], by_length[n][1]) for n in sorted(by_length) if by_length[n][0]},
        hazards=tuple(accepted[j] / examined[j] for j in sorted(examined)),
    )


def _share(accepted: float, examined: float) -> float | None:
    return accepted / examined if examined else None
