"""Checks as lines of text, and as the small CSV table that the ledger of claims reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from analysis.checks.verdict import LEVEL, MARGIN, Judged

COLUMNS = (
    "check", "reviewer", "drafter", "prompts", "tokens", "effect", "low", "high", "p_value", "adjusted", "verdict"
)  # fmt: skip


def as_text(judged: Sequence[Judged]) -> str:
    """One line a check under a line a kind of check."""
    lines = []
    for name in dict.fromkeys(row.check.name for row in judged):
        mine = [row for row in judged if row.check.name == name]
        lines.append(f"{name}: {mine[0].check.test}")
        for row in mine:
            found = row.check
            lines.append(
                f"  {found.reviewer:>8} {found.drafter:<14} {row.verdict:<10} {found.effect:+.3f} "
                f"({found.low:+.3f} to {found.high:+.3f})  p = {found.p_value:.2g}, adjusted {row.adjusted:.2g}, "
                f"{found.prompts} prompts, {found.tokens} tokens"
            )
    return "\n".join([*lines, RULE])


RULE = (
    f"violated: p below {LEVEL:g} after Holm's correction over all tests of the run; holds: not violated, and the 95 % "
    f"interval of the effect within +-{MARGIN:g}; else undecided"
)


def as_csv(judged: Sequence[Judged], source: str) -> str:
    """The table that `analysis.claims.recorded` reads, with a comment line that says what was checked."""
    text = io.StringIO()
    text.write(f"# {source}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in judged:
        found = row.check
        numbers = (found.effect, found.low, found.high, found.p_value, row.adjusted)
        fields = (found.name, found.reviewer, found.drafter, found.prompts, found.tokens)
        writer.writerow([*fields, *(f"{number:.6g}" for number in numbers), row.verdict])
    return text.getvalue()
