"""The evidence as Markdown: errors by study and rung, then every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.model.boundary.markdown import escaped, table

MOST_SHOWN = 40
"""Cells of a study that are shown one by one."""


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Tables of rows as the command writes them."""
    cells = [row for row in rows if row["kind"] == "cell"]
    parts = [
        "Errors are (predicted - measured) / measured; 95 %: of the median of as many cells drawn from these.",
        errors([row for row in rows if row["kind"] == "errors"]),
    ]
    for study in dict.fromkeys(row["study"] for row in cells):
        mine = [row for row in cells if row["study"] == study]
        if len(mine) <= MOST_SHOWN:
            parts += [escaped(study), _cells(mine)]
    left_out = [f"- {escaped(row['what'])}" for row in rows if row["kind"] == "left out"]
    if left_out:
        parts += ["Left out:", "\n".join(left_out)]
    return "\n\n".join(parts) + "\n"


def errors(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of errors."""
    head = ("study", "rung", "cells", "median abs.", "95 %", "max abs.", "median signed", "within 5 %", "regret")
    found = []
    for row in rows:
        interval = f"{_percent(row['low'])} to {_percent(row['high'])}"
        numbers = (_percent(row["max_absolute"]), _signed(row["median_signed"]), _percent(row["within_5_percent"]))
        regret = "" if row["regret"] is None else _percent(row["regret"])
        shown = _percent(row["median_absolute"])
        found.append((row["study"], row["rung"], row["cells"], shown, interval, *numbers, regret))
    return table(head, found, text_columns=2)


def _cells(rows: Sequence[Mapping[str, Any]]) -> str:
    rungs = list(dict.fromkeys(rung for row in rows for rung in row["predicted"]))
    found = []
    for row in rows:
        predicted = row["predicted"]
        shown = [
            f"{predicted[rung]['speedup']:.3f} ({_signed(predicted[rung]['error'])})" if rung in predicted else ""
            for rung in rungs
        ]
        found.append((row["name"], f"{row['measured']:.3f}", *shown))
    return table(("cell", "measured", *rungs), found)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} %"
