"""Theorems as text that reads like an appendix."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import sympy

from analysis.derive.inline import sentence_text
from analysis.derive.theorem import Line, Theorem

WIDTH = 96
"""Columns of running text."""


def as_text(theorem: Theorem, number: int) -> str:
    """One theorem as Unicode text."""
    parts = [f"Theorem {number}. {theorem.title}  [{theorem.name}]", _wrap(f"Source: {sentence_text(theorem.source)}.")]
    parts.append(_wrap(f"Setting. {sentence_text(theorem.assumptions)}"))
    parts += _text_lines(theorem.statement)
    parts.append("Derivation.")
    parts += _text_lines(theorem.steps)
    parts.append(f"Verified on this run: {'all of it' if theorem.proved else 'NOT ALL OF IT'}.")
    parts += [
        _wrap(
            f"[{'ok' if check.holds else 'FAILS'}] {sentence_text(check.claim)} ({sentence_text(check.method)})",
            hang="     ",
        )
        for check in theorem.checks
    ]
    return "\n".join(parts)


def _text_lines(lines: Sequence[Line]) -> list[str]:
    parts = []
    for line in lines:
        if line.text:
            parts.append(_wrap(sentence_text(line.text)))
        if line.formula is not None:
            shown = sympy.pretty(line.formula, use_unicode=True, wrap_line=False)
            parts += ["", textwrap.indent(shown, "        "), ""]
    return parts


def _wrap(text: str, hang: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=hang)
