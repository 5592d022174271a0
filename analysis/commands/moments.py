"""``cascade-ewif moments``: print the variances of a cycle, the derivatives of EWIF, and the cost of a finite
generation."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers, add_command, read_cascade
from analysis.model.boundary.options import add_json, add_quiet, real, whole
from analysis.theory.finite import MAX_TOKENS, Generations, generations
from analysis.theory.moments import cycle_moments
from analysis.theory.sensitivity import sensitivities, standard_error


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "moments",
        run,
        example="cascade-ewif moments my.json --tokens 256 --prefill 3",
    )
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")
    parser.add_argument(
        "--tokens", type=whole(1, MAX_TOKENS), metavar="N", help="also the cost of generating this many tokens"
    )
    parser.add_argument(
        "--prefill", type=real(0), default=0.0, metavar="C", help="the target's prefill, in one-token target calls"
    )
    parser.add_argument(
        "--drafter-prefill", type=real(0), default=0.0, metavar="C", help="all drafters' prefill, in the same unit"
    )
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print second moments, sensitivities and, where asked, the finite generation."""
    cascade = read_cascade(arguments.spec)
    moments = cycle_moments(cascade)
    finite = None
    if arguments.tokens is not None:
        finite = generations(
            cascade, arguments.tokens, prefill=arguments.prefill, drafter_prefill=arguments.drafter_prefill
        )
    result: dict[str, object] = {
        "ewif": moments.ewif,
        "tokens_per_cycle": moments.tokens_per_cycle,
        "cost_per_cycle": moments.cost_per_cycle,
        "tokens_variance": moments.tokens_variance,
        "cost_variance": moments.cost_variance,
        "covariance": moments.covariance,
        "ewif_variance_per_cycle": moments.ewif_variance_per_cycle,
        "ewif_variance_per_token": moments.ewif_variance_per_token,
        "ewif_standard_error": standard_error(cascade),
    }
    slopes = sensitivities(cascade)
    if arguments.json:
        result["sensitivities"] = [
            {"path": s.path, "value": s.value, "ewif": s.ewif, "tokens": s.tokens_per_cycle, "cost": s.cost_per_cycle}
            for s in slopes
        ]
        result["finite"] = None if finite is None else _last(finite)
        print(json.dumps(result, allow_nan=False))
        return 0
    for name, value in result.items():
        print(f"{name:<26}{'unknown (no uncertainty given)' if value is None else f'{value:.6g}'}")
    print("derivative of EWIF         in")
    for s in slopes:
        print(f"{s.ewif:<+26.6g} {s.path} = {s.value:g}")
    if finite is not None:
        for name, value in _last(finite).items():
            print(f"finite {name:<19}{value:.6g}")
    return 0


def _last(finite: Generations) -> dict[str, float]:
    """The generation of the greatest length."""
    return {
        "tokens": finite.mean.size - 1,
        "mean_cost": float(finite.mean[-1]),
        "variance": float(finite.variance[-1]),
        "ewif": float(finite.ewif[-1]),
    }
