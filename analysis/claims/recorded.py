"""Claims on recorded texts of real models, judged by the assumption checks whose results the package carries.

``recorded_checks.csv`` among the published numbers is what ``cascade-ewif checks TRACES --table FILE`` wrote: one
row a check, small enough to ship. The traces themselves lie outside the package, so this module does not test again; a
verdict changes by recording, checking and replacing the table. Without a table there are no such claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources

from analysis.checks import LEVEL, MARGIN
from analysis.claims.claim import Claim, Finding, Verdict
from analysis.paper.published import read_rows

TABLE = "recorded_checks.csv"

Row = Mapping[str, str]

STATEMENTS = {
    "constant-hazard": (
        "On recorded texts acceptance decays exponentially with position: the hazard is constant.",
        "CS Drafting, section 4 and its figure of acceptance by position",
    ),
    "one-alpha-of-prompts": ("On recorded texts all prompts share one alpha.", "The i.i.d. model of EWIF"),
    "one-alpha-of-domains": ("On recorded texts all domains share one alpha.", "The i.i.d. model of EWIF"),
    "independent-along-text": (
        "On recorded texts the acceptance of a token is independent of that of its neighbours.",
        "The i.i.d. model of EWIF",
    ),
    "inner-outcome-says-nothing": (
        "On recorded texts the outcome of an inner review does not predict that of the outer one.",
        "Vertical EWIF of CS Drafting, whose acceptances multiply",
    ),
}
"""Statement and source by the name of the check."""


def finding(rows: Sequence[Row]) -> Finding:
    """What the checks of one assumption on several pairs say together.

    Refuted where one pair violates it, and saved by the pairs on which it holds; tested where it holds on all;
    undecided where some are undecided and none violates it.
    """
    by_verdict = {
        verdict: [row for row in rows if row["verdict"] == verdict] for verdict in ("violated", "holds", "undecided")
    }
    violated, holding = by_verdict["violated"], by_verdict["holds"]
    verdict: Verdict = "refuted" if violated else "tested" if len(holding) == len(rows) else "undecided"
    worst = max(violated, key=lambda row: abs(float(row["effect"])), default=None)
    shown = {} if worst is None else {"pair": _pair(worst), "departure": _size(worst), "p, adjusted": worst["adjusted"]}
    rescue = f"the pairs {', '.join(map(_pair, holding))}" if violated and holding else ""
    prompts, tokens = (max(int(row[key]) for row in rows) for key in ("prompts", "tokens"))
    parts = [f"{_pair(row)} {_size(row)} {row['verdict']}" for row in rows]
    return Finding(
        verdict,
        f"tests with prompts independent on {prompts} recorded prompts of up to {tokens} tokens in all; violated below "
        f"p = {LEVEL:g} after Holm's correction, holding within +-{MARGIN:g}",
        len(rows),
        shown,
        rescue,
        note="Departure with its 95 % interval: " + "; ".join(parts) + ".",
    )


def _pair(row: Row) -> str:
    return f"{row['reviewer']} reviewing {row['drafter']}"


def _size(row: Row) -> str:
    return f"{float(row['effect']):+.3f} ({float(row['low']):+.3f} to {float(row['high']):+.3f})"


def claims(rows: Sequence[Row]) -> tuple[Claim, ...]:
    """One claim for every assumption with a row, in the order of `STATEMENTS`."""
    found = []
    for name, (statement, source) in STATEMENTS.items():
        mine = [row for row in rows if row["check"] == name]
        if mine:
            check: Callable[[], Finding] = partial(finding, mine)
            found.append(Claim(f"recorded-{name}", statement, source, check))
    return tuple(found)


def shipped_rows() -> list[dict[str, str]]:
    """The package's table, empty where it has none."""
    return read_rows(TABLE) if (resources.files("analysis.paper.published") / TABLE).is_file() else []


CLAIMS = claims(shipped_rows())
