"""The text of tokens that come one at a time: always what `tokenizer.decode` makes of all of them, at little cost each.

What a token adds to the text depends on its neighbours: the first token loses its leading space, bytes make up
characters, a whole run of byte tokens becomes U+FFFD where one of them does not fit (byte fallback, as in Llama 2,
Mistral and Gemma), a clean-up draws punctuation to the word before it (WordPiece). So some tokens are decoded again
with every new one. They move on only to where decoding from there has been seen to give the very end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

REPLACEMENT = "\ufffd"
"""What a tokenizer decodes bytes to that are not, or not yet, a whole character."""

_WINDOW = 48
"""Tokens that are decoded again at most, where nothing keeps them from moving on."""

_KEPT = 24
"""Tokens that stay when they move on."""

_MARGIN = 4
"""Characters that decoding from a later token must have in common with the text, at least."""

_PENDING = 3
"""Characters at the end of the text that the bytes of one more token can still change."""

_CLEANED = 20
"""The same where the tokenizer cleans up spaces: of 10 replacements of 2 to 4 characters each may reach one further."""

_LONG_RUN = 64
"""Byte tokens in a row from which on we decode them ourselves until they end, so that a run costs no square."""

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class Decodes(Protocol):
    """The part of a tokenizer needed here; `convert_ids_to_tokens` is asked for byte tokens where there is one."""

    def decode(self, token_ids: list[int], skip_special_tokens: bool = ...) -> str | list[str]:
        """Text of the tokens; transformers' decodes batches too, into lists."""


def decoded(tokenizer: Decodes, tokens: list[int]) -> str:
    """Text of tokens, special ones left out."""
    text = tokenizer.decode(tokens, skip_special_tokens=True)
    assert isinstance(text, str)
    return text


class RunningText:
    """Text of a growing list of tokens, special ones left out.

    Args:
        tokenizer: Of any kind whose decoding looks at neighbours only.

    Attributes:
        before: The beginning of the text, which stays.
        recent: The rest of it, as the tokens until now have it.
    """

    def __init__(self, tokenizer: Decodes) -> None:
        self.before = ""
        self.recent = ""
        self._tokenizer = tokenizer
        self._pieces = getattr(tokenizer, "convert_ids_to_tokens", None)
        self._revised = _CLEANED if getattr(tokenizer, "clean_up_tokenization_spaces", False) else 0
        self._kinds: dict[int, tuple[bool, int | None]] = {}
        self._tokens: list[int] = []  # whose text, less the first `_cut` characters, is `recent`
        self._cut = 0
        self._run = bytearray()  # of byte tokens at the end, which only another token ends
        self._closed = ""  # `recent` before that run

    def __len__(self) -> int:
        return len(self.before) + len(self.recent)

    @property
    def certain(self) -> int:
        """How many characters of the text no further token can change."""
        if self._run:
            kept = len(self._closed)
        else:
            kept = max(len(self.recent.rstrip(REPLACEMENT)), len(self.recent) - _PENDING)
        return max(0, len(self.before) + kept - self._revised)

    @property
    def complete(self) -> str:
        """The recent text but for bytes at its end that may yet become a character."""
        return self.recent.rstrip(REPLACEMENT)

    def add(self, token: int) -> None:
        """Read one token more."""
        silent, byte = self._kind(token)
        if silent:
            return
        self._tokens.append(token)
        if byte is None:
            self._run.clear()
        else:
            if not self._run:
                self._closed = self.recent
            self._run.append(byte)
            if len(self._run) > _LONG_RUN:
                self.recent = self._closed + _text_of_run(self._run)
                return
        self.recent = self._decoded(self._tokens)[self._cut :]
        if not self._run and len(self._tokens) > _WINDOW:
            self._move_on()

    def settle(self) -> None:
        """Have the tokenizer itself decode a long run that has not ended."""
        self.recent = self._decoded(self._tokens)[self._cut :]

    def _move_on(self) -> None:
        """Let the text of the earlier tokens be, where decoding from a later one gives the same end of the text."""
        count = len(self._tokens)
        for kept in (*range(_KEPT, _KEPT + 4), count // 2):  # of four tokens in a row one begins a character
            text = self._decoded(self._tokens[count - kept :])
            for cut in range(len(text) - self._revised - _MARGIN):
                if self.recent.endswith(text[cut:]):
                    self.before += self.recent[: len(self.recent) - len(text) + cut]
                    self.recent, self._cut = text[cut:], cut
                    del self._tokens[: count - kept]
                    return

    def _kind(self, token: int) -> tuple[bool, int | None]:
        """Whether a token is special, so that it is no part of the text, and the byte that it stands for, if any."""
        if token not in self._kinds:
            text = self._decoded([token])
            silent = not text and bool(self._tokenizer.decode([token], skip_special_tokens=False))
            piece = self._pieces(token) if self._pieces else None
            match = _BYTE.fullmatch(piece) if isinstance(piece, str) and piece != text else None
            self._kinds[token] = silent, int(match[1], 16) if match else None
        return self._kinds[token]

    def _decoded(self, tokens: list[int]) -> str:
        return decoded(self._tokenizer, tokens)


def _text_of_run(run: bytearray) -> str:
    """A run of byte tokens as byte fallback decodes it: whole, or as many U+FFFD as there are bytes."""
    try:
        return run.decode()
    except UnicodeDecodeError:
        return REPLACEMENT * len(run)


def special_tokens(tokenizer: object) -> Mapping[str, int]:
    """Ids of a tokenizer's special tokens, which are no part of a text, by their names."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return {token.content: i for i, token in added.items() if token.special and token.content}
