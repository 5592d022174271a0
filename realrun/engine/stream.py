"""Text from tokens as they come: streaming to a callback, and ending at stop strings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

REPLACEMENT = "\ufffd"
"""What a tokenizer decodes bytes to that are not yet a whole character."""

_WINDOW = 4
"""Tokens decoded again before a fresh one, since a token's text may depend on its neighbours (spaces, bytes)."""

_LONGEST_CHARACTER = 8
"""Tokens after which bytes that are still no character are taken as they are; a character has at most 4 bytes."""


class Decodes(Protocol):
    """The part of a tokenizer needed here."""

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """Text of the tokens."""


class TextStream:
    """A `watch` of the engine that keeps the text of a generation up to date and ends it at stop strings.

    The text ends before the first stop string, the tokens with the one that completes it: just where decoding token by
    token would have ended, so that stopping leaves the law of the text as it is. Text that may yet turn out to belong
    to a stop string, or to half a character, is held back from the callback.

    Args:
        tokenizer: The target's.
        stops: Stop strings, none of them empty.
        callback: Called with each piece of text as soon as it is certain.
    """

    def __init__(
        self, tokenizer: Decodes, stops: Sequence[str] = (), callback: Callable[[str], None] | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._stops = tuple(stops)
        self._callback = callback
        self._text = ""
        self._seen = 0  # tokens looked at
        self._read = 0  # tokens whose text is in `_text`: all seen ones but the bytes of half a character
        self._sent = 0  # characters given to the callback
        self._stopped = False

    def __call__(self, tokens: list[int]) -> int | None:
        """Read on; where a stop string is complete, the number of tokens that completed it."""
        while self._seen < len(tokens):
            self._seen += 1
            fresh = self._text_of(tokens, self._read, self._seen)
            if fresh.endswith(REPLACEMENT) and self._seen - self._read < _LONGEST_CHARACTER:
                continue
            self._read = self._seen
            self._text += fresh
            place = self._stop_place(len(fresh))
            if place is not None:
                self._text = self._text[:place]
                self._stopped = True
                self._send(place)
                return self._seen
        self._send(len(self._text) - self._held_back())
        return None

    def finish(self, tokens: Sequence[int]) -> str:
        """The whole text of a finished generation; sends what was held back."""
        if not self._stopped:
            self._text += self._text_of(tokens, self._read, len(tokens))
            self._read = self._seen = len(tokens)
            self._send(len(self._text))
        return self._text

    def _text_of(self, tokens: Sequence[int], start: int, end: int) -> str:
        """What tokens from `start` to `end` add to the text."""
        window = _WINDOW
        while True:
            first = max(0, start - window)
            before = self._tokenizer.decode(tokens[first:start], skip_special_tokens=True)
            if before or first == 0:
                break
            window *= 2  # nothing but special tokens, beside which a fresh one would look like the first
        return self._tokenizer.decode(tokens[first:end], skip_special_tokens=True)[len(before) :]

    def _stop_place(self, fresh: int) -> int | None:
        """Where the first stop string begins that ends within the last `fresh` characters."""
        places = [
            self._text.find(stop, max(0, len(self._text) - fresh - len(stop) + 1)) for stop in self._stops if fresh
        ]
        return min((place for place in places if place >= 0), default=None)

    def _held_back(self) -> int:
        """Length of the longest end of the text that a stop string begins with."""
        lengths = (n for stop in self._stops for n in range(1, len(stop)) if self._text.endswith(stop[:n]))
        return max(lengths, default=0)

    def _send(self, end: int) -> None:
        if self._callback and end > self._sent:
            self._callback(self._text[self._sent : end])
            self._sent = end
