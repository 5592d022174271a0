"""``cascade-ewif fidelity``: measure what a number format changes in a model: laws, choices, answers."""

from __future__ import annotations

import argparse
import json
import sys

from analysis.model import InputError, Subparsers, add_command, progress
from analysis.model.boundary.options import (
    DTYPE_NAMES,
    add_device,
    add_json,
    add_out,
    add_prompts,
    add_quiet,
    add_word,
    word,
)
from realrun.commands.options import add_max_new_tokens, add_target
from realrun.runs.prompts import read_prompts, shipped_prompts

DEFAULT_TARGET = "smollm2-135m"
MEASURES = ("kl", "choices", "answers")


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "fidelity",
        run,
        more="kl: Kullback-Leibler divergence, total variation and agreement at every token of the reference's greedy "
        "text. choices: which letter is the likeliest after a question with `choices`. answers: whether the format's "
        "own greedy text gives the `answer` (realrun/runs/answers.py has the rules).",
        example="cascade-ewif fidelity --formats int8 bfloat16 --out rows.jsonl",
    )
    add_target(parser, f"the model (default {DEFAULT_TARGET})")
    add_word(parser, "--reference", DTYPE_NAMES, "number format that the others are held against")
    parser.add_argument(
        "--formats",
        nargs="+",
        type=word(DTYPE_NAMES),
        choices=DTYPE_NAMES,
        default=["int8"],
        help="number formats to compare with it (default int8)",
    )
    parser.add_argument(
        "--measure", nargs="+", type=word(MEASURES), choices=MEASURES, default=["kl"], help="what to measure"
    )
    add_prompts(parser)
    add_max_new_tokens(parser, 64)
    add_device(parser)
    add_out(
        parser,
        "ROWS.jsonl",
        "where the rows go, one a prompt, measure and format, as they come; the same command goes on with what a "
        "killed run left, and a file with other rows is refused",
        required=True,
    )
    add_json(parser, "the summary as one JSON object")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure every row that the file does not have yet, and print what all say."""
    if arguments.reference in arguments.formats:
        raise InputError("--formats", f"got {arguments.reference}, the reference itself, expected others")
    prompts = read_prompts(arguments.prompts or shipped_prompts())
    from analysis.model.boundary.journal import is_count, rows_file
    from realrun.fidelity.measure import Fidelity, Plan, demand_questions  # torch takes seconds
    from realrun.fidelity.summary import markdown, summarise

    plan = Plan(
        arguments.target or DEFAULT_TARGET,
        arguments.reference,
        tuple(dict.fromkeys(arguments.formats)),
        tuple(dict.fromkeys(arguments.measure)),
        arguments.max_new_tokens,
    )
    demand_questions(plan, prompts)
    jobs = plan.jobs(prompts)
    with rows_file(arguments.out, [job.key(plan.request) for job in jobs], {"prompt_tokens": is_count}) as file:
        done = len(file.rows)
        fidelity = Fidelity(plan, plan.load(arguments.device))
        file.demand(fidelity.keys(jobs[:done]))
        for row in progress(fidelity.rows(jobs[done:]), "measuring", "row", total=len(jobs), initial=done):
            file.append(row)
    summary = summarise(file.rows)
    print(markdown(summary, plan.reference), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(
            json.dumps(
                {"target": plan.target, "reference": plan.reference, "prompts": len(prompts), **summary},
                allow_nan=False,
            )
        )
    return 0
