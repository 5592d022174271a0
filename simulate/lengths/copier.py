"""What an engine's n-gram copier would have proposed at every place of a text: known from the token ids alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.model.records.length_traces import LengthTrace

LEAST, MOST = 3, 7
"""Tokens that must match, and tokens that are compared at most, in the runs that SpecDecode-Bench recorded: no other
choice repeats its lengths."""

LONGEST_MATCH = 255
"""Longer matches count as this long."""


class Copies(NamedTuple):
    """A copier along one text, places counted from 0 tokens written.

    Attributes:
        matches: Length of the longest suffix of what has been read and written that occurs earlier in it; 0 where the
            last token is new. Shape (tokens,).
        accepted: Tokens that the copier's proposal would have got accepted; 0 where it proposes nothing.
            Shape (tokens,).
    """

    matches: NDArray[np.int64]
    accepted: NDArray[np.int64]


def copies(trace: LengthTrace, room: int, least: int = LEAST, most: int = MOST) -> Copies:
    """Copy along a text as vLLM's copier does.

    It takes the longest suffix of at most `most` tokens that occurs earlier, its leftmost occurrence, and proposes what
    follows there; nothing where fewer than `least` tokens match.

    Args:
        trace: The text.
        room: Greatest number of tokens it proposes.
        least: Least length of a match.
        most: Greatest length that is compared.

    Example:
        After 1 2 3 the text repeats the prompt, so all that was left of it is accepted.

        >>> seen = copies(LengthTrace("0", (1, 2, 3, 4, 5), (1, 2, 3, 4, 5), {}), room=4)
        >>> seen.matches.tolist(), seen.accepted.tolist()
        ([0, 1, 2, 3, 4], [0, 0, 0, 2, 1])
    """
    ids = np.array([*trace.prompt, *trace.text], dtype=np.int64)
    start = len(trace.prompt)
    matches = np.zeros(len(trace.text), dtype=np.int64)
    accepted = np.zeros(len(trace.text), dtype=np.int64)
    ending = np.zeros(len(ids), dtype=np.int64)  # ending[j]: tokens before j that equal those before the end, backwards
    for end in range(1, len(ids)):
        # tokens 0..end-1 are known; ending[j] for an earlier end j < end: common suffix of ids[:j] and ids[:end]
        common = np.where(ids[: end - 1] == ids[end - 1], ending[: end - 1] + 1, 0)
        ending[1:end] = common
        if end < start:
            continue
        place = end - start
        longest = int(common.max(initial=0))
        matches[place] = min(longest, LONGEST_MATCH)
        if longest >= least:
            source = int(np.argmax(common >= min(longest, most))) + 1
            accepted[place] = _run(ids, source, end, room)
    return Copies(matches, accepted)


def _run(ids: NDArray[np.int64], source: int, end: int, room: int) -> int:
    """Tokens from `source` on, of those known before `end`, that equal those from `end` on."""
    proposed = ids[source : min(source + room, end)]
    written = ids[end : end + len(proposed)]
    differs = np.flatnonzero(proposed[: len(written)] != written)
    return int(differs[0]) if len(differs) else len(written)
