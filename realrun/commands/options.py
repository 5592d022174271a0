"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

from analysis.model import InputError, advise, whole_option

DTYPE_NAMES = ("float32", "bfloat16", "float16")
MAX_NEW_TOKENS = 10**6


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """Add --top-k and --top-p."""
    parser.add_argument("--top-k", metavar="K", help="sample from the K likeliest tokens")
    parser.add_argument("--top-p", default="1", metavar="P", help="sample from the likeliest tokens of mass P")


def temperature_option(text: str) -> float:
    """Read a value of --temperature."""
    return number_option("--temperature", text, "a finite number >= 0", lambda t: 0 <= t < math.inf)


def sampling_options(arguments: argparse.Namespace) -> tuple[int | None, float]:
    """Read --top-k and --top-p."""
    top_k = None if arguments.top_k is None else whole_option("--top-k", arguments.top_k, 1, MAX_NEW_TOKENS)
    return top_k, number_option("--top-p", arguments.top_p, "a number in (0, 1]", lambda p: 0 < p <= 1)


def advise_of_idle_sampling(arguments: argparse.Namespace) -> None:
    """Say which options of sampling were given without a temperature, where they do nothing.

    Args:
        arguments: With `temperature`, `top_k`, `top_p` and, where the command has them, `seed` and `verification`, as
            text.
    """
    usual = {"top_k": None, "top_p": "1", "seed": None, "verification": "tokenwise"}
    given = [name for name, text in usual.items() if getattr(arguments, name, text) != text]
    if given and float(arguments.temperature) == 0:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        advise(f"{listed}: no effect under greedy choice, add --temperature 1 (or another above 0) to sample")


def number_option(option: str, text: str, allowed: str, good: Callable[[float], bool]) -> float:
    """Read an option's number, refused where it is not good; not-a-number never is."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not good(value):
        raise InputError(option, f"got {text!r}, expected {allowed}")
    return value


def demand_word(option: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse an option that is none of some words."""
    if value not in allowed:
        raise InputError(option, f"got {value!r}, expected one of {', '.join(allowed)}")
