"""``cascade-ewif fit``: fit acceptance models, with standard errors, to counts of accepted tokens."""

from __future__ import annotations

import argparse
import json
import sys

from analysis.fitting import Fit, MeanLength, Observations, fit_all, fit_of_mean_length
from analysis.fitting.plausible import read_plausible
from analysis.model import Subparsers, add_command, inside_file, parse_json, read_text
from analysis.model.boundary.options import add_json, add_quiet

EPILOG = """COUNTS.json holds exactly one of: "rows" (examined and accepted tokens by position, optionally by prompt
and type), "sequences" (offered and accepted tokens of every cycle in order), "survival" (a list), or "mean_length" with
"draft_length" and "bonus_counted". The module analysis.fitting.observations describes every field."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "fit",
        run,
        more=EPILOG,
        example="""echo '{"survival": [0.82, 0.65, 0.48], "cycles": 1000}' > counts.json
        cascade-ewif fit counts.json""",
    )
    parser.add_argument("counts", metavar="COUNTS.json", help="what was seen of one reviewer-drafter pair")
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Fit every model the counts can tell something about; the smallest AIC first."""
    value = parse_json(read_text(arguments.counts), arguments.counts)
    with inside_file(arguments.counts):
        observed = read_plausible(value)
    if isinstance(observed, Observations) and observed.first_excess is not None:
        _note_excess(observed.first_excess)
    fits = [fit_of_mean_length(observed)] if isinstance(observed, MeanLength) else fit_all(observed)
    if arguments.json:
        print(
            json.dumps(
                {"best": fits[0].name if fits[0].aic is not None else None, "fits": [fit.to_json() for fit in fits]},
                allow_nan=False,
            )
        )
        return 0
    for fit in fits:
        _show(fit)
    return 0


def _note_excess(position: int) -> None:
    print(
        f"note: examined[{position}]: more than accepted[{position - 1}]: right only where another drafter's tokens "
        'come before; tokens are examined after those before them were accepted (for shares of all cycles: "survival")',
        file=sys.stderr,
    )


def _show(fit: Fit) -> None:
    print(f"{fit.name}   AIC {'unknown' if fit.aic is None else f'{fit.aic:.2f}'}")
    for name, value in fit.parameters.items():
        error = fit.standard_errors[name]
        print(f"  {name:<12}{value:.6f}" + ("" if error is None else f"   standard error {error:.6f}"))
    test = fit.goodness_of_fit
    if test is not None:
        degrees = "simulated law" if test.degrees is None else f"{test.degrees} degrees of freedom"
        print(f"  fit         {test.statistic:.3f}, {degrees}, p = {test.p_value:.4g} ({test.test})")
    if fit.note:
        print(f"  {fit.note}")
    print(f"  acceptance  {json.dumps(fit.acceptance)}")
