"""Putting together what a calibration found: a specification without a draft."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realrun.calibration.agreements import RecordedText
from realrun.calibration.evidence import Evidence, Pair
from realrun.calibration.hazards import HazardEstimate, estimate, ratio
from realrun.calibration.roster import Roster

IID_POSITIONS = 10
"""Positions pooled into one acceptance: that of drafts of up to so many tokens."""

BY_TYPE = ("accepted", "corrected")

Table = dict[str, dict[str, object]]


@dataclass(frozen=True)
class Acceptances:
    """Acceptance of all pairs at one policy, as JSON.

    Attributes:
        hazards: ``[reviewer][drafter] = {"per_position": [...], "beyond": "last"}``, whatever the inner review said.
        errors: Their standard errors, in the same shape.
        iid: One acceptance a pair, of drafts of up to `IID_POSITIONS` tokens.
        iid_errors: Their standard errors.
        by_type: Where a drafter's own review comes before: hazards and errors by what it said.
    """

    hazards: Table
    errors: Table
    iid: Table
    iid_errors: Table
    by_type: Table

    @classmethod
    def of(cls, evidence: Sequence[Evidence], drawn: NDArray[np.float64], roster: Roster) -> Acceptances:
        """Estimates from the evidence of every prompt."""
        tables: list[Table] = [defaultdict(dict) for _ in range(5)]
        hazards, errors, iid, iid_errors, by_type = tables
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
                types = [estimate(stacked[:, kind], drawn, heaviest) for kind in range(len(BY_TYPE))]
                by_type[reviewer][drafter] = {"inner": inner} | _typed(types)
        return cls(*(dict(table) for table in tables))


def _typed(types: Sequence[HazardEstimate | None]) -> dict[str, object]:
    known = [(name, found) for name, found in zip(BY_TYPE, types, strict=True) if found is not None]
    return {
        **{name: {"per_position": found.hazards, "beyond": "last"} for name, found in known},
        "uncertainty": {name: {"per_position": found.errors} for name, found in known},
    }


def first_positions(evidence: Sequence[Evidence]) -> dict[str, object]:
    """Acceptance of first tokens of drafts from every place of the texts: overall, by category and by prompt."""
    everything = "all"
    sums: dict[str, dict[Pair, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    by_prompt = []
    for one in evidence:
        prompt = one.text.prompt
        for pair, counts in one.first.items():
            for table in (sums[everything], sums[f"category {prompt.category or 'none'}"]):
                table[pair] = [total + count for total, count in zip(table[pair], counts, strict=True)]
        agree = _nested({pair: list(counts) for pair, counts in one.first.items()})
        by_prompt.append({"id": prompt.id, "category": prompt.category, "tokens": len(one.text.tokens), "agree": agree})
    whole = sums.pop(everything)
    return {
        "first_position": _nested({pair: _share(*counts) for pair, counts in whole.items()}),
        "by_category": {
            category.removeprefix("category "): _nested(
                {
                    pair: {"examined": examined, "accepted": accepted, "hazard": _share(accepted, examined)}
                    for pair, (accepted, examined) in table.items()
                }
            )
            for category, table in sorted(sums.items())
        },
        "by_prompt": by_prompt,
    }


def match_law(recordings: Sequence[RecordedText], target: str, proposer: str) -> dict[str, object] | None:
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
    return {
        "found": 1 - by_length[0][0] / places,
        "by_length": {str(length): by_length[length] for length in sorted(by_length) if by_length[length][0]},
        "hazard_by_position": [accepted[j] / examined[j] for j in sorted(examined)],
    }


def _share(accepted: float, examined: float) -> float | None:
    return accepted / examined if examined else None


def _nested(pairs: Mapping[Pair, object]) -> Table:
    result: Table = defaultdict(dict)
    for (reviewer, drafter), value in pairs.items():
        result[reviewer][drafter] = value
    return dict(result)
