"""A text in colours that tell who made each token: on a terminal, or as a page of HTML that needs nothing else."""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TextIO

from analysis.model import harmless
from realrun.engine.pieces import Piece
from realrun.engine.record import Origin

_TERMINAL = ("32", "36", "35", "33", "34")
"""Escape codes of the drafters' colours."""
_PAGE = ("#1b7f3b", "#0b6fa4", "#9c3fa0", "#a66a00", "#3d50c3")
"""The same on a page, dark enough to read; the background is a light tint of them."""
_OWN = {"correction": "1", "bonus": "4"}
"""The target's own tokens: bold where it corrected a draft, underlined after a draft that passed or was none."""

_CORRECTION = "target's corrections"
_BONUS = "target's own tokens"
_ALONE = "target alone"

_STYLE = """
body { font: 16px/1.7 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 52rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.2rem; margin-bottom: .2rem }
.prompt { color: #555; white-space: pre-wrap; border-left: 3px solid #ccc; padding-left: .8rem }
.text { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 1.05rem }
.text span { border-radius: 3px; padding: .1em 0 }
.text span:hover { outline: 2px solid #777 }
.none { opacity: .45; font-size: .8em }
.correction { font-weight: 700; border-bottom: 2px solid #c0392b }
.bonus { border-bottom: 2px solid #888 }
ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.4rem }
"""


class Picture:
    """Colours for the makers of tokens.

    Args:
        target: Name of the target.
        drafters: Names of the drafters, in the order of the specification.
    """

    def __init__(self, target: str, drafters: Sequence[str]) -> None:
        self._target = target
        self._places = {name: i % len(_TERMINAL) for i, name in enumerate(drafters)}
        self._drafts = bool(drafters)

    def painted(self, piece: Piece) -> str:
        """A piece with its colour for a terminal; control characters in it are harmless."""
        text = harmless(piece.text)
        return f"\x1b[{self._code(piece.origin)}m{text}\x1b[0m" if text else ""

    def legend(self, pieces: Sequence[Piece], *, coloured: bool) -> str:
        """One line: who made how many tokens."""
        parts = []
        for maker, (count, origin) in self._makers(pieces).items():
            name = f"\x1b[{self._code(origin)}m{harmless(maker)}\x1b[0m" if coloured else harmless(maker)
            parts.append(f"{name} {count}")
        return ", ".join(parts)

    def page(self, title: str, prompt: str, pieces: Sequence[Piece], summary: str) -> str:
        """A page with the text, its legend, and for every token on hovering who made it and in which cycle."""
        colours = "".join(
            f".d{i} {{ color: {colour}; background: {colour}14 }}\n" for i, colour in enumerate(_PAGE[: len(_TERMINAL)])
        )
        entries = "".join(
            f'<li><span class="{self._class(origin)}">{_escaped(maker)}</span> {count}</li>\n'
            for maker, (count, origin) in self._makers(pieces).items()
        )
        text = "".join(self._span(piece) for piece in pieces)
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_escaped(title)}</title>\n'
            f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}{colours}</style>\n</head>\n<body>\n'
            f'<h1>{_escaped(title)}</h1>\n<p>{_escaped(summary)}</p>\n<p class="prompt">{_escaped(prompt)}</p>\n'
            f'<ul>\n{entries}</ul>\n<p class="text">{text}</p>\n</body>\n</html>\n'
        )

    def _span(self, piece: Piece) -> str:
        tip = f"{self._story(piece.origin)}; cycle {piece.cycle}; token {piece.token}"
        kind = self._class(piece.origin)
        if not piece.text:
            return f'<span class="{kind} none" title="{_escaped(tip)}">∅</span>'
        return f'<span class="{kind}" title="{_escaped(tip)}">{_escaped(piece.text)}</span>'

    def _story(self, origin: Origin) -> str:
        if origin.by == self._target:
            own = {"correction": "correction of a rejected token", "bonus": "bonus token, no draft was left to judge"}
            return f"{origin.by}: {own[origin.kind] if self._drafts else 'alone'}"
        made = {"draft": "drafted", "correction": "correction in its own review", "bonus": "bonus of its own review"}
        return f"{origin.by}: {made[origin.kind]}, accepted by {', '.join(origin.reviewers)}"

    def _makers(self, pieces: Sequence[Piece]) -> Mapping[str, tuple[int, Origin]]:
        """Number of tokens by maker, drafters first, and one origin of each."""
        counts = Counter(self._maker(piece.origin) for piece in pieces)
        some = {self._maker(piece.origin): piece.origin for piece in pieces}
        order = [*self._places, _CORRECTION, _BONUS, _ALONE]
        return {maker: (counts[maker], some[maker]) for maker in sorted(counts, key=order.index)}

    def _maker(self, origin: Origin) -> str:
        if origin.by != self._target:
            return origin.by
        if not self._drafts:
            return _ALONE
        return _CORRECTION if origin.kind == "correction" else _BONUS

    def _code(self, origin: Origin) -> str:
        return _TERMINAL[self._places[origin.by]] if origin.by in self._places else _OWN[origin.kind]

    def _class(self, origin: Origin) -> str:
        return f"d{self._places[origin.by]}" if origin.by in self._places else origin.kind


def wants_colour(stream: TextIO) -> bool:
    """Whether colours should be written: to a terminal that can show them, unless NO_COLOR says no (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _escaped(text: str) -> str:
    return html.escape(harmless(text))
