"""Theorems as LaTeX: theorem and proof environments, numbered equations with labels, and a whole document (amsmath)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from sympy import Add, Expr, Mul, Product, Sum, Symbol
from sympy.printing.latex import LatexPrinter

from analysis.derive.inline import GREEK, sentence_latex
from analysis.derive.proof import Expression
from analysis.derive.theorem import Line, ProofCheck, Theorem

_PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage{amssymb}
\usepackage{amsthm}
\newtheorem{theorem}{Theorem}
\allowdisplaybreaks
\begin{document}
"""


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's printer with the terms of a sum in reading order: 1 first, what is taken away later, big sums last.

    What follows a big operator reads as part of it, so that only the last term may be one without brackets.
    """

    def _print_Add(self, expr: Expression, order: str | None = None) -> str:  # noqa: N802 (SymPy's name)
        terms = sorted(self._as_ordered_terms(expr, order), key=_rank)
        if terms[0].is_number and all(term.is_Symbol and term.is_integer for term in terms[1:]):
            terms = [*terms[1:], terms[0]]  # k + 1, as one writes an index
        shown = ""
        for index, term in enumerate(terms):
            negative = _is_negative(term)
            printed = self._print(-term if negative else term)
            if _is_big(term) and index + 1 < len(terms):
                printed = rf"\left({printed}\right)"
            sign = "- " if negative else ""
            shown += printed if not index and not negative else f"{' ' if index else ''}{sign or '+ '}{printed}"
        return shown

    def _print_Symbol(self, expr: Expression, style: str = "plain") -> str:  # noqa: N802 (SymPy's name)
        name = expr.name
        if name == "EWIF":
            return r"\mathrm{EWIF}"
        if name[:1] == "d" and name[1:] in (*GREEK, "A", "B", "h"):
            return f"d{self._print(Symbol(name[1:]))}"
        return str(super()._print_Symbol(expr, style=style))


def _is_big(term: Expr) -> bool:
    """Whether a term ends in a sum or product over an index."""
    factors = Mul.make_args(term)
    return any(isinstance(factor, (Sum, Product)) for factor in factors)


def _is_negative(term: Expr) -> bool:
    return bool(term.could_extract_minus_sign()) and not isinstance(term, Add)


def _rank(term: Expr) -> tuple[bool, bool, bool]:
    return _is_big(term), _is_negative(term), not term.is_number


def formula_latex(formula: Expression) -> str:
    """A formula in LaTeX, in reading order."""
    return str(_Printer().doprint(formula))


def as_latex(theorem: Theorem) -> str:
    """One theorem as a LaTeX fragment: needs amsmath, amsthm and a ``theorem`` environment.

    Its labels are ``thm:NAME`` and ``eq:NAME:1``, ``eq:NAME:2``, ...
    """
    numbers = count(1)
    verified = r"\noindent\textbf{Verified on this run.}" if theorem.proved else r"\noindent\textbf{Not verified.}"
    return "\n".join(
        [
            rf"\begin{{theorem}}[{sentence_latex(theorem.title)}]\label{{thm:{theorem.name}}}",
            rf"\textup{{Source: {sentence_latex(theorem.source)}.}}",
            "",
            sentence_latex(theorem.assumptions),
            "",
            *_lines(theorem.statement, theorem.name, numbers),
            r"\end{theorem}",
            r"\begin{proof}",
            *_lines(theorem.steps, theorem.name, numbers),
            r"\end{proof}",
            verified,
            r"\begin{itemize}",
            *map(_check, theorem.checks),
            r"\end{itemize}",
        ]
    )


def as_document(theorems: Sequence[Theorem]) -> str:
    """A LaTeX document of the theorems, one after the other."""
    return _PREAMBLE + "\n\n".join(map(as_latex, theorems)) + "\n\\end{document}"


def _lines(lines: Sequence[Line], name: str, numbers: Iterator[int]) -> list[str]:
    parts = []
    for line in lines:
        if line.text:
            parts.append(sentence_latex(line.text))
        if line.formula is not None:
            label = rf"\label{{eq:{name}:{next(numbers)}}}"
            parts += [rf"\begin{{equation}}{label}", formula_latex(line.formula), r"\end{equation}"]
    return parts


def _check(check: ProofCheck) -> str:
    failed = "" if check.holds else "FAILS: "
    return rf"\item {failed}{sentence_latex(check.claim)} ({sentence_latex(check.method)})"
