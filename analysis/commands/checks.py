"""``cascade-ewif checks``: test which assumptions of theory hold on recorded texts of real models."""

from __future__ import annotations

import argparse

from analysis.checks import as_csv, as_markdown, as_text, finite, read_traces, run_checks, survival_of_target
from analysis.model import Subparsers, add_command, whole_file
from analysis.model.boundary.options import add_quiet, add_seed, output
from analysis.model.boundary.report import add_report, report

EPILOG = "Curves of survival and their fits, which take seconds, are added where --out asks for everything."


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "checks",
        run,
        more=EPILOG,
        example="cascade-ewif checks calibration.traces.jsonl.gz",
    )
    parser.add_argument("traces", metavar="TRACES.jsonl[.gz]", help="agreements that `cascade-ewif calibrate` recorded")
    parser.add_argument(
        "--table", type=output, metavar="FILE.csv", help="write the small table that the ledger of claims reads"
    )
    add_seed(parser, "bootstraps and permutations", 2**31)
    add_report(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and write what was asked for."""
    seed = arguments.seed
    traces = read_traces(arguments.traces)
    judged = run_checks(traces, seed)
    result: dict[str, object] = {
        "schema": 1,
        "target": traces.target,
        "prompts": len(traces.prompts),
        "seed": seed,
        "checks": [row.to_json() for row in judged],
    }
    if arguments.out is not None:
        result["survival"] = finite(survival_of_target(traces, seed))
    if arguments.table is not None:
        source = f"Assumption checks on {len(traces.prompts)} recorded texts of {traces.target!r}, seed {seed}."
        with whole_file(arguments.table) as file:
            file.write(as_csv(judged, source))
    report(arguments, as_markdown(judged), result, printed=as_text(judged))
    return 0
