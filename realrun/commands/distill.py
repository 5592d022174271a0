"""``cascade-ewif distill``: train a small drafter for a target, on text that the target writes itself."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from analysis.model import InputError, Subparsers, add_command, demand_regular, demand_text
from analysis.model.boundary.options import add_device, add_quiet, add_seed, add_word, as_options, real, whole
from realrun.commands.options import target
from realrun.runs.prompts import read_prompt_file, shipped_prompts

MOST = 10**9
DTYPE_NAMES = ("bfloat16", "float32")
STEPS = 1200


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "distill",
        run,
        more="The same command goes on where it was interrupted. The folder is then what a drafter may `load`.",
        example="cascade-ewif distill --target smollm2-135m --out my-drafter --minutes 60",
    )
    parser.add_argument(
        "--target", type=target, required=True, metavar="LOAD", help="a decoder-only model: name, folder or hub id"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the drafter goes; `load` names it then")
    parser.add_argument("--work", metavar="FOLDER", help="samples, states, checkpoints (default FOLDER.work), to go on")
    parser.add_argument(
        "--samples",
        metavar="FILE",
        help="JSONL, perhaps .gz, with `user`, `assistant`, `mode`, `eos` (default: sampled)",
    )
    parser.add_argument(
        "--conversations", type=whole(1, MOST), default=8000, metavar="N", help="how many to sample without --samples"
    )
    parser.add_argument(
        "--layers", default="4", metavar="N|I,J,...", help="first N of the target's, or these (default 4)"
    )
    parser.add_argument(
        "--head", type=whole(1, MOST), default=8192, metavar="N", help="propose the N most frequent tokens only"
    )
    parser.add_argument("--steps", type=whole(1, MOST), metavar="N", help=f"number of updates (default {STEPS})")
    parser.add_argument(
        "--minutes",
        type=real(0, above=True),
        metavar="M",
        help="instead: as many steps as fit into M minutes of training",
    )
    parser.add_argument(
        "--tokens", type=whole(1, MOST), default=4096, metavar="N", help="tokens a step reads, padding included"
    )
    parser.add_argument("--rate", type=real(0, 1), default=0.005, metavar="R", help="greatest learning rate")
    parser.add_argument(
        "--hard", type=real(0, 1), default=0.5, metavar="W", help="share of the greatest token in the loss"
    )
    add_word(parser, "--dtype", DTYPE_NAMES, "number format to compute in")
    add_device(parser)
    add_seed(parser, "samples and batches", 2**31)
    parser.add_argument("--test", metavar="PROMPTS.jsonl", help="prompts to test on besides (default: our own)")
    parser.add_argument("--licence", default="that of the target", metavar="TEXT", help="of the drafter, for its card")
    add_quiet(parser)


@as_options("samples", "target")
def run(arguments: argparse.Namespace) -> int:
    """Distil and say how well the drafter agrees with its target."""
    if arguments.steps is not None and arguments.minutes is not None:
        raise InputError("--minutes", "got both --steps and --minutes, expected one of them")
    out = Path(arguments.out)
    work = Path(arguments.work) if arguments.work else out.parent / f"{out.name}.work"
    for option, folder in (("--out", out), ("--work", work)):
        demand_text(str(folder))
        _demand_place(option, folder)
    prompts = read_prompt_file(
        arguments.test or shipped_prompts()
    )  # refused now where it is wrong: it is needed at last
    if arguments.samples is not None:
        demand_regular(arguments.samples)
    from realrun.distill.pipeline import Order, distil
    from realrun.distill.sampling import SampleSize
    from realrun.distill.training import Recipe
    from realrun.loading.ensemble import DTYPES, load_target

    teacher, tokenizer = load_target("target", arguments.target, DTYPES[arguments.dtype], arguments.device)
    layers = _layers(arguments.layers, int(teacher.config.num_hidden_layers))
    columns = int(teacher.get_output_embeddings().weight.shape[0])
    recipe = Recipe(
        layers,
        min(arguments.head, columns),
        arguments.steps or STEPS,
        arguments.tokens,
        arguments.rate,
        arguments.hard,
        arguments.seed,
    )
    order = Order(
        arguments.target,
        out,
        work,
        None if arguments.samples is None else Path(arguments.samples),
        SampleSize(arguments.conversations, seed=arguments.seed),
        recipe,
        arguments.minutes,
        prompts,
        arguments.licence,
        shlex.join(["python", "-m", "realrun", *sys.argv[1:]]),
    )
    found = distil(teacher, tokenizer, order)
    for name, test in (
        ("held-out greedy answers", found.held_out),
        ("greedy answers to the test prompts", found.prompts),
    ):
        texts, tokens = len(test.tokens), sum(test.tokens)
        print(f"{arguments.out}: names {test.rate:.3f} +- {test.error:.3f} of {tokens} tokens of {texts} {name}")
    return 0


def _layers(text: str, total: int) -> tuple[int, ...]:
    expected = f"a number in 1..{total - 1}, or different numbers in 0..{total - 1} with commas"
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError("--layers", f"got {text!r}, expected {expected}") from None
    if len(numbers) == 1 and "," not in text:
        numbers = tuple(range(numbers[0])) if 1 <= numbers[0] < total else (-1,)
    if len(set(numbers)) != len(numbers) or not all(0 <= i < total for i in numbers):
        raise InputError("--layers", f"got {text!r}, expected {expected}")
    return numbers


def _demand_place(option: str, folder: Path) -> None:
    """Refuse what cannot be made a folder, hours before anything is written there."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(option, f"got {str(folder)!r}, but {str(there)!r} is no folder that can be written to")
