"""What counters of an engine can be, by themselves and from one reading to the next."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.model.boundary.fields import InputError

_ROUNDING = 1e-9


def check_falling(name: str, values: Sequence[float], first: float | None, what: str, slack: float) -> None:
    """Refuse counts by position that rise.

    Args:
        name: Of the counts.
        values: The counts.
        first: What the first of them may be at most; None for no limit.
        what: That limit in words.
        slack: By which each may be too great.
    """
    for j, value in enumerate(values):
        most, of = (values[j - 1], f"{name}[{j - 1}]") if j else (first, what)
        if most is not None:
            check_most(f"{name}[{j}]", value, most, of, slack)


def check_most(name: str, value: float, most: float, of: str, slack: float) -> None:
    """Refuse a counter above another, `of`, that is `most`, but for some slack."""
    if value > most + slack + _ROUNDING * most:
        raise InputError(name, f"got {value:g}, expected at most {most:g}, {of}")


def difference(name: str, last: float | None, first: float | None) -> float | None:
    """What a counter rose by; None where either reading lacks it."""
    if last is None or first is None:
        return None
    if last < first:
        raise InputError(
            name, f"fell from {first:g} to {last:g}: the engine was started anew, or the pages are swapped"
        )
    return float(last - first)


def difference_of_lists(name: str, last: Sequence[float], first: Sequence[float]) -> tuple[float, ...]:
    """What counts by position rose by; the earlier reading may have fewer positions."""
    padded = [*first, *[0.0] * (len(last) - len(first))]
    for j, (after, before) in enumerate(zip(last, padded, strict=False)):
        if after < before:
            problem = f"fell from {before:g} to {after:g}: the engine was started anew, or the pages are swapped"
            raise InputError(f"{name}[{j}]", problem)
    if len(padded) > len(last):
        raise InputError(name, f"has {len(first)} positions at the start and {len(last)} at the end")
    return tuple(after - before for after, before in zip(last, padded, strict=True))
