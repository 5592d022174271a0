"""``cascade-ewif evidence``: hold theory against speedups that others measured on their machines."""

from __future__ import annotations

import argparse

from analysis.engines.evidence import error_rows, markdown, read_cells
from analysis.model import Subparsers, add_command
from analysis.model.boundary.options import add_seed
from analysis.model.boundary.report import add_row_report, report_rows

EPILOG = """The folder has any of three collections of runs, gathered from public repositories: vllm_cells.csv with
columns benchmark, model, method, metrics_file, and the engine's own pages in vllm/
(AltriaSetsuna/speculative-decoding-empirical); acceptrate_cells.csv with k, workload, alpha, c, measured_speedup
(kidus-der/acceptrate, docs/figures/cells.md); eagle3_batch_curves.csv with workload, k, batch, net_speedup, accept_len
(pramodjella/speculative-decoding-draft-length-audit). Costs are taken from other cells than those that are judged:
another benchmark, another copier, other workloads."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "evidence",
        run,
        more=EPILOG,
        example="cascade-ewif evidence measured_elsewhere --out cells.jsonl --markdown cells.md",
    )
    parser.add_argument("folder", metavar="FOLDER", help="where the collections are")
    parser.add_argument(
        "--lengths", metavar="ROWS.jsonl", help="rows of `cascade-ewif lengths`: predict its static drafts too"
    )
    add_seed(parser, "the bootstrap over cells")
    add_row_report(parser, "cells and errors")


def run(arguments: argparse.Namespace) -> int:
    """Predict every cell and sum up the errors."""
    cells, left_out = read_cells(arguments.folder, arguments.lengths)
    rows: list[dict[str, object]] = [cell.to_json() for cell in cells]
    rows += error_rows(cells, arguments.seed)
    rows += [{"kind": "left out", "what": what} for what in left_out]
    report_rows(arguments, markdown(rows), rows)
    return 0
