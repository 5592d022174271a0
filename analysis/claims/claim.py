"""A row of the ledger: a claim, and what running its check found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["proved", "tested", "refuted", "undecided", "open"]
"""proved: every algebraic step checked by SymPy, and no counterexample; tested: no counterexample; refuted: a
counterexample; undecided: measured data too few to tell; open: a proof that failed without a counterexample (nothing in
the ledger should be)."""


@dataclass(frozen=True)
class Finding:
    """What a check found on this run.

    Attributes:
        verdict: Proved, tested, refuted, undecided or open.
        method: How it was found.
        examples: Number of examples tried within the claim's assumptions.
        counterexample: The shrunk counterexample by parameter, with both sides of the claim; empty unless refuted.
        rescue: The assumption under which a refuted claim holds, with how that was checked; empty unless refuted.
        rescue_holds: Whether the claim with that assumption survived its own check.
        note: Numbers or reasons worth knowing.
    """

    verdict: Verdict
    method: str
    examples: int
    counterexample: Mapping[str, str] = field(default_factory=dict)
    rescue: str = ""
    rescue_holds: bool = True
    note: str = ""

    @property
    def settled(self) -> bool:
        """Whether nothing about the row is left open."""
        return self.verdict != "open" and self.rescue_holds


@dataclass(frozen=True)
class Claim:
    """One row of the ledger.

    Attributes:
        name: A short name, unique in the ledger.
        statement: The claim, with its assumptions.
        source: Where it is made or implied.
        check: Runs the search or proof; deterministic.
    """

    name: str
    statement: str
    source: str
    check: Callable[[], Finding]
