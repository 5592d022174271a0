"""Max-Gram: copy what followed the longest earlier match of the context's end; bigram where nothing matches."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from realrun.engine.record import CallLog
from realrun.maxgram.bigram import Bigram
from realrun.maxgram.suffix import SuffixIndex

Match = Literal["recent", "leftmost"]
Variant = Literal["ours", "authors"]

LONGEST = 32
"""Default of the greatest length of a match: copying goes on beyond it, from the match of the last 32 tokens."""


@dataclass
class MaxGramCounts:
    """Where the proposals of one generation came from.

    Attributes:
        matches: Number of proposals copied, by the length of the match in tokens.
        fallbacks: Number of proposals of the bigram.
        misses: How often it abstained.
    """

    matches: Counter[int] = field(default_factory=Counter)
    fallbacks: int = 0
    misses: int = 0

    def to_json(self) -> dict[str, object]:
        """The counts, with the lengths as text."""
        matches = {str(length): n for length, n in sorted(self.matches.items())}
        return {"matches": matches, "fallbacks": self.fallbacks, "misses": self.misses}


class MaxGram:
    """The statistical drafter of CS Drafting (arXiv 2312.11462, section 3.3).

    It proposes the token that followed the longest suffix of the sequence that occurs earlier in it (drafted tokens
    included). Where no suffix of the least length does, it proposes the last token's most frequent successor, and
    where that is unknown too it abstains. It has no probabilities: as a law, a proposal is a point mass.

    The authors' code searches the prompt, then prompt and output again, on decoder-only models. A match at the end of
    the first copy then continues with the prompt's beginning, and the first proposals repeat the prompt. It also takes
    the leftmost match. The variant "authors" does both, so that what this costs can be measured; it differs from
    their code in searching anew after every drafted token where they copy a stretch, which gives the same tokens as
    long as the copy lasts.

    Args:
        bigram: The fallback; None to abstain instead.
        match: Which of several longest matches is continued: the most recent, or the leftmost.
        min_match: Least length of a match in tokens, >= 1.
        max_match: Length in tokens from which longer matches are not told apart, >= `min_match`.
        candidates: How many longest matches, >= 1, first of them the one that `match` says, vote on the token; of
            equally frequent ones the first wins.
        variant: "authors" puts the prompt before the sequence a second time and takes the leftmost match in any case.

    Attributes:
        counts: Where the proposals since the last `prefill` came from.
    """

    def __init__(
        self,
        bigram: Bigram | None = None,
        match: Match = "recent",
        *,
        min_match: int = 1,
        max_match: int = LONGEST,
        candidates: int = 1,
        variant: Variant = "ours",
    ) -> None:
        self.log = CallLog()
        self.counts = MaxGramCounts()
        self._bigram = bigram
        self._leftmost = match == "leftmost" or variant == "authors"
        self._min_match = min_match
        self._max_match = max_match
        self._candidates = candidates
        self._doubled = variant == "authors"
        self._index = SuffixIndex(max_match)
        self._offset = 0

    def prefill(self, prompt: Sequence[int]) -> None:
        """Start on a new sequence."""
        started = time.perf_counter()
        self.counts = MaxGramCounts()
        self._index = SuffixIndex(self._max_match)
        for token in prompt if self._doubled else ():
            self._index.append(token)
        self._offset = len(self._index.tokens)
        for token in prompt:
            self._index.append(token)
        self.log.prefill_seconds += time.perf_counter() - started

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on."""
        while len(self._index.tokens) > self._offset + length:
            self._index.pop()

    def propose_next(self, sequence: Sequence[int]) -> int | None:
        """The next token after the sequence, or None to abstain."""
        started = time.perf_counter()
        token = self._continuation(sequence)
        self.log.count(1, time.perf_counter() - started)
        return token

    def _continuation(self, sequence: Sequence[int]) -> int | None:
        index = self._index
        for position in range(len(index.tokens) - self._offset, len(sequence)):
            index.append(sequence[position])
        length, ends = index.longest_match()
        if length >= self._min_match:
            self.counts.matches[length] += 1
            return self._elected(ends)
        token = self._bigram.successor(sequence[-1]) if self._bigram else None
        if token is None:
            self.counts.misses += 1
        else:
            self.counts.fallbacks += 1
        return token

    def _elected(self, ends: Sequence[int]) -> int:
        """What most of the candidates continue with, of matches that end at `ends`, the sequence's own end last."""
        if self._candidates == 1:
            return self._index.tokens[(ends[0] if self._leftmost else ends[-2]) + 1]
        earlier = len(ends) - 1
        order = range(earlier) if self._leftmost else range(earlier - 1, -1, -1)
        votes = Counter(self._index.tokens[ends[i] + 1] for i in order[: self._candidates])
        return max(votes, key=votes.__getitem__)  # of equally frequent ones the first that was counted
