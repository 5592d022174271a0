"""Text from tokens as they come: streaming to a callback, and ending at stop strings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from analysis.model import InputError
from realrun.engine.running_text import REPLACEMENT, Decodes, RunningText, decoded, special_tokens

__all__ = ["REPLACEMENT", "Decodes", "TextStream"]


class TextStream:
    """A `watch` of the engine that keeps the text of a generation up to date and ends it at stop strings.

    The text is what the tokenizer decodes all tokens to, up to the first stop string. The tokens end with the one that
    completes it: just where decoding after every token would have ended, so that stopping leaves the law of the text
    as it is. A stop string that is the name of a special token, which is no part of the text, ends it at that token
    too. Text that may yet turn out to belong to a stop string, or that a further token may change, is held back from
    the callback.

    Args:
        tokenizer: The target's.
        stops: Stop strings, none of them empty.
        callback: Called with each piece of text as soon as it is certain.

    Raises:
        InputError: where a stop string holds the name of a special token and other text, so that it would never come.
    """

    def __init__(
        self, tokenizer: Decodes, stops: Sequence[str] = (), callback: Callable[[str], None] | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._stops = tuple(stops)
        self._stop_ids = _special_stops(tokenizer, self._stops)
        self._callback = callback
        self._running = RunningText(tokenizer)
        self._read: list[int] = []
        self._ends: list[int] = []
        self._text: str | None = None  # once it is finished
        self._sent = 0  # characters given to the callback
        self._certain = 0

    def __call__(self, tokens: list[int]) -> int | None:
        """Read on; where a stop string is complete, the number of tokens that completed it."""
        for token in tokens[len(self._read) :]:
            self._running.add(token)
            self._read.append(token)
            place = self._stop_place()
            if place is None and token in self._stop_ids:
                place = len(self._running)
            if place is not None:
                self._end_at(place)
                return len(self._read)
            complete = len(self._running.before) + len(self._running.complete)
            self._ends.append(max(complete, self._ends[-1]) if self._ends else complete)
        self._certain = self._running.certain - self._held_back()
        self._send(self._running.before + self._running.recent, self._certain)
        return None

    def finish(self, tokens: Sequence[int]) -> str:
        """The whole text of a finished generation; sends what was held back."""
        if self._text is None and self(list(tokens)) is None:
            whole = decoded(self._tokenizer, list(tokens))
            self._end_at(_first_place(whole, self._stops, len(whole)), whole)
        assert self._text is not None
        return self._text

    @property
    def certain(self) -> int:
        """Number of leading characters of the text that are certain."""
        return self._certain

    def spans(self, first: int = 0) -> list[tuple[int, int]]:
        """Where the characters of each token stand in the text, from one token on.

        A character of several tokens is the last one's. The text after the last token's end, if any, may still change.
        """
        limit = len(self._running) if self._text is None else len(self._text)
        ends = [min(end, limit) for end in (0, *self._ends)[first:]]
        return list(pairwise(ends))

    def between(self, start: int, end: int) -> str:
        """Characters of the text from `start` to `end`."""
        text = self._running.before + self._running.recent if self._text is None else self._text
        return text[start:end]

    def _end_at(self, place: int, whole: str | None = None) -> None:
        """Finish the text before character `place`."""
        text = self._running.before + self._running.recent if whole is None else whole
        self._text = text[:place]
        self._certain = place
        self._ends += [place] * (len(self._read) - len(self._ends))
        if self._ends:
            self._ends[-1] = place
        self._send(self._text, place)

    def _stop_place(self) -> int | None:
        """Where the first stop string begins, in a text that had none before the last token."""
        if not self._stops:
            return None
        longest = max(map(len, self._stops))
        for settled in (False, True):
            earlier = self._running.before[-longest:]
            tail = earlier + self._running.complete
            place = _first_place(tail, self._stops, -1)
            if place < 0:
                return None
            if not settled:
                self._running.settle()
        return len(self._running.before) - len(earlier) + place

    def _held_back(self) -> int:
        """Length of the longest end of the certain text that a stop string begins with."""
        longest = max(map(len, self._stops), default=0)
        end = self._running.certain
        text = (self._running.before[-longest:] if longest else "") + self._running.recent
        text = text[: end - (len(self._running) - len(text))]
        lengths = (n for stop in self._stops for n in range(1, len(stop)) if text.endswith(stop[:n]))
        return max(lengths, default=0)

    def _send(self, text: str, end: int) -> None:
        if self._callback and end > self._sent:
            self._callback(text[self._sent : end])
            self._sent = end


def _first_place(text: str, stops: Sequence[str], otherwise: int) -> int:
    """Where the first of the stop strings in a text begins."""
    return min((place for stop in stops if (place := text.find(stop)) >= 0), default=otherwise)


def _special_stops(tokenizer: Decodes, stops: Sequence[str]) -> set[int]:
    """Ids of the special tokens that are stop strings."""
    special = special_tokens(tokenizer)
    for stop in stops:
        inside = next((name for name in special if name in stop and name != stop), None)
        if inside is not None and stop not in special:
            raise InputError(
                "stop", f"got {stop!r}, which holds the special token {inside!r}, expected that token alone or a text"
            )
    return {special[stop] for stop in stops if stop in special}
