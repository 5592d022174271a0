"""Running the ledger, and printing what it found."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from analysis.claims import (
    ceilings,
    composition,
    dependence,
    drafters,
    formulas,
    lengths,
    limits,
    measured,
    mixtures,
    ordering,
    recorded,
    stopping,
    tokens,
)
from analysis.claims.claim import Claim, Finding
from analysis.model import progress

LEDGER: tuple[Claim, ...] = (
    *formulas.CLAIMS,
    *drafters.CLAIMS,
    *ordering.CLAIMS,
    *lengths.CLAIMS,
    *limits.CLAIMS,
    *ceilings.CLAIMS,
    *composition.CLAIMS,
    *mixtures.CLAIMS,
    *stopping.CLAIMS,
    *dependence.CLAIMS,
    *tokens.CLAIMS,
    *measured.CLAIMS,
    *recorded.CLAIMS,
)
"""Every claim, formulas first."""


@dataclass(frozen=True)
class LedgerRow:
    """A claim with what its check found.

    Attributes:
        claim: The claim.
        finding: What running it found.
    """

    claim: Claim
    finding: Finding

    def to_json(self) -> dict[str, object]:
        """One flat object."""
        parts = {"name": self.claim.name, "statement": self.claim.statement, "source": self.claim.source}
        return parts | asdict(self.finding)


def run_ledger(claims: Sequence[Claim] = LEDGER) -> list[LedgerRow]:
    """Run every check, with a progress bar when that takes more than two seconds."""
    return [LedgerRow(claim, claim.check()) for claim in progress(claims, "checking claims", "claim")]


def as_text(rows: Sequence[LedgerRow]) -> str:
    """The ledger as paragraphs."""
    return "\n\n".join(_paragraph(row) for row in rows) + f"\n\n{summary(rows)}"


def summary(rows: Sequence[LedgerRow]) -> str:
    """How many claims have which verdict."""
    verdicts = [row.finding.verdict for row in rows]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(sorted(verdicts)))
    unsettled = [row.claim.name for row in rows if not row.finding.settled]
    return f"{len(rows)} claims: {counts}." + (f" Not settled: {', '.join(unsettled)}." if unsettled else "")


def as_markdown(rows: Sequence[LedgerRow]) -> str:
    """The ledger as a Markdown table with its notes below."""
    lines = [
        "| claim | source | verdict | examples | counterexample | what saves it |",
        "|---|---|---|---:|---|---|",
    ]
    for row in rows:
        found = row.finding
        cells = [
            f"**{row.claim.name}** {row.claim.statement}",
            row.claim.source,
            found.verdict,
            str(found.examples),
            _counterexample(found),
            found.rescue if found.rescue_holds else f"NOT: {found.rescue}",
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    notes = [f"- **{row.claim.name}**: {row.finding.note}" for row in rows if row.finding.note]
    return "\n".join([*lines, "", summary(rows), "", *notes])


def _counterexample(finding: Finding) -> str:
    return ", ".join(f"{name} = {value}" for name, value in finding.counterexample.items())


def _paragraph(row: LedgerRow) -> str:
    found = row.finding
    parts = [
        f"{found.verdict.upper():8s} {row.claim.name}",
        f"{row.claim.statement} [{row.claim.source}]",
        f"How: {found.method}, {found.examples} examples.",
    ]
    if found.counterexample:
        parts.append(f"Counterexample: {_counterexample(found)}.")
    if found.rescue:
        parts.append(f"Saved by: {found.rescue}." if found.rescue_holds else f"RESCUE FAILS: {found.rescue}.")
    if found.note:
        parts.append(f"Note: {found.note}")
    return parts[0] + "\n" + "\n".join(textwrap.indent(textwrap.fill(part, 108), "         ") for part in parts[1:])
