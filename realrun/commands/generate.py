"""``python -m realrun generate``: run a cascade, or its target alone, on real prompts."""

from __future__ import annotations

import argparse
import json

from tqdm import tqdm

from analysis.model import InputError, Subparsers, read_cascade, whole_file, whole_option
from realrun.prompts import read_prompts, shipped_prompts

METHODS = ("cascade", "autoregressive")
DTYPE_NAMES = ("float32", "bfloat16")
MAX_NEW_TOKENS = 10**6


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("generate", help="continue prompts greedily with a cascade of real models")
    parser.add_argument("cascade", metavar="CASCADE.json", help="a cascade specification with `load` on its models")
    parser.add_argument("--prompts", metavar="FILE", help="JSONL with `id` and `turns` or `prompt` (default: our own)")
    parser.add_argument("--max-new-tokens", default="128", metavar="N", help="tokens a prompt at most (default 128)")
    parser.add_argument("--method", default=METHODS[0], help="cascade (default), or autoregressive: the target alone")
    parser.add_argument("--dtype", default=DTYPE_NAMES[0], help="float32 (default, exact) or bfloat16 (fast)")
    parser.add_argument("--target", metavar="LOAD", help="load this as the target instead of the specification's")
    parser.add_argument("--out", required=True, metavar="FILE.jsonl", help="where the rows go, one a prompt")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Generate for every prompt; the file appears when all rows are there."""
    cascade = read_cascade(arguments.cascade)
    limit = whole_option("--max-new-tokens", arguments.max_new_tokens, 1, MAX_NEW_TOKENS)
    _demand("--method", arguments.method, METHODS)
    _demand("--dtype", arguments.dtype, DTYPE_NAMES)
    prompts = read_prompts(arguments.prompts or shipped_prompts())
    if arguments.method == "autoregressive":
        cascade = cascade.with_draft(())
    with whole_file(arguments.out) as file:
        from realrun.models import DTYPES, load_ensemble  # after all else is known to be right: it takes seconds
        from realrun.run import generate_rows

        ensemble = load_ensemble(cascade, DTYPES[arguments.dtype], arguments.target)
        rows = generate_rows(cascade, ensemble, prompts, limit, arguments.dtype)
        tokens, seconds = 0, 0.0
        for row in tqdm(rows, total=len(prompts), unit="prompt", desc=arguments.method, delay=2):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            tokens += len(row["tokens"])
            seconds += row["seconds"]
    print(f"{len(prompts)} prompts, {tokens} tokens in {seconds:.1f} s ({tokens / seconds:.1f} a second)")
    return 0


def _demand(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(option, f"got {value!r}, expected one of {', '.join(allowed)}")
