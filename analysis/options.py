"""Reading the real-valued options of the command line."""

from __future__ import annotations

import math

from analysis.model import InputError
from analysis.model.fields import number


def real_option(option: str, text: str, low: float, high: float = math.inf) -> float:
    """Read an option's finite number in [low, high].

    Raises:
        InputError: naming the option, its value and its range.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    try:
        return number(value, option, low, high)
    except InputError as error:
        allowed = error.problem.partition("expected ")[2]
        raise InputError(option, f"got {text!r}, expected {allowed}") from None
