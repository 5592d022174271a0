"""Who wrote what: the text of every token with its maker, as it becomes certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from realrun.engine.record import Cycle, Origin
from realrun.engine.stream import TextStream


@dataclass(frozen=True)
class Piece:
    """A token's part of the text.

    Attributes:
        text: Empty for a special token, and for one that begins a character which a later one completes.
        token: Its id.
        origin: Who made it, and how.
        cycle: In which of the target's reviews it came out, from 1.
    """

    text: str
    token: int
    origin: Origin
    cycle: int


class Pieces:
    """A `watch` of the engine that collects the pieces of a text.

    Args:
        stream: Keeps the text; is called first.
        origins: Where the origins of all tokens until now can be had.
        callback: Called with each piece as soon as its text is certain.

    Attributes:
        found: The pieces until now.
    """

    def __init__(
        self,
        stream: TextStream,
        origins: Callable[[], Sequence[Origin]],
        callback: Callable[[Piece], None] | None = None,
    ) -> None:
        self.found: list[Piece] = []
        self._stream = stream
        self._origins = origins
        self._callback = callback
        self._cycles: list[int] = []  # of each token

    def __call__(self, tokens: list[int]) -> int | None:
        """Read on, and end the text where the stream does."""
        cycle = 1 + (self._cycles[-1] if self._cycles else 0)
        self._cycles += [cycle] * (len(tokens) - len(self._cycles))
        kept = self._stream(tokens)
        self._collect(tokens[:kept], self._stream.certain)
        return kept

    def finish(self, tokens: Sequence[int], cycles: Sequence[Cycle]) -> str:
        """The whole text; the rest of its pieces.

        Args:
            tokens: All of them.
            cycles: Of the generation, from which they came also where nobody watched.
        """
        self._cycles = [number for number, cycle in enumerate(cycles, start=1) for _ in range(cycle.tokens)]
        text = self._stream.finish(tokens)
        self._collect(tokens, len(text))
        return text

    def _collect(self, tokens: Sequence[int], certain: int) -> None:
        first, origins = len(self.found), self._origins()
        for i, (start, end) in enumerate(self._stream.spans(first), start=first):
            if end > certain:
                break
            piece = Piece(self._stream.between(start, end), tokens[i], origins[i], self._cycles[i])
            self.found.append(piece)
            if self._callback:
                self._callback(piece)
