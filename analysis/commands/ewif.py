"""``cascade-ewif ewif``: print the exact EWIF of a cascade, with the law of its tokens per cycle; or EWIF by draft
length."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from analysis.model import MAX_DRAFT_LENGTH, Cascade, InputError, Subparsers, add_command, advise, read_cascade
from analysis.model.boundary.options import add_json, demand, listed, real, whole
from analysis.model.misuse import drafter_suspicions
from analysis.model.reach import entries
from analysis.theory.by_length import LengthRow, ewif_by_length, known_length
from analysis.theory.exact import CycleLaw, cycle_law

LONGEST = 16
"""Greatest draft length of the table, where the data do not end before."""

FLAT_REVIEWS = "A review is taken to cost one target call whatever its length; --review-cost says otherwise."

EPILOG = """Without a file, one drafter is described by --survival (what vLLM and others report by position: the share
of drafts whose first j tokens were all accepted), --hazards or --alpha, and --draft-cost; then EWIF is printed for each
number of draft tokens."""

EXAMPLE = """cascade-ewif ewif my.json
cascade-ewif ewif --survival .82 .65 .48 .33 .21 --draft-cost .06"""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "ewif",
        run,
        more=EPILOG,
        example=EXAMPLE,
    )
    parser.add_argument("spec", nargs="?", metavar="SPEC.json", help="a cascade specification")
    rates = parser.add_mutually_exclusive_group()
    rates.add_argument(
        "--survival",
        nargs="+",
        type=listed(real(0, 1)),
        metavar="S",
        help="P(the first j tokens are all accepted), j = 1, 2, ...",
    )
    rates.add_argument(
        "--hazards",
        nargs="+",
        type=listed(real(0, 1)),
        metavar="H",
        help="P(token j is accepted | all before it were), j = 1, 2, ...",
    )
    rates.add_argument("--alpha", type=real(0, 1), metavar="A", help="the same acceptance at every position")
    parser.add_argument(
        "--draft-cost", type=real(0), metavar="C", help="cost of drafting one token, in one-token target calls"
    )
    parser.add_argument(
        "--review-cost",
        type=real(0, 1),
        metavar="B",
        help="what each further token adds to the target's call, in one-token target calls (default 0)",
    )
    parser.add_argument(
        "--by-length",
        nargs="?",
        type=whole(1, MAX_DRAFT_LENGTH),
        const=0,
        metavar="K",
        help=f"EWIF for every draft length up to K (default {LONGEST}, or where the data end)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the law of a cycle, or EWIF by draft length."""
    if arguments.spec is None:
        cascade, known = _described(arguments)
        demand("--by-length", arguments.by_length or 1, whole(1, known or MAX_DRAFT_LENGTH))
        notes = [] if arguments.review_cost else [FLAT_REVIEWS]
        _table(ewif_by_length(cascade, arguments.by_length or known or LONGEST), known, notes, arguments.json)
        return 0
    cascade = _read(arguments)
    if arguments.by_length is None:
        _law(cycle_law(cascade), arguments.json)
        return 0
    longest, ending = known_length(cascade, arguments.by_length or LONGEST)
    if not longest:
        raise InputError(ending[0].field, f"has {entries(ending[0].end)}, which tells nothing of a draft of one token")
    notes = [f"The table ends where the data do: {reading.field} has {entries(reading.end)}." for reading in ending]
    _table(ewif_by_length(cascade, longest), None, notes, arguments.json)
    return 0


def _read(arguments: argparse.Namespace) -> Cascade:
    for option in ("survival", "hazards", "alpha", "draft_cost", "review_cost"):
        if getattr(arguments, option) is not None:
            raise InputError("--" + option.replace("_", "-"), "given beside a specification, expected one or the other")
    return read_cascade(arguments.spec)


def _described(arguments: argparse.Namespace) -> tuple[Cascade, int | None]:
    """The drafter that the options describe, and the number of positions known of it, None for all."""
    given = [name for name in ("survival", "hazards", "alpha") if getattr(arguments, name) is not None]
    if not given:
        raise InputError("SPEC.json", "missing, expected a file, or --survival, --hazards or --alpha with --draft-cost")
    if arguments.draft_cost is None:
        raise InputError("--draft-cost", "missing, expected the cost of drafting one token, in one-token target calls")
    cost, further = arguments.draft_cost, arguments.review_cost or 0.0
    known = None
    values: list[float] = []
    if given == ["alpha"]:
        alpha: object = arguments.alpha
    else:
        values = [value for values in getattr(arguments, given[0]) for value in values]
        alpha, known = {"per_position": _hazards(values) if given == ["survival"] else values}, len(values)
    for line in drafter_suspicions(cost, given[0], tuple(values)):
        advise(line)
    target = {"fixed": 1 - further, "per_token": further} if further else 1
    models = {"target": {"cost": target}, "draft": {"cost": cost}}
    spec = {"target": "target", "models": models, "acceptance": {"target": {"draft": alpha}}}
    return Cascade.from_json(spec | {"draft": [{"by": "draft", "tokens": known or 1}]}), known


def _hazards(survival: Sequence[float]) -> list[float]:
    hazards, before = [], 1.0
    for j, share in enumerate(survival):
        if share > before:
            raise InputError(
                f"--survival, position {j + 1}",
                f"got {share:g} after {before:g}, expected shares that do not rise (for P(accepted | all before it "
                "were): --hazards)",
            )
        hazards.append(share / before if before else 0.0)
        before = share
    return hazards


def _table(rows: Sequence[LengthRow], known: int | None, notes: Sequence[str], as_json: bool) -> None:
    if as_json:
        found = {"rows": [asdict(row) for row in rows], "positions_known": known, "notes": list(notes)}
        print(json.dumps(found, allow_nan=False))
        return
    print("tokens      EWIF   tokens per cycle   cost per cycle")
    for row in rows:
        mark = "   best" if row.is_best else "   within 1 % of the best" if row.is_near else ""
        print(f"{row.tokens:6d}  {row.ewif:8.4f}   {row.tokens_per_cycle:16.4f}   {row.cost_per_cycle:14.4f}{mark}")
    if known and rows[-1].is_best:
        print(f"The longest length that was measured is the best: whether more than {known} tokens gain is not known.")
    elif known:
        print(f"Acceptance is known for {known} positions; longer drafts are not in the table.")
    for note in notes:
        print(note)


def _law(law: CycleLaw, as_json: bool) -> None:
    if as_json:
        result = {
            "ewif": law.ewif,
            "tokens_per_cycle": law.tokens_per_cycle,
            "cost_per_cycle": law.cost_per_cycle,
            "pmf": law.pmf.tolist(),
        }
        print(json.dumps(result, allow_nan=False))
        return
    print(f"EWIF              {law.ewif:.6f}   (autoregressive = 1)")
    print(f"tokens per cycle  {law.tokens_per_cycle:.6f}")
    print(f"cost per cycle    {law.cost_per_cycle:.6f}   one-token target calls")
    print("tokens  probability")
    for i, probability in enumerate(law.pmf):
        if probability >= 1e-6:
            print(f"{i + 1:6d}  {probability:.6f}")
