"""Numbers in lines of logs and reports: by their labels, and counts from rounded rates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from analysis.model import InputError
from analysis.model.boundary.fields import reject

NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"


def number_after(label: str, line: str) -> float | None:
    """The number that follows a label and its punctuation, None where there is none, or none that is finite.

    >>> number_after("Accepted", "Accepted: 49 tokens, Drafted: 100 tokens")
    49.0
    """
    found = re.search(re.escape(label) + r"\s*[:=]?\s*" + NUMBER, line)
    value = float(found[1]) if found else math.nan
    return value if math.isfinite(value) else None


def listed_rates(text: str, field: str, unit: float = 1.0) -> list[float]:
    """Rates with commas between them.

    Args:
        text: The numbers.
        field: What they are, for the message.
        unit: What 1 is written as: 100 of per cent.

    Raises:
        InputError: naming the one that is no rate.
    """
    rates = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            rate = float(part)
        except ValueError:
            rate = math.nan
        if not 0 <= rate <= unit:
            reject(field, part, f"a number in [0, {unit:g}]")
        rates.append(rate / unit)
    return rates


def drafts_of_rates(accepted: float, rates: Sequence[float]) -> float | None:
    """Number of drafts whose rounded acceptances by position sum up to the accepted tokens; None where all are 0.

    >>> drafts_of_rates(49, [0.76, 0.54, 0.33])
    30.0
    """
    return float(round(accepted / sum(rates))) if sum(rates) > 0 else None


def summed(lists: Iterable[Sequence[float]]) -> tuple[float, ...]:
    """Sums by position of lists that may differ in length."""
    return tuple(sum(values) for values in zip_longest(*lists, fillvalue=0.0))


def demand_no_model(model: str | None) -> None:
    """Refuse to look for one model in a text that does not tell models apart.

    Raises:
        InputError: where one is asked for.
    """
    if model is not None:
        raise InputError("model", "this text does not tell models apart, expected none to be asked for")
