"""Mathematics inside sentences: finds the formulas of a plain-text sentence and prints them as LaTeX or Unicode.

A sentence writes formulas as one types them: ``alpha (1 - phi) / (1 - alpha)``, ``a_s``, ``B^{n}``, ``k >= 0``, with
``{name}`` for a symbol of `analysis.derive.notation`. What is a formula follows from a small grammar:

    formula = operand (operator operand | operand)*
    operand = ["-"] (number | name | function "(" arguments ")" | "(" formula ")") ["^" operand]

A name is a Greek letter, a single letter or one of a few words, with primes, digits or an index. The words "a" and "A"
count as names beside an operator or bracket only; a number alone is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import sympy

from analysis.derive.notation import WORDS

GREEK = ("alpha", "beta", "gamma", "phi", "pi", "lambda", "tau", "eta")
_FUNCTIONS = ("min", "max", "log", "exp")
_DIFFERENTIALS = ("dphi", "dalpha", "dh", "dA", "dB")
_OPERATORS = {operator: f" {operator} " for operator in ("+", "-", "/", "=", "<", ">")}
_OPERATORS |= {"<=": r" \le ", ">=": r" \ge ", "..": r", \ldots, "}

_TOKEN = re.compile(
    r"\s*(?:(?P<symbol>\{[A-Za-z]\w*\})|(?P<number>\d+(?:\.\d+)?)"
    rf"|(?P<name>(?:EWIF|TV|{'|'.join((*_FUNCTIONS, *_DIFFERENTIALS, *GREEK))}|[A-Za-z])(?:_[A-Za-z0-9]+|\d+)?'*)"
    r"(?![A-Za-z'])(?!-[a-z])|(?P<operator><=|>=|\.\.|[-+/=<>])|(?P<power>\^)|(?P<open>\()|(?P<close>\))|(?P<comma>,))"
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    end: int


class _Reader:
    """One attempt to read a formula from a place in a sentence."""

    def __init__(self, text: str, print_name: Callable[[str], str], latex: bool) -> None:
        self._text, self._name, self._latex = text, print_name, latex

    def _next(self, at: int) -> _Token | None:
        found = _TOKEN.match(self._text, at)
        if not found or found.lastgroup is None:
            return None
        return _Token(found.lastgroup, found[found.lastgroup], found.end())

    def formula(self, at: int) -> tuple[str, int] | None:
        """The printed formula and its end, as long as it can be made."""
        first = self._operand(at)
        if first is None:
            return None
        printed, end = first
        while True:
            token = self._next(end)
            if token and token.kind == "operator":
                following = self._operand(token.end)
                shown = _OPERATORS[token.text] if self._latex else self._typed(end, token.end)
            else:
                following, shown = self._operand(end, juxtaposed=True), self._typed(end, end)
            if following is None:
                return printed, end
            printed, end = printed + shown + following[0], following[1]

    def _typed(self, start: int, end: int) -> str:
        """An operator with the blanks that the sentence has around it."""
        blanks = len(self._text) - end - len(self._text[end:].lstrip())
        return self._text[start : end + blanks]

    def _operand(self, at: int, *, juxtaposed: bool = False) -> tuple[str, int] | None:
        token = self._next(at)
        if token is None or (juxtaposed and token.kind == "operator"):
            return None
        if token.kind == "operator":
            signed = self._operand(token.end) if token.text == "-" else None
            return None if signed is None else (f"-{signed[0]}", signed[1])
        if token.kind == "open":
            inner = self._arguments(token.end)
            found = None if inner is None else (f"({inner[0]})", inner[1])
        elif token.kind in ("symbol", "number", "name"):
            if token.text in ("a", "A") and not self._beside_operator(at, token.end, juxtaposed):
                return None
            found = (token.text if token.kind == "number" else self._name(token.text), token.end)
        else:
            return None
        return None if found is None else self._raised(*found)

    def _raised(self, printed: str, end: int) -> tuple[str, int]:
        token = self._next(end)
        if token is None or token.kind != "power":
            return printed, end
        exponent = self._operand(token.end)
        if exponent is None:
            return printed, end
        inside = exponent[0]
        if not self._latex:
            return f"{printed}^{inside}", exponent[1]
        bare = inside[1:-1] if inside.startswith("(") and inside.endswith(")") else inside
        return f"{printed}^{{{bare}}}", exponent[1]

    def _arguments(self, at: int) -> tuple[str, int] | None:
        """Formulas between commas, and the closing bracket."""
        parts, end = [], at
        while True:
            found = self.formula(end)
            token = None if found is None else self._next(found[1])
            if found is None or token is None or token.kind not in ("comma", "close"):
                return None
            parts.append(found[0])
            end = token.end
            if token.kind == "close":
                return ", ".join(parts), end

    def _beside_operator(self, start: int, end: int, juxtaposed: bool) -> bool:
        following = self._next(end)
        before = self._text[:start].rstrip()[-1:]
        after = following is not None and following.kind in ("operator", "power", "open", "close")
        return after or (not juxtaposed and before != "" and before in "+-/=<>^(")


def _formulas(text: str, print_name: Callable[[str], str], latex: bool) -> list[tuple[str, bool]]:
    """The sentence as parts, each with whether it is a formula."""
    reader = _Reader(text, print_name, latex)
    parts: list[tuple[str, bool]] = []
    at = plain = 0
    while at < len(text):
        starts = not text[at].isspace() and (at == 0 or not (text[at - 1].isalnum() or text[at - 1] in "_`.'"))
        found = reader.formula(at) if starts else None
        if found is None or re.fullmatch(r"\d+(\.\d+)?", text[at : found[1]]) or _is_aside(text[at : found[1]]):
            at += 1
            continue
        parts += [(text[plain:at], False), (found[0], True)]
        at = plain = found[1]
    return [*parts, (text[plain:], False)]


def _is_aside(found: str) -> bool:
    """Whether a bracket holds nothing but a number, a year or the like."""
    return re.fullmatch(r"\(\d+\)", found) is not None


def _latex_name(name: str) -> str:
    if name.startswith("{"):
        return str(sympy.latex(WORDS[name[1:-1]]))
    parts = re.fullmatch(r"([A-Za-z]+?)(?:_([A-Za-z0-9]+)|(\d+))?('*)", name)
    assert parts is not None
    stem, index, digits, primes = parts.groups()
    if stem in _DIFFERENTIALS:
        rest = stem[1:]
        shown = "d" + (rf"\{rest}" if rest in GREEK else rest)
    elif stem in GREEK or stem in _FUNCTIONS:
        shown = rf"\{stem}"
    else:
        shown = stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"
    index = index or digits
    return shown + (f"_{{{index}}}" if index else "") + primes


def _unicode_name(name: str) -> str:
    if name.startswith("{"):
        return str(sympy.pretty(WORDS[name[1:-1]], use_unicode=True))
    for greek in GREEK:
        name = re.sub(rf"^(d?){greek}", rf"\1{sympy.pretty(sympy.Symbol(greek))}", name)
    return name


_SPECIAL = {"%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
_SPECIAL |= {"<": r"\textless{}", ">": r"\textgreater{}"}


def sentence_latex(text: str) -> str:
    """A sentence as LaTeX, its formulas in mathematics and its code words in typewriter."""
    shown = []
    for part, is_formula in _formulas(text, _latex_name, latex=True):
        escaped = "".join(_SPECIAL.get(character, character) for character in part)
        shown.append(f"${part}$" if is_formula else re.sub(r"`([^`]*)`", r"\\texttt{\1}", escaped))
    return "".join(shown)


def sentence_text(text: str) -> str:
    """A sentence as Unicode text."""
    return "".join(part for part, _ in _formulas(text, _unicode_name, latex=False))
