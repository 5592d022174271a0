"""``cascade-ewif lossless``: check that greedy cascades give the target's own text, token for token."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from analysis.model import InputError, Subparsers, add_command
from analysis.model.boundary.options import (
    add_device,
    add_dtype,
    add_json,
    add_out,
    add_prompts,
    add_quiet,
)
from realrun.commands.bench import named_cascades
from realrun.commands.options import add_max_new_tokens, add_target
from realrun.loading.formats import USUAL, dtype_as_run, dtype_of_run
from realrun.loading.options import Source, with_target
from realrun.runs.prompts import read_prompts, shipped_prompts

if TYPE_CHECKING:
    from realrun.loading.ensemble import Ensemble

DEFAULT_TARGET = "smollm2-135m"


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


_NEEDS = {
    "category": ("identical", "near-tie", "divergent").__contains__,
    **dict.fromkeys(("position", "margin", "ulps"), _is_number),
}
"""What the summary reads of every row."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "lossless",
        run,
        more="The exit status is 1 where a text differs by more than the rounding of its number format.",
        example="cascade-ewif lossless my.json --out rows.jsonl",
    )
    parser.add_argument(
        "cascades",
        nargs="*",
        metavar="CASCADE.json",
        help="specifications with `load` on their models, one target (default: eight over layers of the target)",
    )
    add_prompts(parser)
    add_max_new_tokens(parser, 64)
    add_dtype(parser, USUAL)
    add_device(parser)
    add_target(parser, f"the target (default: the specifications', or {DEFAULT_TARGET})")
    add_out(
        parser,
        "ROWS.jsonl",
        "where the rows go, one a text, as they come; the same command goes on with what a killed run left, and a "
        "file with other rows is refused",
        required=True,
    )
    add_json(parser, "the summary as one JSON object")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare every text that the file has no row of yet; status 1 where a text is divergent."""
    named = named_cascades(arguments.cascades, but_target=arguments.target is not None)
    limit = arguments.max_new_tokens
    for name, cascade in named.items():
        if cascade.lenience > 1:
            raise InputError(f"{name}, lenience", f"got {cascade.lenience:g}, expected 1: no other target is lossless")
    prompts = read_prompts(arguments.prompts or shipped_prompts())
    from analysis.model.boundary.journal import is_count, rows_file
    from realrun.bench.plan import joint_cascade  # after all else is known to be right: torch takes seconds
    from realrun.engine.record import provenance
    from realrun.loading.ensemble import DTYPES, load_ensemble
    from realrun.runs.generate import RunSettings, encode_all, prompt_key, request_id, row_task
    from realrun.runs.identity import prompt_ids_key
    from realrun.runs.lossless import comparisons, rounded_to, shipped_cascades

    cascades = named or shipped_cascades(arguments.target or DEFAULT_TARGET)
    joint = joint_cascade(cascades, arguments.target)
    source = Source.of(joint, joint.target)
    dtype_name = dtype_of_run(arguments.dtype, joint, arguments.device)
    dtype = dtype_as_run(source, dtype_name)  # what its `load` says goes before the option
    cascades = {name: with_target(cascade, arguments.target) for name, cascade in cascades.items()}
    settings = RunSettings(limit)
    requests = {name: request_id(cascade, settings, dtype_name) for name, cascade in cascades.items()}
    expected = [
        prompt_key(prompt) | {"cascade": name, "request": request}
        for prompt in prompts
        for name, request in requests.items()
    ]

    def exact() -> Ensemble:
        load = {"name": source.name, **source.options, "dtype": "float32"}
        target = {joint.target: replace(joint.models[joint.target], load=load)}
        alone = replace(joint.with_draft(()), models={**joint.models, **target})
        ensemble = load_ensemble(alone, DTYPES["float32"], device=arguments.device)
        return rounded_to(ensemble, joint.target, DTYPES[dtype])

    with rows_file(arguments.out, expected, {**_NEEDS, "tokens": is_count}) as file:
        done = len(file.rows)
        ensemble = load_ensemble(joint, DTYPES[dtype_name], device=arguments.device)
        tasks = {name: row_task(cascade, settings, dtype_name, ensemble) for name, cascade in cascades.items()}
        texts = [prompt_ids_key(ids) for ids in encode_all(prompts, ensemble) for _ in cascades]
        keys = [key | tasks[str(key["cascade"])] | text for key, text in zip(expected, texts, strict=True)]
        file.demand(keys)
        judge = (lambda: ensemble) if dtype == "int8" else exact  # which is exact itself: it reads a text at once
        found = comparisons(cascades, ensemble, prompts, limit, DTYPES[dtype], judge, done)
        for key, (_, _, comparison) in zip(keys[done:], found, strict=True):
            file.append(key | asdict(comparison) | {"dtype": dtype, **provenance()})
    counts = Counter(row["category"] for row in file.rows)
    margins = [row["margin"] for row in file.rows if row["margin"] is not None]
    tokens = sum(row["tokens"] for row in file.rows)
    summary = {
        "prompts": len(prompts),
        "cascades": {name: cascade.to_json()["draft"] for name, cascade in cascades.items()},
        "dtype": dtype,
        "texts": counts.total(),
        "tokens": tokens,
        "identical": counts["identical"],
        "near_tie": counts["near-tie"],
        "divergent": counts["divergent"],
        "greatest_margin": max(margins, default=None),
        "differences": [
            {key: row[key] for key in ("id", "cascade", "category", "position", "margin", "ulps")}
            for row in file.rows
            if row["category"] != "identical"
        ],
    }
    words = ", ".join(f"{summary[key]} {key.replace('_', '-')}" for key in ("identical", "near_tie", "divergent"))
    said = f"{len(prompts)} prompts by {len(cascades)} cascades, {tokens} tokens: {words}"
    print(said, file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(summary, ensure_ascii=False))
    return 1 if counts["divergent"] else 0
