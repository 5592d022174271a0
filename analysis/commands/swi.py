"""``python -m analysis swi``: the paper's headline on measured rows, by assumed costs and by the clock."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from analysis.headline import headline
from analysis.headline_tables import by_kind, by_limit, markdown, tokens_per_second
from analysis.measured_rows import PromptId, Run, read_runs
from analysis.model import InputError, Subparsers, parse_json, read_text, whole_file, whole_option
from analysis.model.calibration import Calibration, read_calibration
from analysis.model.fields import mapping, number
from analysis.options import real_option
from analysis.possible import possible, with_costs
from analysis.published import read_rows
from analysis.swi import Costs, Expense, family, standardised, tables, totals, wall_clock

CLOCK = "wall-clock"
CONVENTIONS = ("all", "reviews")


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("swi", help="best cascade over best speculative decoding, by SWI and by the clock")
    parser.add_argument("--measured", required=True, metavar="ROWS.jsonl", help="rows of `python -m realrun bench`")
    parser.add_argument(
        "--parameters",
        nargs="+",
        default=[],
        metavar="MODEL=N",
        help="parameters of every neural model (default: as the calibration tells them)",
    )
    parser.add_argument(
        "--calibration", metavar="FILE", help="for measured costs, and for what theory says is possible"
    )
    parser.add_argument(
        "--sets",
        nargs="+",
        default=[],
        metavar="P.jsonl",
        help="prompt files, one a set (default: the rows' categories)",
    )
    parser.add_argument("--target", metavar="NAME", help="name of the target (default: the calibration's, or t)")
    parser.add_argument("--max-tokens", default="12", metavar="K", help="longest draft of the theory (default 12)")
    parser.add_argument("--seed", default="0", help="of the resamples and folds (default 0)")
    parser.add_argument("--out", metavar="FILE.json", help="where the whole result goes")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare on every set of prompts, print tables."""
    seed = whole_option("--seed", arguments.seed, 0, 2**63 - 1)
    max_tokens = whole_option("--max-tokens", arguments.max_tokens, 1, 64)
    calibration = read_calibration(arguments.calibration) if arguments.calibration else None
    target = arguments.target or (calibration.target if calibration else "t")
    runs = read_runs(arguments.measured, target)
    parameters = _parameters(arguments.parameters, calibration, target)
    one = {m: calibration.cascade.cost(m).at(1) for m in calibration.times} if calibration else None
    if one is not None and any(model not in one for model in parameters):
        raise InputError("--calibration", f"has no call times of {', '.join(m for m in parameters if m not in one)}")
    costs = tables(parameters, target, one)
    result = {
        "sets": _sets(runs, costs, _members(runs, arguments.sets), seed),
        "tokens_per_second": tokens_per_second(runs),
        "tokens_per_second_by_limit": by_limit(runs),
        "paper": [int(row["additional_percent"]) / 100 for row in read_rows("headlines.csv")],
        "possible": _possible(calibration, costs, max_tokens) if calibration else [],
        "parameters": parameters,
        "costs": costs,
    }
    text = _text(result)
    print(text, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.out:
        with whole_file(arguments.out) as file:
            json.dump(result, file, indent=1, allow_nan=False)
            file.write("\n")
    if arguments.json:
        print(json.dumps(result, allow_nan=False))
    return 0


def _parameters(given: Sequence[str], calibration: Calibration | None, target: str) -> dict[str, float]:
    found: dict[str, float] = {}
    if calibration:
        for model, n in mapping(calibration.details.get("parameters", {}), "meta.calibration.parameters").items():
            found[model] = number(n, f"meta.calibration.parameters.{model}", 1)
    for entry in given:
        model, _, text = entry.partition("=")
        found[model] = real_option("--parameters", text, 1)
    if target not in found:
        raise InputError("--parameters", f"missing for the target {target!r}, expected {target}=N")
    return found


def _members(runs: Sequence[Run], files: Sequence[str]) -> dict[str, set[PromptId]]:
    """Ids of the prompts of every set; ``all`` is every prompt."""
    sets: dict[str, set[PromptId]] = {"all": {run.prompt for run in runs}}
    if files:
        for path in files:
            lines = [line for line in read_text(path).splitlines() if line.strip()]
            ids = {mapping(parse_json(line, path, first_line=i), path).get("id") for i, line in enumerate(lines, 1)}
            sets[Path(path).stem] = {key for key in ids if isinstance(key, (str, int))} & sets["all"]
    else:
        for run in runs:
            if run.category is not None:
                sets.setdefault(run.category, set()).add(run.prompt)
    return {name: members for name, members in sets.items() if len(members) > 1}


def _sets(
    runs: Sequence[Run], costs: Mapping[str, Costs], sets: Mapping[str, set[PromptId]], seed: int
) -> dict[str, object]:
    measures: dict[str, Expense] = {
        f"SWI ({name}), {convention}": standardised(table, convention)
        for convention in CONVENTIONS
        for name, table in costs.items()
    }
    measures[CLOCK] = wall_clock
    families = {run.method: family(run) for run in runs}
    found: dict[str, object] = {}
    for name, members in tqdm(sets.items(), desc="prompt sets", unit="set", delay=2):
        sums = {measure: totals(runs, expense, members) for measure, expense in measures.items()}
        headlines = [asdict(headline(measure, total, families, seed)) for measure, total in sums.items()]
        found[name] = {"headlines": headlines, "methods": by_kind(runs, sums)}
    return found


def _possible(calibration: Calibration, costs: Mapping[str, Costs], max_tokens: int) -> list[dict[str, object]]:
    models = {"t(q)": calibration.cascade} | {
        name: with_costs(calibration.cascade, table) for name, table in costs.items()
    }
    bar = tqdm(models.items(), desc="optima", unit="table", delay=2)
    return [possible(name, cascade, calibration.neural, max_tokens).to_json() for name, cascade in bar]


def _text(result: Mapping[str, object]) -> str:
    parts = []
    sets = mapping(result["sets"], "sets")
    for name, entry in sets.items():
        fields = mapping(entry, name)
        rows = [
            {
                "measure": h["measure"],
                "best speculative": _named(h["best"]["speculative"]),
                "best cascade": _named(h["best"]["cascade"]),
                "additional": f"{h['additional']:+.1%} ({h['low']:+.1%} to {h['high']:+.1%})",
                "chosen elsewhere": f"{h['held_out']:+.1%} ({h['held_out_low']:+.1%} to {h['held_out_high']:+.1%})",
            }
            for h in fields["headlines"]  # type: ignore[attr-defined]
        ]
        parts += [f"## {name}, {fields['headlines'][0]['prompts']} prompts", markdown(rows)]  # type: ignore[index]
        parts.append(markdown(fields["methods"]))  # type: ignore[arg-type]
    parts += ["## tokens a second", markdown(result["tokens_per_second"])]  # type: ignore[arg-type]
    if result["tokens_per_second_by_limit"]:
        parts.append(markdown(result["tokens_per_second_by_limit"]))  # type: ignore[arg-type]
    rows = [
        {
            "costs": p["costs"],
            "speculative": p["speculative_ewif"],
            "optimum": p["optimum_ewif"],
            "additional": f"{p['additional']:+.1%}",
            "no cascade gains more than": f"{p['at_most']:+.1%}",
            "1 / (1 - alpha)": p["alpha_bound"],
        }
        for p in result["possible"]  # type: ignore[attr-defined]
    ]
    if rows:
        parts += ["## what theory says is possible", markdown(rows)]
    claims = ", ".join(f"{claim:.0%}" for claim in result["paper"])  # type: ignore[attr-defined]
    parts.append(f"The paper: up to {claims} additional, by SWI.")
    return "\n\n".join(parts)


def _named(best: Sequence[object]) -> str:
    return f"{best[1]:.3f} ({best[0]})"
