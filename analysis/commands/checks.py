"""``python -m analysis checks``: the assumptions of theory, held against recorded texts."""

from __future__ import annotations

import argparse

from analysis.checks import as_csv, as_markdown, as_text, finite, read_traces, run_checks, survival_of_target
from analysis.model import Subparsers, whole_file, whole_option
from analysis.model.boundary.options import add_report, report

EPILOG = "Curves of survival and their fits, which take seconds, are added where --out asks for everything."


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "checks", help="which assumptions hold on recorded texts of real models", epilog=EPILOG
    )
    parser.add_argument("traces", metavar="TRACES.jsonl[.gz]", help="agreements that `realrun calibrate` recorded")
    parser.add_argument("--table", metavar="FILE.csv", help="write the small table that the ledger of claims reads")
    parser.add_argument("--seed", default="0", help="of bootstraps and permutations, a whole number >= 0 (default 0)")
    add_report(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and write what was asked for."""
    seed = whole_option("--seed", arguments.seed, 0, 2**31)
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
