"""What the rows of other people's engines say: a table of errors, what cascades gain, and both as figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.engines.evidence import apple, eagle, vllm_cells
from analysis.engines.evidence.cells import IID, POSITIONS
from analysis.engines.evidence.rows import read_rows
from analysis.engines.evidence.table import errors
from figures import engine_gains, engine_predictions
from figures.report.artefacts import Artefact, Build
from figures.report.drawing import drawing
from simulate.lengths.costs import MACHINES
from simulate.lengths.rules import ANY, BEHIND, BOTH, CHAIN
from simulate.lengths.study import SAME
from simulate.lengths.table import by_cost

CELLS, LENGTHS = "cells.jsonl", "lengths.jsonl"

BEST = {
    vllm_cells.STUDY: POSITIONS,
    vllm_cells.COPIERS_STUDY: vllm_cells.BY_MIXED,
    apple.STUDY: apple.FROM_OTHERS,
    eagle.STUDY: POSITIONS,
}
"""Rung of each measured study whose costs are from elsewhere."""

SHOWN_RULES = (BEHIND, BOTH, CHAIN, ANY)

Rows = Sequence[Mapping[str, Any]]


def of_engines(folder: Path) -> tuple[Artefact, ...]:
    """The artefacts of the rows in a folder; none where it has no rows."""
    cells, lengths = folder / CELLS, folder / LENGTHS
    if not (cells.is_file() and lengths.is_file()):
        return ()

    def build(run: Build) -> None:
        found = [row for row in read_rows(cells) if row["kind"] == "errors"]
        replayed = [row for row in read_rows(lengths) if row["kind"] == "rule" and row["texts"] == SAME]
        run.write("engines.md", f"{errors(found)}\n\n{by_cost(replayed)}\n")

    table = Artefact(
        "engines",
        (),
        ("engines.md",),
        build,
        title="Theory on other people's GPUs",
        caption="Errors of predicted speedups by study and rung; then speedup over EAGLE alone of rules that copy too, "
        "by what a drafted token costs in plain steps.",
    )
    listed = (
        table,
        drawing("engine-predictions", lambda _: predictions(read_rows(cells)), engine_predictions.FIGURE),
        drawing("engine-gains", lambda _: gains(read_rows(lengths)), engine_gains.FIGURE),
    )
    origin = "recorded from public runs"
    return tuple(dataclasses.replace(each, origin=origin, sources=(cells, lengths)) for each in listed)


def predictions(found: Rows) -> list[dict[str, Any]]:
    """Measured cells by the textbook, and by counters and costs from elsewhere."""
    cells = [row for row in found if row["kind"] == "cell" and row["study"] in BEST]
    textbook = [_point(row, IID) for row in cells]
    best = [_point(row, BEST[row["study"]]) for row in cells]
    return [
        {"title": "one alpha, textbook costs", "points": textbook},
        {"title": "counters, costs from elsewhere", "points": best},
    ]


def _point(row: Mapping[str, Any], rung: str) -> dict[str, Any]:
    return {"study": row["study"], "measured": row["measured"], "predicted": row["predicted"][rung]["speedup"]}


def gains(found: Rows) -> list[dict[str, Any]]:
    """Gains over EAGLE alone by data set, rule and cost."""
    kept = [row for row in found if row["kind"] == "rule" and row["texts"] == SAME]
    panels = []
    for data in dict.fromkeys(row["data"] for row in kept):
        curves = {
            rule: [_gain(row) for machine in MACHINES for row in kept if _is(row, data, rule, machine)]
            for rule in SHOWN_RULES
        }
        costs = [machine.removesuffix(" a token").removeprefix("0") for machine in MACHINES]
        panels.append({"title": data, "costs": costs, "curves": curves})
    return panels


def _is(row: Mapping[str, Any], data: str, rule: str, machine: str) -> bool:
    return (row["data"], row["family"], row["machine"]) == (data, rule, machine)


def _gain(row: Mapping[str, Any]) -> tuple[float, float, float]:
    gain, low, high = (row[f"over_eagle{side}"] - 1 for side in ("", "_low", "_high"))
    return gain, low, high
