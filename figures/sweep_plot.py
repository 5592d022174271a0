"""Plot of a user's own sweep: EWIF against a parameter, with error bands, one line per group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.model import InputError
from figures.columns import Column, bound, name_of, number, value
from figures.palette import GREY, styles
from figures.style import plain

LABELS = {
    "ewif": "EWIF (autoregressive = 1)",
    "speedup": "measured speedup",
    "tokens_per_cycle": "tokens per cycle",
    "cost_per_cycle": "cost per cycle (one-token target calls)",
    "tokens": "drafted tokens",
    "cycles": "simulated cycles",
}
"""What axes call the columns that every sweep has; others are called by their names."""

Group = Column | Sequence[Column]


def sweep(
    ax: Axes,
    runs: Iterable[Any],
    *,
    x: Column,
    group: Group | None = None,
    y: Column = "ewif",
    low: Column = "low",
    high: Column = "high",
    reference: float | None = None,
    style: Callable[[str], Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw a quantity of a sweep against one of its parameters, with error bands, one line per group.

    Nothing is sampled or derived: rows are drawn as they are, sorted by x within each line.

    Args:
        ax: Axes to draw on.
        runs: Rows of the sweep, in any order: mappings, or objects with the columns as attributes or an `as_row()`,
            such as those of ``simulate.read_runs(path)``. Numbers may be of any type that `float` takes.
        x: The parameter: name of a column, or a function of the row, e.g. ``lambda row: row["c1"] / row["c2"]``.
        group: What tells the lines apart: the same, or a list of these; None for a single line.
        y: What is drawn, ``"ewif"`` without it.
        low: Lower end of its interval, in the unit of y. Where a row has none, or None or NaN, the band has a gap.
        high: Upper end.
        reference: Height of a dotted line, such as 1 for autoregressive decoding; the default draws it at 1 where y is
            ``"ewif"``; ``math.nan`` leaves it out.
        style: Function of a line's label to arguments of ``ax.plot`` that replace the house's colours and markers.

    Returns:
        The axes, with labels, and with a legend where there are groups.

    Raises:
        InputError: naming row and column for a column that is missing or no finite number; for no rows; for two rows
            of one line at the same x, which want another `group`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> import figures
        >>> rows = [
        ...     {"alpha": a, "k": k, "ewif": e, "low": e - 0.01, "high": e + 0.01}
        ...     for a, k, e in [(0.6, 2, 1.63), (0.6, 4, 1.65), (0.8, 2, 2.03), (0.8, 4, 2.40)]
        ... ]
        >>> ax = figures.sweep(Figure().subplots(), rows, x="k", group="alpha")
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['0.6', '0.8']
        >>> ax.get_lines()[1].get_xydata().tolist()
        [[2.0, 2.03], [4.0, 2.4]]
        >>> ax.get_ylabel()
        'EWIF (autoregressive = 1)'
    """
    rows = list(runs)
    if not rows:
        raise InputError("runs", "got no rows, expected one or more")
    columns = _columns(group)
    lines: dict[tuple[Any, ...], list[tuple[float, float, float, float]]] = {}
    for i, row in enumerate(rows):
        place = f"runs[{i}]"
        key = tuple(_plain_value(value(row, column, place)) for column in columns)
        ends = (bound(row, low, place), bound(row, high, place))
        lines.setdefault(key, []).append((number(row, x, place), number(row, y, place), *ends))
    for (key, points), (colour, marker) in zip(_in_order(lines), styles(), strict=False):
        label = ", ".join(_text(part, column, len(columns)) for part, column in zip(key, columns, strict=True))
        found = np.array(sorted(points, key=lambda point: point[0]))
        _demand_one_each(found[:, 0], name_of(x) or "x", label)
        look: dict[str, Any] = {"color": colour, "marker": marker, "ms": 4, "lw": 1.3} | dict(
            style(label) if style else {}
        )
        (line,) = ax.plot(found[:, 0], found[:, 1], label=plain(label) or None, **look)
        if np.isfinite(found[:, 2:]).all(axis=1).any():
            ax.fill_between(found[:, 0], found[:, 2], found[:, 3], color=line.get_color(), alpha=0.2, lw=0)
    if reference is None and y == "ewif":
        reference = 1.0
    if reference is not None and math.isfinite(reference):
        ax.axhline(reference, color=GREY, lw=0.9, ls=":", zorder=0)
    ax.set_xlabel(_label(x))
    ax.set_ylabel(_label(y))
    if columns:
        ax.legend(title=plain(name_of(columns[0])) if len(columns) == 1 else None)
    return ax


def _columns(group: Group | None) -> list[Column]:
    if group is None:
        return []
    return [group] if isinstance(group, str) or callable(group) else list(group)


def _plain_value(found: Any) -> Any:
    """A value by which rows are grouped, without its NumPy type, so that 1, 1.0 and np.float64(1) are one."""
    found = (
        found.item() if isinstance(found, np.generic) or (isinstance(found, np.ndarray) and not found.ndim) else found
    )
    try:
        hash(found)
    except TypeError:
        return str(found)
    return found


def _in_order(lines: Mapping[tuple[Any, ...], Any]) -> list[tuple[tuple[Any, ...], Any]]:
    """Lines by the values of their groups, numbers as text among numbers; as they came where no order is known."""
    for order in (lambda key: tuple(map(float, key)), lambda key: key):
        try:
            return sorted(lines.items(), key=lambda item: order(item[0]))
        except (TypeError, ValueError):
            continue
    return list(lines.items())


def _text(part: Any, column: Column, columns: int) -> str:
    shown = f"{part:g}" if isinstance(part, float) else str(part)
    name = name_of(column)
    return f"{name} = {shown}" if columns > 1 and name else shown


def _demand_one_each(places: np.ndarray[Any, Any], name: str, label: str) -> None:
    again = places[1:][np.diff(places) == 0]
    if again.size:
        line = f"the line {label!r}" if label else "one line"
        raise InputError(
            "group", f"{line} has two rows with {name} = {again[0]:g}, expected one: group by what tells them apart"
        )


def _label(column: Column) -> str:
    name = name_of(column)
    return LABELS.get(name, plain(name))
