"""``cascade-ewif paper``: regenerate the paper's tables and figures, from theory, simulation and real runs.

``python paper_repro.py`` is the same command. It builds one ordered list of artefacts, in its quick profile into
``paper_results/``, and prints a summary; ``--list`` tells what there is, ``--only NAME...`` builds a part (with what it
needs), and naming a folder again reuses what is finished. What real models do is calibrated, predicted, measured and
joined by the commands that a user would give.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.model import InputError, Parser, Subparsers, add_command, exit_with, progress
from analysis.model.boundary.options import add_prompts, add_quiet, add_seed, as_options
from analysis.model.boundary.progress import bars
from analysis.paper import figure_data
from analysis.theory.regions import horizontal_region, vertical_region
from figures import (
    simulation_agreement,
    simulation_convergence,
    simulation_decay,
    simulation_departures,
    theory_allocation,
    theory_ewif_curves,
    theory_iid_error,
    theory_published,
    theory_regions,
    theory_schematic,
)
from figures.report import witnesses
from figures.report.artefacts import Artefact, Build, Builder, with_inputs
from figures.report.drawing import drawing
from figures.report.engines import of_engines
from figures.report.given import Given
from figures.report.long_run import of_drafters, of_long_run, of_shapes, recorded
from figures.report.page import write_report
from figures.report.this_run import of_this_run
from simulate import figure_data as simulated

ROOT = Path(__file__).parent
RESULTS = ROOT / "results" / "cpu_int8"
"""Rows of a long run on 2 CPU cores, kept with the source."""


def artefacts(given: Given, full: bool, results: Path = RESULTS) -> tuple[Artefact, ...]:
    """All artefacts in their order: what theory and simulation say by themselves, then real runs.

    The quick profile over our own models and prompts shows what a long run recorded, beside its own short one.

    Args:
        given: What real runs are made of.
        full: Whether to take all prompts and longer texts, and to show nothing but what is measured anew.
        results: Folder of recorded rows.
    """
    kept = recorded(results) if given.is_ours and not full else None
    return (
        Artefact(
            "table1",
            (),
            ("table1.json", "table1.md"),
            witnesses.build_table1,
            title="Table 1 of the paper",
            caption="EWIF under Bernoulli acceptance: as reported, by the closed form, by the exact recursion and by "
            "simulation.",
        ),
        drawing("schematic", lambda _: figure_data.schematic(), theory_schematic.FIGURE),
        drawing("ewif-curves", lambda _: figure_data.curves_of_published_drafters(), theory_ewif_curves.FIGURE),
        drawing("allocation", lambda _: figure_data.allocation_of_table1(), theory_allocation.FIGURE),
        drawing("vertical-region", lambda _: vertical_region(0.8, 0.1), theory_regions.VERTICAL),
        drawing("horizontal-region", lambda _: horizontal_region(0.8, 0.1), theory_regions.HORIZONTAL),
        drawing("iid-error", lambda _: figure_data.iid_error(), theory_iid_error.FIGURE),
        drawing("published", lambda _: figure_data.published_predictions(), theory_published.FIGURE),
        drawing("convergence", witnesses.convergence, simulation_convergence.FIGURE),
        drawing("agreement", witnesses.agreement, simulation_agreement.FIGURE),
        drawing("decay", lambda run: simulated.decay(run.seed), simulation_decay.FIGURE),
        drawing(
            "departures",
            lambda run: simulated.departure_rows(run.seed, 20_000_000 if run.full else 2_000_000),
            simulation_departures.FIGURE,
        ),
        Artefact(
            "claims",
            (),
            ("claims.json", "claims.md"),
            witnesses.build_claims,
            title="The claims, held to the proof",
            caption="Each row was checked by this run: proved (SymPy), tested, or refuted with the smallest "
            "counterexample found.",
        ),
        *of_this_run(given, full),
        *of_long_run(kept),
        *of_shapes(tuple(sorted(results.parent.glob("*/shapes*.jsonl"))), kept),
        *of_engines(results.parent / "engines"),
        *of_drafters(ROOT / "realrun" / "data"),
    )


def main() -> int:
    """Run ``python paper_repro.py``; the exit status is 1 where an artefact failed."""
    parser = Parser(prog="paper_repro.py", description="Regenerate the paper's tables and figures.")
    _add_options(parser)
    arguments = parser.parse_args()
    with bars(shown=not arguments.quiet):
        return run(arguments)


def add(commands: Subparsers) -> None:
    """Register the command."""
    example = "cascade-ewif paper --list\ncascade-ewif paper --only table1 ewif-curves --out results"
    _add_options(add_command(commands, "paper", run, example=example))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="list the artefacts and stop")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="build these, and what they need")
    parser.add_argument("--out", default="paper_results", metavar="FOLDER", help="folder of the results")
    add_seed(parser, "all that is drawn", 2**31)
    add_prompts(parser)
    parser.add_argument(
        "--models",
        metavar="FILE",
        help="a specification with `load`: target and drafters, from dear to cheap (default: the embedded ones)",
    )
    parser.add_argument("--full", action="store_true", help="take hours: all prompts, long texts, narrow intervals")
    add_quiet(parser)


@as_options("only", "prompts", "models")
def run(arguments: argparse.Namespace) -> int:
    """Build what is asked for, write the report and print the tables."""
    listed = artefacts(Given.from_options(arguments.prompts, arguments.models), arguments.full)
    if arguments.list:
        for artefact in listed:
            needs = f"  (needs {', '.join(artefact.inputs)})" if artefact.inputs else ""
            print(f"{artefact.name:18s} {artefact.heading}{needs}")
        return 0
    this_run = Build(Path(arguments.out), arguments.seed, arguments.full)
    wanted = with_inputs(listed, arguments.only or [artefact.name for artefact in listed])
    try:
        this_run.path(".finished").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("--out", f"the folder {this_run.out} cannot be written: {error.strerror}") from None
    builder = Builder(this_run, listed)
    for artefact in progress(wanted, "artefacts", "artefact"):
        builder.build(artefact)
    write_report(listed, builder)
    _print(wanted, builder)
    return 1 if builder.failed else 0


def _print(wanted: list[Artefact], builder: Builder) -> None:
    for artefact in wanted:
        for file in artefact.files:
            if file.endswith(".md") and artefact.name not in builder.failed:
                print(f"\n{artefact.heading}\n\n{builder.run.path(file).read_text(encoding='utf-8').rstrip()}")
    print(f"\nAll results are in {builder.run.out}; report.md shows them.")
    for name, problem in builder.failed.items():
        print(f"FAILED {name}: {problem}")


if __name__ == "__main__":
    exit_with(main)
