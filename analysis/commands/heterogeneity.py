"""``python -m analysis heterogeneity``: the size and sign of the error of the i.i.d. assumption for one cascade."""

from __future__ import annotations

import argparse
import json

from analysis.model import Cascade, InputError, PerPosition, Subparsers, read_cascade
from analysis.model.boundary.options import real_option
from analysis.theory.heterogeneity import LEAST_MEAN, beta_ewif, beta_from_mean, deviation_range
from analysis.theory.markov import HiddenChain, markov_ewif


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("heterogeneity", help="size and sign of the error of the i.i.d. assumption")
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification; its alpha is taken as the mean")
    parser.add_argument("--drafter", required=True, help="drafter whose alpha by the target varies")
    parser.add_argument("--deviation", required=True, help="standard deviation of alpha, below sqrt(mean (1 - mean))")
    parser.add_argument(
        "--memory",
        default="0.9",
        help="correlation of neighbouring tokens where alpha varies along the text, in [0, 1) (default 0.9)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print EWIF and the error of the i.i.d. prediction under each weighting."""
    cascade = read_cascade(arguments.spec)
    mean = _mean_alpha(cascade, arguments.drafter)
    if not LEAST_MEAN <= mean <= 1 - LEAST_MEAN:
        field = f"acceptance.{cascade.target}.{arguments.drafter}"
        raise InputError(field, f"got {mean!r}, expected a mean alpha in [{LEAST_MEAN:g}, 1 - {LEAST_MEAN:g}]")
    deviation = real_option("--deviation", arguments.deviation, *deviation_range(mean))
    memory = real_option("--memory", arguments.memory, 0, 1 - 1e-9)
    found = beta_ewif(cascade, cascade.target, arguments.drafter, *beta_from_mean(mean, deviation))
    result: dict[str, float | None] = {
        "mean_alpha": mean,
        "iid": found.iid,
        "equal_cycles": found.equal_cycles,
        "error_equal_cycles": found.error_equal_cycles,
        "equal_tokens": found.equal_tokens,
        "error_equal_tokens": found.error_equal_tokens,
        "along_text": None,
        "error_along_text": None,
    }
    if mean - deviation >= 0 and mean + deviation <= 1:
        others = {step.by: (_mean_alpha(cascade, step.by),) * 2 for step in cascade.draft}
        alphas = {**others, arguments.drafter: (mean - deviation, mean + deviation)}
        along = markov_ewif(cascade, HiddenChain.from_share(0.5, memory), alphas)
        result |= {"along_text": along.ewif, "error_along_text": along.error}
    if arguments.json:
        print(json.dumps(result, allow_nan=False))
        return 0
    print(f"EWIF, i.i.d. at alpha {mean:g}                        {found.iid:.6f}")
    lines = [
        ("alpha Beta over prompts, equal cycles a prompt", "equal_cycles"),
        ("alpha Beta over prompts, equal tokens a prompt", "equal_tokens"),
        (f"alpha in two states along the text, memory {memory:g}", "along_text"),
    ]
    for label, key in lines:
        value, error = result[key], result[f"error_{key}"]
        if value is None or error is None:
            print(f"{label:<49} mean -+ deviation leaves [0, 1]")
        else:
            print(f"{label:<49} {value:.6f}   i.i.d. is {abs(error):.2%} too {'high' if error > 0 else 'low'}")
    return 0


def _mean_alpha(cascade: Cascade, drafter: str) -> float:
    acceptance = cascade.acceptance.get(cascade.target, {}).get(drafter)
    if acceptance is None:
        raise InputError(f"acceptance.{cascade.target}.{drafter}", "missing, its alpha is the mean")
    if not acceptance.is_constant or not isinstance(acceptance.accepted, PerPosition):
        raise InputError(
            f"acceptance.{cascade.target}.{drafter}", "varies already, expected one number, the mean alpha"
        )
    return acceptance.at(0)
