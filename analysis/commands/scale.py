"""``python -m analysis scale``: published acceptances at the paper's scale, by assumed and measured costs."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from analysis.headline_tables import markdown
from analysis.model import Subparsers, whole_file
from analysis.paper_scale import Scaled, cost_ratios, leviathan, overstated, tenfold
from analysis.shape_rows import read_shapes

ALPHAS = (0.5, 0.6, 0.7, 0.8, 0.9)
CALLS_A_REVIEW = (2, 5, 13)
"""The published K-matrix for LLaMA-7B has its 160M drafter review Max-Gram's tens until 13: 2 to 13 calls."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("scale", help="EWIF at the paper's scale by assumed and by measured call times")
    parser.add_argument(
        "shapes",
        nargs="*",
        metavar="SHAPES.jsonl",
        help="rows of `python -m realrun calibrate --shape`; none: assumed costs",
    )
    parser.add_argument("--out", metavar="FILE.json", help="where the whole result goes")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a table a condition, and what the tenfold target changes."""
    conditions = read_shapes(*arguments.shapes)
    measured = [
        {
            "condition": asdict(condition),
            "cost_ratios": [asdict(ratio) for ratio in cost_ratios(shapes)],
            "published": [asdict(row) for row in leviathan(shapes)],
        }
        for condition, shapes in conditions.items()
    ]
    result = {
        "assumed": [asdict(row) for row in leviathan({})],
        "measured": measured,
        "tenfold": {
            "speculative": [asdict(row) for row in tenfold(ALPHAS)],
            "swi_overstated": {str(m): overstated(m) for m in CALLS_A_REVIEW},
        },
    }
    out = sys.stderr if arguments.json else sys.stdout
    print("## published acceptances, assumed costs\n\n" + markdown(_predicted(leviathan({}))), file=out)
    for condition, shapes in conditions.items():
        print(f"\n## {', '.join(str(value) for value in asdict(condition).values())} tokens held\n", file=out)
        print(markdown([_ratio(asdict(ratio)) for ratio in cost_ratios(shapes)]), file=out)
        print("\n" + markdown(_predicted(leviathan(shapes))), file=out)
    print("\n## LLaMA-7B with ten times its parameters\n", file=out)
    print(markdown([asdict(row) for row in tenfold(ALPHAS)]), file=out)
    for m in CALLS_A_REVIEW:
        print(f"{m} calls of the drafter a review: SWI overstated by a factor {overstated(m):.3f}", file=out)
    if arguments.out:
        with whole_file(arguments.out) as file:
            json.dump(result, file, indent=1, allow_nan=False)
            file.write("\n")
    if arguments.json:
        print(json.dumps(result, allow_nan=False))
    return 0


def _predicted(rows: list[Scaled]) -> list[dict[str, object]]:
    return [
        {
            "task": row.task,
            "drafter": row.drafter,
            "temperature": row.temperature,
            "alpha": row.alpha,
            "k": row.k,
            "published speedup": row.measured,
        }
        | {f"{by.costs}": f"{by.ewif:.2f} (best {by.best:.2f}, k = {by.best_k})" for by in row.by}
        for row in rows
    ]


def _ratio(row: dict[str, object]) -> dict[str, object]:
    assumed = row.pop("assumed")
    assert isinstance(assumed, dict)
    return row | {f"assumed {key}": assumed.get(key) for key in ("MS", "PW")}
