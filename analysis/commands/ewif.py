"""``python -m analysis ewif``: the exact EWIF of one cascade, or of every draft length of one drafter."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from analysis.model import MAX_DRAFT_LENGTH, Cascade, InputError, Subparsers, advise, read_cascade, whole_option
from analysis.model.boundary.options import real_option
from analysis.model.misuse import drafter_suspicions
from analysis.theory.by_length import LengthRow, ewif_by_length
from analysis.theory.exact import CycleLaw, cycle_law

LONGEST = 16
"""Greatest draft length of the table, where the data do not end before."""

EPILOG = """Without a file, one drafter is described by --survival (what vLLM and others report by position: the share
of drafts whose first j tokens were all accepted), --hazards or --alpha, and --draft-cost:
`cascade-ewif ewif --survival .82 .65 .48 .33 .21 --draft-cost .06` prints EWIF for each number of draft tokens."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "ewif",
        help="exact EWIF, tokens and cost per cycle, and law of the yield; or EWIF by draft length",
        epilog=EPILOG,
    )
    parser.add_argument("spec", nargs="?", metavar="SPEC.json", help="a cascade specification")
    rates = parser.add_mutually_exclusive_group()
    rates.add_argument(
        "--survival", nargs="+", metavar="S", help="P(the first j tokens are all accepted), j = 1, 2, ..."
    )
    rates.add_argument("--hazards", nargs="+", metavar="H", help="P(token j is accepted | all before it were)")
    rates.add_argument("--alpha", metavar="A", help="the same acceptance at every position")
    parser.add_argument("--draft-cost", metavar="C", help="cost of drafting one token, in one-token target calls")
    parser.add_argument(
        "--review-cost", metavar="B", help="what each further token adds to the target's call, in one-token calls (0)"
    )
    parser.add_argument(
        "--by-length",
        nargs="?",
        const="",
        metavar="K",
        help=f"EWIF for every draft length up to K (default {LONGEST}, or where the data end)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the law of a cycle, or EWIF by draft length."""
    if arguments.spec is None:
        cascade, known = _described(arguments)
    else:
        cascade, known = _read(arguments), None
    if arguments.spec is not None and arguments.by_length is None:
        _law(cycle_law(cascade), arguments.json)
        return 0
    longest = known or LONGEST
    if arguments.by_length:
        longest = whole_option("--by-length", arguments.by_length, 1, known or MAX_DRAFT_LENGTH)
    reviews_are_flat = arguments.spec is None and not arguments.review_cost
    _table(ewif_by_length(cascade, longest), known, reviews_are_flat, arguments.json)
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
    cost = real_option("--draft-cost", arguments.draft_cost, 0)
    further = real_option("--review-cost", arguments.review_cost or "0", 0, 1)
    values: list[float] = []
    if given == ["alpha"]:
        alpha: object = real_option("--alpha", arguments.alpha, 0, 1)
        known = None
    else:
        values = [real_option(f"--{given[0]}", text, 0, 1) for text in _split(getattr(arguments, given[0]))]
        alpha, known = {"per_position": _hazards(values) if given == ["survival"] else values}, len(values)
    for line in drafter_suspicions(cost, given[0], tuple(values)):
        advise(line)
    target = {"fixed": 1 - further, "per_token": further} if further else 1
    models = {"target": {"cost": target}, "draft": {"cost": cost}}
    spec = {"target": "target", "models": models, "acceptance": {"target": {"draft": alpha}}}
    return Cascade.from_json(spec | {"draft": [{"by": "draft", "tokens": known or 1}]}), known


def _split(texts: Sequence[str]) -> list[str]:
    """Numbers with spaces or commas between them."""
    return [part for text in texts for part in text.split(",") if part]


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


def _table(rows: Sequence[LengthRow], known: int | None, reviews_are_flat: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "positions_known": known}, allow_nan=False))
        return
    print("tokens      EWIF   tokens per cycle   cost per cycle")
    for row in rows:
        mark = "   best" if row.is_best else "   within 1 % of the best" if row.is_near else ""
        print(f"{row.tokens:6d}  {row.ewif:8.4f}   {row.tokens_per_cycle:16.4f}   {row.cost_per_cycle:14.4f}{mark}")
    if known and rows[-1].is_best:
        print(f"The longest length that was measured is the best: whether more than {known} tokens gain is not known.")
    elif known:
        print(f"Acceptance is known for {known} positions; longer drafts are not in the table.")
    if reviews_are_flat:
        print("A review is taken to cost one target call whatever its length; --review-cost says otherwise.")


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
