"""Checks as lines of text, as Markdown, and as the small CSV table that the ledger of claims reads."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from analysis.checks.verdict import LEVEL, MARGIN, Judged
from analysis.model.boundary.markdown import table

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


def as_markdown(judged: Sequence[Judged]) -> str:
    """One row a check."""
    header = ("assumption", "reviewer", "drafter", "departure", "95 % interval", "p, adjusted", "verdict")
    rows = [
        [
            row.check.name.replace("-", " "),
            row.check.reviewer,
            row.check.drafter,
            _known(row.check.effect, "+.3f"),
            f"{_known(row.check.low, '+.3f')} to {_known(row.check.high, '+.3f')}",
            _known(row.adjusted, ".2g"),
            row.verdict,
        ]
        for row in judged
    ]
    return table(header, rows, text_columns=3) + f"\n\n{RULE[0].upper()}{RULE[1:]}."


def _known(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "unknown"


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
