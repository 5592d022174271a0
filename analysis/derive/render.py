"""Theorems as text that reads like an appendix, and as a LaTeX fragment (needs `amsmath`)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import sympy

from analysis.derive.notation import WORDS, ewif
from analysis.derive.theorem import Check, Line, Theorem

WIDTH = 96
"""Columns of running text."""


def as_text(theorem: Theorem, number: int) -> str:
    """One theorem as Unicode text."""
    parts = [f"Theorem {number}. {theorem.title}  [{theorem.name}]", _wrap(f"Source: {_words(theorem.source)}.")]
    parts.append(_wrap(f"Setting. {_words(theorem.assumptions)}"))
    parts += _text_lines(theorem.statement)
    parts.append("Derivation.")
    parts += _text_lines(theorem.steps)
    parts.append(f"Verified on this run: {'all of it' if theorem.proved else 'NOT ALL OF IT'}.")
    parts += [
        _wrap(f"[{'ok' if check.holds else 'FAILS'}] {check.claim} ({check.method})", hang="     ")
        for check in theorem.checks
    ]
    return "\n".join(parts)


def as_latex(theorem: Theorem) -> str:
    """One theorem as a LaTeX fragment: a section with displayed formulas."""
    parts = [
        rf"\subsection*{{{_tex(theorem.title)}}}",
        rf"\noindent\textit{{Source: {_tex(theorem.source)}.}}",
        "",
        rf"\noindent\textbf{{Setting.}} {_tex(theorem.assumptions)}",
        "",
        r"\noindent\textbf{Theorem.}",
        *_tex_lines(theorem.statement),
        "",
        r"\noindent\textbf{Derivation.}",
        *_tex_lines(theorem.steps),
        "",
        r"\noindent\textbf{Verified on this run.}" if theorem.proved else r"\noindent\textbf{Not verified.}",
        r"\begin{itemize}",
        *map(_tex_check, theorem.checks),
        r"\end{itemize}",
    ]
    return "\n".join(parts)


def _tex_check(check: Check) -> str:
    failed = "" if check.holds else "FAILS: "
    return rf"\item {failed}{_tex(check.claim, plain=True)} ({_tex(check.method, plain=True)})"


def _text_lines(lines: Sequence[Line]) -> list[str]:
    parts = []
    for line in lines:
        if line.text:
            parts.append(_wrap(_words(line.text)))
        if line.formula is not None:
            shown = sympy.pretty(line.formula, use_unicode=True, wrap_line=False)
            parts += ["", textwrap.indent(shown, "        "), ""]
    return parts


def _wrap(text: str, hang: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=hang)


def _words(text: str) -> str:
    return text.format_map({name: sympy.pretty(symbol, use_unicode=True) for name, symbol in WORDS.items()})


def _tex_lines(lines: Sequence[Line]) -> list[str]:
    parts = []
    for line in lines:
        if line.text:
            parts.append(_tex(line.text))
        if line.formula is not None:
            parts += [
                r"\begin{equation*}",
                sympy.latex(line.formula, symbol_names={ewif: r"\mathrm{EWIF}"}),
                r"\end{equation*}",
            ]
    return parts


_SPECIAL = {"%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_SPECIAL |= {"<": r"\textless{}", ">": r"\textgreater{}", "`": "'"}


def _tex(text: str, *, plain: bool = False) -> str:
    """Escape a sentence; its ``{name}`` become formulas, unless it is plain."""
    escaped = "".join(_SPECIAL.get(character, character) for character in text) if plain else _escape_outside(text)
    return escaped if plain else escaped.format_map({name: f"${sympy.latex(s)}$" for name, s in WORDS.items()})


def _escape_outside(text: str) -> str:
    doubled = {key: value.replace("{", "{{").replace("}", "}}") for key, value in _SPECIAL.items()}
    return "".join(doubled.get(character, character) for character in text)
