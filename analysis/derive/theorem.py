"""What a derivation returns: statement, steps, and the checks that SymPy or enumeration made of it."""

from __future__ import annotations

from dataclasses import dataclass

import sympy


@dataclass(frozen=True)
class Line:
    """A sentence, and the formula it leads to.

    Attributes:
        text: One or two sentences; ``{name}`` stands for a symbol of `analysis.derive.notation`.
        formula: An equation or expression, or None.
    """

    text: str
    formula: sympy.Basic | None = None


@dataclass(frozen=True)
class ProofCheck:
    """One equality or inequality of a theorem, as it was verified on this run.

    Attributes:
        claim: What was verified, in one sentence.
        method: How and over what range: symbolically for every k, symbolically up to a size, or in exact rationals.
        holds: The outcome.
    """

    claim: str
    method: str
    holds: bool


@dataclass(frozen=True)
class Theorem:
    """A result with its derivation from first principles.

    Attributes:
        name: What the command line calls it.
        title: Its title in an appendix.
        source: Where the form was published, or that it is stated here.
        assumptions: What it rests on, in one or two sentences.
        statement: The result.
        steps: The derivation, in reading order.
        checks: What was verified; never empty.
    """

    name: str
    title: str
    source: str
    assumptions: str
    statement: tuple[Line, ...]
    steps: tuple[Line, ...]
    checks: tuple[ProofCheck, ...]

    @property
    def proved(self) -> bool:
        """Whether every check holds."""
        return bool(self.checks) and all(check.holds for check in self.checks)
