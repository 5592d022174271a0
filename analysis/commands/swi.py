"""``cascade-ewif swi``: hold the best cascade against the best speculative decoding, by SWI and by the clock."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.model import InputError, Subparsers, add_command, parse_json, progress, read_text
from analysis.model.boundary.fields import mapping
from analysis.model.boundary.options import add_quiet, add_seed, as_options, real, whole
from analysis.model.boundary.report import add_report, report
from analysis.model.records.calibration import Calibration, read_calibration
from analysis.model.records.runs import MeasuredRun, PromptId, read_runs
from analysis.paper.published import read_rows
from analysis.paper.swi import (
    ALL,
    at_one_speed,
    by_limit,
    by_set,
    cost_tables,
    markdown,
    possible,
    tokens_per_second,
    with_costs,
)
from analysis.prediction.specifications import without_silence

KEPT = Path(__file__).parents[2] / "results" / "cpu_int8"
"""Recorded rows beside the packages, in a checkout of the source."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "swi",
        run,
        more="SWI is the paper's standardised walltime improvement: calls weighted by a fixed table of costs.",
        example="cascade-ewif swi --measured rows.jsonl --calibration calibration.json",
    )
    parser.add_argument(
        "--measured",
        nargs="+",
        metavar="ROWS.jsonl",
        help="rows of `cascade-ewif bench`; several files are brought to one speed by their autoregressive rows "
        "(default: those kept in results/cpu_int8, with their calibration)",
    )
    parser.add_argument(
        "--parameters",
        nargs="+",
        type=_named_number,
        default=[],
        metavar="MODEL=N",
        help="parameters of every neural model (default: as the calibration tells them)",
    )
    parser.add_argument(
        "--calibration", metavar="CALIBRATION.json", help="for measured costs, and for what theory says is possible"
    )
    parser.add_argument(
        "--sets",
        nargs="+",
        default=[],
        metavar="P.jsonl",
        help="prompt files, one a set (default: the rows' categories)",
    )
    parser.add_argument("--target", metavar="NAME", help="name of the target (default: the calibration's, or t)")
    parser.add_argument("--max-tokens", type=whole(1, 64), default=12, metavar="K", help="longest draft of the theory")
    add_seed(parser, "the resamples and folds")
    add_report(parser)
    add_quiet(parser)


@as_options("measured", "parameters")
def run(arguments: argparse.Namespace) -> int:
    """Compare on every set of prompts, print tables."""
    measured, calibrated = arguments.measured, arguments.calibration
    if measured is None:
        measured, calibrated = _kept(calibrated)
    calibration = read_calibration(calibrated) if calibrated else None
    target = arguments.target or (calibration.target if calibration else "t")
    runs = at_one_speed(_shared(read_runs(*measured, target=target)))
    parameters = _parameters(arguments.parameters, calibration, target)
    one = {m: calibration.cascade.cost(m).at(1) for m in calibration.times} if calibration else None
    if one is not None and any(model not in one for model in parameters):
        raise InputError("--calibration", f"has no call times of {', '.join(m for m in parameters if m not in one)}")
    costs = cost_tables(parameters, target, one)
    result = {
        "sets": by_set(runs, costs, _members(runs, arguments.sets), arguments.seed),
        "tokens_per_second": tokens_per_second(runs),
        "tokens_per_second_by_limit": by_limit(runs),
        "paper": [int(row["additional_percent"]) / 100 for row in read_rows("headlines.csv")],
        "possible": _possible(calibration, costs, arguments.max_tokens) if calibration else [],
        "parameters": parameters,
        "costs": costs,
    }
    report(arguments, markdown(result), result)
    return 0


def _kept(calibration: str | None) -> tuple[list[Path], str | Path]:
    """The measured rows that come with the source, and the calibration given, or theirs.

    Raises:
        InputError: where the package is installed without them.
    """
    rows = sorted(KEPT.glob("measured*.jsonl.gz"))
    if not rows:
        raise InputError("--measured", "missing, expected rows of `cascade-ewif bench`")
    print(f"note: rows of {', '.join(path.name for path in rows)} in {KEPT.parent.name}/{KEPT.name}", file=sys.stderr)
    return rows, calibration or KEPT / "calibration.json"


def _shared(runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """The runs of prompts that every method ran, so that all are held to the same texts.

    Raises:
        InputError: where there is no such prompt.
    """
    by_method: dict[str, set[PromptId]] = {}
    for run in runs:
        by_method.setdefault(run.method, set()).add(run.prompt)
    shared = set.intersection(*by_method.values())
    if not shared:
        raise InputError("--measured", "no prompt was run by every method")
    return [run for run in runs if run.prompt in shared]


def _named_number(text: str) -> tuple[str, float]:
    """Read MODEL=N."""
    model, _, number_text = text.partition("=")
    return model, real(1)(number_text)


def _parameters(given: Sequence[tuple[str, float]], calibration: Calibration | None, target: str) -> dict[str, float]:
    found: dict[str, float] = dict(calibration.parameters) if calibration else {}
    found |= dict(given)
    if target not in found:
        raise InputError("--parameters", f"missing for the target {target!r}, expected {target}=N")
    return found


def _members(runs: Sequence[MeasuredRun], files: Sequence[str]) -> dict[str, set[PromptId]]:
    """Ids of the prompts of every set of two or more, that of all prompts first."""
    everything = {run.prompt for run in runs}
    sets: dict[str, set[PromptId]] = {}
    for path in files:
        lines = [(i, line) for i, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]
        ids = {mapping(parse_json(line, path, first_line=i), f"{path}, line {i}").get("id") for i, line in lines}
        sets[Path(path).stem] = {key for key in ids if isinstance(key, (str, int))} & everything
    if not files:
        for run in runs:
            if run.category is not None:
                sets.setdefault(run.category, set()).add(run.prompt)
    return {ALL: everything} | {name: ids for name, ids in sets.items() if len(ids) > 1 and name != ALL}


def _possible(calibration: Calibration, costs: Mapping[str, Mapping[str, float]], most: int) -> list[dict[str, object]]:
    known = without_silence(calibration, calibration.cascade)
    models = {"t(q)": known} | {name: with_costs(known, table) for name, table in costs.items()}
    bar = progress(models.items(), "optima", "table", total=len(models))
    return [possible(name, cascade, calibration.neural, most).to_json() for name, cascade in bar]
