"""Options of commands that run real models, besides those that all packages share."""

from __future__ import annotations

import argparse
from typing import NamedTuple

from analysis.model import advise
from analysis.model.boundary.options import real, whole
from realrun.loading.options import Source

MAX_NEW_TOKENS = 10**6
VERIFICATIONS = ("tokenwise", "block")


class Sampling(NamedTuple):
    """How tokens are chosen, as the options say."""

    temperature: float
    top_k: int | None
    top_p: float
    seed: int


def add_max_new_tokens(parser: argparse.ArgumentParser, usual: int) -> None:
    """Add --max-new-tokens."""
    parser.add_argument(
        "--max-new-tokens",
        type=whole(1, MAX_NEW_TOKENS),
        default=usual,
        metavar="N",
        help="greatest number of tokens of an answer",
    )


def add_target(
    parser: argparse.ArgumentParser, text: str = "load this as the target instead of what the specification says"
) -> None:
    """Add --target."""
    parser.add_argument("--target", type=target, metavar="LOAD", help=f"{text}: a name, a folder or a hub id")


def target(load: str) -> str:
    """What a target may be loaded from."""
    Source.of_target("", load)
    return load


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """Add --top-k and --top-p."""
    parser.add_argument(
        "--top-k", type=whole(1, MAX_NEW_TOKENS), metavar="K", help="sample from the K likeliest tokens (default: all)"
    )
    parser.add_argument(
        "--top-p",
        type=real(0, 1, above=True),
        default=1.0,
        metavar="P",
        help="sample from the likeliest tokens of mass P",
    )


def advise_of_idle_sampling(arguments: argparse.Namespace) -> None:
    """Say which options of sampling were given without a temperature, where they do nothing.

    Args:
        arguments: With `temperature`, `top_k`, `top_p` and, where the command has them, `seed` and `verification`.
    """
    usual = {"top_k": None, "top_p": 1, "seed": None, "verification": VERIFICATIONS[0]}
    given = [name for name, value in usual.items() if getattr(arguments, name, value) != value]
    if given and arguments.temperature == 0:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        advise(f"{listed}: no effect under greedy choice, add --temperature 1 (or another above 0) to sample")
