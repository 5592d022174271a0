"""Max-Gram: copy what followed the longest earlier match of the context's end; bigram where nothing matches."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from realrun.bigram import Bigram
from realrun.record import CallLog

Match = Literal["recent", "leftmost"]


class MaxGram:
    """The statistical drafter of CS Drafting (arXiv 2312.11462, section 3.3).

    It proposes the token that followed the longest suffix of the sequence that occurs earlier in it (drafted tokens
    included). Where even the last token is new, it proposes that token's most frequent successor, and where that is
    unknown too it abstains.

    Args:
        bigram: The fallback; None to abstain instead.
        match: Which of several longest matches is continued: the most recent, or the leftmost as in the authors' code.
    """

    def __init__(self, bigram: Bigram | None = None, match: Match = "recent") -> None:
        self.log = CallLog()
        self._bigram = bigram
        self._match = match
        self._ends: dict[int, list[int]] = defaultdict(list)
        self._indexed: list[int] = []

    def prefill(self, prompt: Sequence[int]) -> None:
        """Start on a new sequence."""
        self._ends.clear()
        self._indexed = list(prompt[:-1])
        for position, token in enumerate(self._indexed):
            self._ends[token].append(position)

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on."""
        while len(self._indexed) > length:
            self._ends[self._indexed.pop()].pop()

    def propose(self, sequence: Sequence[int]) -> int | None:
        """The next token after the sequence, or None to abstain."""
        started = time.perf_counter()
        token = self._continuation(sequence)
        self.log.count(1, time.perf_counter() - started)
        return token

    def _continuation(self, sequence: Sequence[int]) -> int | None:
        for position in range(len(self._indexed), len(sequence) - 1):
            self._ends[sequence[position]].append(position)
            self._indexed.append(sequence[position])
        end = self._longest_match(sequence)
        if end is not None:
            return sequence[end + 1]
        return self._bigram.successor(sequence[-1]) if self._bigram else None

    def _longest_match(self, sequence: Sequence[int]) -> int | None:
        """Position where the longest earlier occurrence of the sequence's end ends."""
        ends = self._ends.get(sequence[-1], ())
        best, longest = None, 0
        last = len(sequence) - 1
        for end in reversed(ends) if self._match == "recent" else ends:
            if longest > end or sequence[end - longest] != sequence[last - longest]:
                continue  # no longer than the match at hand
            length = 1
            while length <= end and sequence[end - length] == sequence[last - length]:
                length += 1
            if length > longest:
                best, longest = end, length
        return best
