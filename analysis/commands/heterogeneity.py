"""``cascade-ewif heterogeneity``: tell how wrong EWIF is when acceptance varies over prompts or along the text."""

from __future__ import annotations

import argparse
import json

from analysis.model import Cascade, InputError, PerPosition, Subparsers, add_command, read_cascade
from analysis.model.boundary.options import add_json, demand, real
from analysis.theory.heterogeneity import LEAST_MEAN, deviation_range, scattered_ewif
from analysis.theory.markov import HiddenChain, markov_ewif

USUAL = 0.15
"""Standard deviation of alpha over prompts where none is given, about that of the models in `results/`."""

ROUNDING = 1e-9
"""Relative error below which two predictions are one."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "heterogeneity",
        run,
        more="The i.i.d. prediction takes one alpha for all; its error depends on whether every prompt counts by its "
        "cycles or by its tokens.",
        example="cascade-ewif heterogeneity my.json --deviation .2",
    )
    parser.add_argument("spec", metavar="SPEC.json", help="a cascade specification; its alpha is taken as the mean")
    parser.add_argument(
        "--drafter",
        metavar="NAME",
        help="drafter whose alpha by the target varies (default: the first of the draft with one alpha)",
    )
    parser.add_argument(
        "--deviation",
        type=real(0, 1),
        metavar="S",
        help=f"standard deviation of alpha, 0 or below sqrt(mean (1 - mean)) (default {USUAL}, or less where mean -+ "
        "deviation would leave [0, 1])",
    )
    parser.add_argument(
        "--memory",
        type=real(0, 1 - 1e-9),
        default=0.9,
        metavar="R",
        help="correlation of neighbouring tokens where alpha varies along the text, in [0, 1)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print EWIF and the error of the i.i.d. prediction under each weighting."""
    cascade = read_cascade(arguments.spec)
    drafter = _first_drafter(cascade) if arguments.drafter is None else arguments.drafter
    mean = _mean_alpha(cascade, drafter)
    deviation = _deviation(arguments.deviation, mean, f"acceptance.{cascade.target}.{drafter}")
    memory = arguments.memory
    found = scattered_ewif(cascade, cascade.target, drafter, mean, deviation)
    result: dict[str, float | str | None] = {
        "drafter": drafter,
        "mean_alpha": mean,
        "deviation": deviation,
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
        alphas = {**others, drafter: (mean - deviation, mean + deviation)}
        along = markov_ewif(cascade, HiddenChain.from_share(0.5, memory), alphas)
        result |= {"along_text": along.ewif, "error_along_text": along.error}
    if arguments.json:
        print(json.dumps(result, allow_nan=False))
        return 0
    print(f"alpha of {drafter} by {cascade.target}: mean {mean:g}, standard deviation {deviation:g}")
    print(f"EWIF, i.i.d. at alpha {mean:g}                        {found.iid:.6f}")
    lines = [
        ("alpha Beta over prompts, equal cycles a prompt", "equal_cycles"),
        ("alpha Beta over prompts, equal tokens a prompt", "equal_tokens"),
        (f"alpha in two states along the text, memory {memory:g}", "along_text"),
    ]
    for label, key in lines:
        value, error = result[key], result[f"error_{key}"]
        if not isinstance(value, float) or not isinstance(error, float):
            print(f"{label:<49} mean -+ deviation leaves [0, 1]")
        else:
            direction = f"{abs(error):.2%} too {'high' if error > 0 else 'low'}" if abs(error) > ROUNDING else "right"
            print(f"{label:<49} {value:.6f}   i.i.d. is {direction}")
    return 0


def _first_drafter(cascade: Cascade) -> str:
    """The first drafter of the target in the draft whose alpha is one number.

    Raises:
        InputError: where there is none.
    """
    row = cascade.acceptance.get(cascade.target, {})
    for step in cascade.draft:
        if step.by in row and row[step.by].is_constant:
            return step.by
    raise InputError("draft", f"uses no drafter whose acceptance by {cascade.target!r} is one number, the mean alpha")


def _deviation(given: float | None, mean: float, field: str) -> float:
    """The standard deviation asked for, or the usual one as far as mean -+ deviation stays in [0, 1]."""
    if given == 0 or (given is None and mean in (0, 1)):
        return 0.0
    if not LEAST_MEAN <= mean <= 1 - LEAST_MEAN:
        expected = f"a mean alpha in [{LEAST_MEAN:g}, 1 - {LEAST_MEAN:g}], or --deviation 0"
        raise InputError(field, f"got {mean!r}, expected {expected}")
    low, high = deviation_range(mean)
    if given is None:
        return max(low, min(USUAL, mean, 1 - mean, high))
    try:
        demand("--deviation", given, real(low, high))
    except InputError as error:
        raise InputError("--deviation", f"{error.problem}, or 0") from None
    return given


def _mean_alpha(cascade: Cascade, drafter: str) -> float:
    acceptance = cascade.acceptance.get(cascade.target, {}).get(drafter)
    if acceptance is None:
        raise InputError(f"acceptance.{cascade.target}.{drafter}", "missing, its alpha is the mean")
    if not acceptance.is_constant or not isinstance(acceptance.accepted, PerPosition):
        raise InputError(
            f"acceptance.{cascade.target}.{drafter}", "varies already, expected one number, the mean alpha"
        )
    return acceptance.at(0)
