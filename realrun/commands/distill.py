"""``python -m realrun distill``: train a drafter for a target, on text that the target writes itself."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from pathlib import Path

from analysis.model import InputError, Subparsers, demand_regular, demand_text, whole_option
from realrun.commands.options import demand_word, number_option
from realrun.runs.prompts import read_prompt_file, shipped_prompts

MOST = 10**9
MAX_SEED = 2**31
DTYPE_NAMES = ("float32", "bfloat16")


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("distill", help="train a small drafter for a target on the target's own text")
    parser.add_argument("--target", required=True, metavar="LOAD", help="a decoder-only model: name, folder or hub id")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the drafter goes; `load` names it then")
    parser.add_argument("--work", metavar="FOLDER", help="samples, states, checkpoints (default FOLDER.work), to go on")
    parser.add_argument(
        "--samples",
        metavar="FILE",
        help="JSONL, perhaps .gz, with `user`, `assistant`, `mode`, `eos` (default: sampled)",
    )
    parser.add_argument(
        "--conversations", default="8000", metavar="N", help="to sample without --samples (default 8000)"
    )
    parser.add_argument(
        "--layers", default="4", metavar="N|I,J,...", help="first N of the target's, or these (default 4)"
    )
    parser.add_argument("--head", default="8192", metavar="N", help="propose the N most frequent tokens (default 8192)")
    parser.add_argument("--steps", metavar="N", help="number of updates (default 1200)")
    parser.add_argument("--minutes", metavar="M", help="instead: as many steps as fit into M minutes of training")
    parser.add_argument(
        "--tokens", default="4096", metavar="N", help="tokens a step reads, padding included (default 4096)"
    )
    parser.add_argument("--rate", default="0.005", metavar="R", help="greatest learning rate (default 0.005)")
    parser.add_argument(
        "--hard", default="0.5", metavar="W", help="share of the greatest token in the loss (default 0.5)"
    )
    parser.add_argument("--dtype", default="bfloat16", help="to compute in: bfloat16 (default) or float32")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    parser.add_argument("--seed", default="0", metavar="S", help="of samples and batches (default 0)")
    parser.add_argument("--test", metavar="PROMPTS.jsonl", help="prompts to test on besides (default: our own)")
    parser.add_argument("--licence", default="that of the target", metavar="TEXT", help="of the drafter, for its card")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Distil and say how well the drafter agrees with its target."""
    if arguments.steps is not None and arguments.minutes is not None:
        raise InputError("--minutes", "got both --steps and --minutes, expected one of them")
    numbers = {
        key: whole_option(f"--{key}", getattr(arguments, key), 1, MOST) for key in ("head", "tokens", "conversations")
    }
    steps = whole_option("--steps", arguments.steps or "1200", 1, MOST)
    minutes = None
    if arguments.minutes is not None:
        allowed = "a finite number > 0"
        minutes = number_option("--minutes", arguments.minutes, allowed, lambda m: 0 < m < math.inf)
    rate, hard = (
        number_option(f"--{key}", getattr(arguments, key), "a number in [0, 1]", lambda share: 0 <= share <= 1)
        for key in ("rate", "hard")
    )
    seed = whole_option("--seed", arguments.seed, 0, MAX_SEED)
    demand_word("--dtype", arguments.dtype, DTYPE_NAMES)
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

    target, tokenizer = load_target("--target", arguments.target, DTYPES[arguments.dtype], arguments.device)
    layers = _layers(arguments.layers, int(target.config.num_hidden_layers))
    columns = int(target.get_output_embeddings().weight.shape[0])
    recipe = Recipe(layers, min(numbers["head"], columns), steps, numbers["tokens"], rate, hard, seed)
    order = Order(
        arguments.target,
        out,
        work,
        None if arguments.samples is None else Path(arguments.samples),
        SampleSize(numbers["conversations"], seed=seed),
        recipe,
        minutes,
        prompts,
        arguments.licence,
        shlex.join(["python", "-m", "realrun", *sys.argv[1:]]),
    )
    found = distil(target, tokenizer, order)
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
