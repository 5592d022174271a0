"""``python -m analysis moments``: variances, sensitivities and finite generations of one cascade."""

from __future__ import annotations

import argparse
import json

from analysis.model import Subparsers, read_cascade, whole_option
from analysis.model.boundary.options import real_option
from analysis.theory.finite import MAX_TOKENS, Generations, generations
from analysis.theory.moments import cycle_moments
from analysis.theory.sensitivity import sensitivities, standard_error


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("moments", help="variances, derivatives and finite generations of one cascade")
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification")
    parser.add_argument("--tokens", help="also the cost of generating this many tokens")
    parser.add_argument("--prefill", default="0", help="the target's prefill, in one-token target calls (default 0)")
    parser.add_argument("--drafter-prefill", default="0", help="all drafters' prefill, in the same unit (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print second moments, sensitivities and, where asked, the finite generation."""
    cascade = read_cascade(arguments.spec)
    prefill = real_option("--prefill", arguments.prefill, 0)
    drafter_prefill = real_option("--drafter-prefill", arguments.drafter_prefill, 0)
    moments = cycle_moments(cascade)
    finite = None
    if arguments.tokens is not None:
        tokens = whole_option("--tokens", arguments.tokens, 1, MAX_TOKENS)
        finite = generations(cascade, tokens, prefill=prefill, drafter_prefill=drafter_prefill)
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
