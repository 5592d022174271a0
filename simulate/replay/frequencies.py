"""How often models agree where nothing was recorded: off the target's text, beyond what its traces tell."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import cache

from analysis.model.records.traces import SILENT, Recording, Strings, Trace


class Frequencies:
    """Shares of agreement over all traces of a recording.

    Args:
        recording: The traces.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._departures = {
            reviewer: [strings for trace in recording.traces for strings in trace.off.get(reviewer, {}).values()]
            for reviewer in recording.reviewers
        }
        self.off = cache(self._off)
        self.differing = cache(self._differing)
        self.silence = cache(self._silence)

    def departure(self, reviewer: str, trace: Trace, generator: random.Random) -> Strings:
        """Some recorded continuation of a reviewer off the text: of the same prompt if there is one, or of any."""
        here = list(trace.off.get(reviewer, {}).values()) or self._departures.get(reviewer, [])
        return generator.choice(here) if here else {}

    def _off(self, reviewer: str, drafter: str) -> float:
        """P(the drafter agrees with the reviewer on the reviewer's own text); on the target's where that is unknown."""
        texts = [strings.get(drafter, "") for strings in self._departures.get(reviewer, [])]
        return _share(texts, _share(self._along(reviewer, drafter), 0.0))

    def _differing(self, reviewer: str, drafter: str, other: str) -> float:
        """P(they agree | another model agrees with neither), on the target's text."""
        triples = zip(
            self._along(reviewer, drafter), self._along(reviewer, other), self._along(drafter, other), strict=True
        )
        kept = ["".join(a for a, b, c in zip(*texts, strict=True) if b == c == "0") for texts in triples if all(texts)]
        return _share(kept, self.off(reviewer, drafter))

    def _silence(self, drafter: str, follows_itself: bool) -> float:
        """P(the drafter abstains), on the target's text.

        Args:
            drafter: Its name.
            follows_itself: Whether the last token is one that it would have drafted there itself: a copy goes on.
        """
        texts = list(self._along(self._recording.target, drafter))
        here = "".join(
            now for text in texts for before, now in itertools.pairwise(text) if (before == "1") == follows_itself
        )
        return here.count(SILENT) / len(here) if here else 0.0

    def _along(self, a: str, b: str) -> Iterator[str]:
        """Agreement of two models, whichever of them was recorded as the reviewer; "" where neither was."""
        for trace in self._recording.traces:
            yield trace.agree.get((a, b)) or trace.agree.get((b, a), "")


def _share(texts: Iterator[str] | list[str], otherwise: float) -> float:
    """Share of 1 among the characters 0 and 1."""
    ones = zeros = 0
    for text in texts:
        ones += text.count("1")
        zeros += text.count("0")
    return ones / (ones + zeros) if ones + zeros else otherwise
