"""Options that only one mode of a command takes: refused by name in another, where they would do nothing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from analysis.model import InputError

_DEFERRED = "deferred_defaults"


def defer(parser: argparse.ArgumentParser, options: Sequence[str]) -> None:
    """Have options be None where they are not given, until `settle` gives them their defaults.

    Args:
        parser: Knows them, with their defaults.
        options: Their attributes.
    """
    defaults = {option: parser.get_default(option) for option in options}
    parser.set_defaults(**dict.fromkeys(options), **{_DEFERRED: defaults})


def settle(arguments: argparse.Namespace, taken: Sequence[str], refused: Sequence[str], mode: str) -> None:
    """Refuse deferred options of another mode, and give this mode's their defaults where they are not given.

    Args:
        arguments: Changed in place.
        taken: Attributes of the options of this mode.
        refused: Of the other one.
        mode: How an error names this mode.

    Raises:
        InputError: for the first option that has no place here.
    """
    for option in refused:
        if getattr(arguments, option) is not None:
            raise InputError(f"--{option.replace('_', '-')}", f"given {mode}, where it has no effect, expected none")
    for option in taken:
        if getattr(arguments, option) is None:
            setattr(arguments, option, getattr(arguments, _DEFERRED)[option])
