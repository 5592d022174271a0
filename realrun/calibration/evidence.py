"""Counts of examined and accepted tokens by position in the draft, for drafts that begin where cycles begin.

A cycle begins behind a token that a review has added, not at every place of a text: counted from every place, long
copies of Max-Gram would weigh by their length, and a draft would seem to begin inside one far more often than it does.
Where cycles begin depends on the draft a little; they are taken as those of drafts of `DRAFTED` tokens.

Where a drafter abstains, that counts as a token not accepted: the draft ends there all the same.

All counts have the shape (TYPES, POSITIONS, 2): by type of the drafted token, by position in the reviewer's whole
draft, and (examined, accepted). Type 0 are tokens that the drafter's own inner review accepts, and all tokens of a
drafter without one; type 1 are those it corrects. A drafter's token is taken as corrected where the inner drafter would
not have drafted it. (That leaves out bonus tokens, which a review adds when it has accepted a whole inner draft.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realrun.calibration.agreements import RecordedText, agreement
from realrun.calibration.roster import Roster
from realrun.calibration.texts import TargetText
from realrun.runs.prompts import Prompt

POSITIONS = 16
TYPES = 2
DRAFTED = 8
"""Tokens of the drafts whose cycles tell where drafts begin."""

Counts = NDArray[np.float64]
Pair = tuple[str, str]
Weighted = tuple[object, object, object, float]
"""The reviewer's token, the drafter's, the inner drafter's, and the weight of that place."""


@dataclass(frozen=True)
class Evidence:
    """What one text says of every pair.

    Attributes:
        text: The text.
        counts: By pair, of shape (TYPES, POSITIONS, 2).
        first: By pair, (accepted, examined) first tokens of drafts from every place of the target's text, whatever the
            type.
        heaviest: Greatest weight of a single place in the counts of a drafter's reviews, >= 1; those of the target's
            weigh 1 at most.
    """

    text: TargetText
    counts: Mapping[Pair, Counts]
    first: Mapping[Pair, tuple[float, float]]
    heaviest: int = 1

    def to_json(self) -> dict[str, object]:
        """All but the prompt, for `of_json`."""
        pairs = [[*pair, counts.tolist(), list(self.first[pair])] for pair, counts in self.counts.items()]
        return {"tokens": self.text.tokens, "finish": self.text.finish, "heaviest": self.heaviest, "pairs": pairs}

    @classmethod
    def of_json(cls, found: Mapping[str, Any], prompt: Prompt, ids: list[int]) -> Evidence:
        """The evidence of a prompt, given its token ids."""
        text = TargetText(prompt, ids, found["tokens"], found["finish"])
        counts = {(reviewer, drafter): np.array(counts) for reviewer, drafter, counts, _ in found["pairs"]}
        first = {(reviewer, drafter): (first[0], first[1]) for reviewer, drafter, _, first in found["pairs"]}
        return cls(text, counts, first, found["heaviest"])


def starts(weights: NDArray[np.float64], drafted: int = DRAFTED) -> NDArray[np.float64]:
    """The chance that a cycle begins at each place of a text, where a drafter drafts so many tokens a cycle.

    Given the text, a token that a cycle has come to was an accepted draft with the chance w, and otherwise a correction
    that ends the cycle; a whole draft is followed by one token more.

    Args:
        weights: w of each place as for `along`, shape (places,).
        drafted: Tokens of a draft, >= 1.

    Returns:
        Shape (places,), 1 at the first.
    """
    begin = np.zeros(weights.size + drafted + 1)
    begin[0] = 1
    for place in range(weights.size):
        here = begin[place]
        for offset, weight in enumerate(weights[place : place + drafted]):
            begin[place + offset + 1] += here * (1 - weight)
            here *= weight
        begin[place + drafted + 1] += here
    return begin[: weights.size]


def along(
    weights: NDArray[np.float64],
    examined: NDArray[np.float64],
    accepted: NDArray[np.float64],
    begin: NDArray[np.float64],
) -> Counts:
    """Counts of drafts along a text, each cut at the text's end.

    E[examined at j] = sum over starts s of b_s prod_{m<j} w_{s+m}, and accepted tokens are those times the chance of
    acceptance at s + j. For greedy choice w is the acceptance itself, 0 or 1. For sampling the text is drawn from the
    reviewing target's law p while accepted drafts have the density prod min(p, q), so w = min(1, q/p) of the text's own
    token.

    Args:
        weights: w of each place, shape (places,).
        examined: Share of the drafted token by type, shape (TYPES, places), sums to 1.
        accepted: Chance that it is of that type and accepted, same shape.
        begin: b, how often drafts begin at each place, shape (places,).
    """
    places = weights.size
    counts = np.zeros((TYPES, POSITIONS, 2))
    reached = begin.copy()
    for j in range(min(POSITIONS, places)):
        counts[:, j, 0] = examined[:, j:] @ reached
        counts[:, j, 1] = accepted[:, j:] @ reached
        reached = (reached * weights[j:])[:-1]
    return counts


def greedy_evidence(recording: RecordedText, roster: Roster, stride: int) -> Evidence:
    """What one recorded text says under greedy choice.

    A drafter's reviews judge the first two rounds of the cycles in which it drafts for the target, over an inner draft
    of `POSITIONS` tokens; these rounds run on the drafter's own text, which may leave the target's. So on-path and
    off-path places are mixed as in drafts of two rounds. Off-path places count `stride` times, because every so
    many-th departure was followed.
    """
    counts, first = {}, {}
    for reviewer, drafter in roster.pairs():
        inner = roster.inner(drafter)
        if reviewer == roster.target:
            counts[reviewer, drafter] = _outer(recording, reviewer, drafter, inner)
        else:
            counts[reviewer, drafter] = _inner(recording, reviewer, drafter, inner, stride)
        first[reviewer, drafter] = _first(recording, reviewer, drafter)
    return Evidence(recording.text, counts, first, stride)


def _first(recording: RecordedText, reviewer: str, drafter: str) -> tuple[int, int]:
    known = agreement(recording.choices[reviewer], recording.choices[drafter])
    return known.count("1"), len(known)


def _outer(recording: RecordedText, reviewer: str, drafter: str, inner: str | None) -> Counts:
    own, drafted = recording.choices[reviewer], recording.choices[drafter]
    agreed = _agreed(own, drafted)
    corrected = np.zeros(agreed.size)
    if inner is not None:
        corrected = np.array([float(d != e) for d, e in zip(drafted, recording.choices[inner], strict=True)])
    types = np.stack([1 - corrected, corrected])
    return along(agreed, types, types * agreed, starts(agreed))


def _agreed(own: Sequence[object], drafted: Sequence[object]) -> NDArray[np.float64]:
    return np.array([float(d is not None and d == o) for o, d in zip(own, drafted, strict=True)])


def _inner(recording: RecordedText, reviewer: str, drafter: str, inner: str | None, stride: int) -> Counts:
    counts = np.zeros((TYPES, POSITIONS, 2))
    begin = starts(_agreed(recording.text.tokens, recording.choices[reviewer]))
    for start in np.flatnonzero(begin):
        position = rounds = 0
        for own, drafted, innermost, weight in _own_text(recording, reviewer, drafter, inner, int(start), stride):
            agreed = own == drafted
            if position < POSITIONS:  # else it is the bonus token after a whole inner draft, which nobody examines
                kind = int(inner is not None and drafted != innermost)
                counts[kind, position] += weight, weight * agreed
            position += 1
            if not agreed or position > POSITIONS:
                position, rounds = 0, rounds + 1
                if rounds == 2:
                    break
    return counts


def _own_text(
    recording: RecordedText, reviewer: str, drafter: str, inner: str | None, start: int, stride: int
) -> Iterator[Weighted]:
    """A drafter's own greedy text from a place of the target's on, as far as it is known."""
    choices, true = recording.choices, recording.text.tokens
    for i in range(start, len(true)):
        own = choices[reviewer][i]
        if own is None:
            return
        yield own, choices[drafter][i], choices[inner][i] if inner is not None else None, 1.0
        if own != true[i]:
            break
    else:
        return
    departure = next((d for d in recording.departures[reviewer] if d.start == i), None)
    if departure is None:
        return
    silent: Sequence[None] = [None] * len(departure.choices[reviewer])
    inside = silent if inner is None else departure.choices[inner]
    for own, drafted, innermost in zip(departure.choices[reviewer], departure.choices[drafter], inside, strict=True):
        yield own, drafted, innermost, float(stride)
