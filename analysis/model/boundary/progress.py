"""Progress bars of long work: on a terminal only, and not for the first two seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

_DELAY = 2.0
_GREAT = 10_000
"""From here on numbers are shown as 10k, 1M."""
_shown: list[bool] = [True]


def progress(
    items: Iterable[T], description: str, unit: str = "it", *, total: int | None = None, initial: int = 0
) -> tqdm[T]:
    """Go through items with a bar on stderr, where that is a terminal and nobody asked for silence.

    Args:
        items: What to go through.
        description: What is going on, in a word or two.
        unit: What one item is.
        total: How many items there are, where `items` has no length.
        initial: How many an earlier run has done.
    """
    return progress_bar(description, unit, items=items, total=total, initial=initial)


def progress_bar(
    description: str,
    unit: str = "it",
    *,
    items: Iterable[Any] | None = None,
    total: float | None = None,
    initial: int = 0,
    form: str | None = None,
    shown: bool | None = None,
) -> tqdm[Any]:
    """The same as a bar that is moved on with its `update`, in a `with`.

    Args:
        description: What is going on, in a word or two.
        unit: What one step is.
        items: What it goes through, if anything.
        total: Number of steps, where it is known.
        initial: How many an earlier run has done.
        form: Another form of the bar, as tqdm has them.
        shown: Whether there is one wherever stderr goes, or none; None for on a terminal, where nobody asked for
            silence.
    """
    from tqdm import tqdm  # not for the commands that are done at once

    return tqdm(
        items,
        desc=description,
        unit=unit,
        total=total,
        initial=initial,
        unit_scale=total is not None and total >= _GREAT,
        bar_format=form,
        delay=_DELAY,
        mininterval=0.2,
        disable=(None if _shown[-1] else True) if shown is None else not shown,
    )


@contextmanager
def bars(*, shown: bool) -> Iterator[None]:
    """Within the block there are bars, or none even on a terminal."""
    _shown.append(shown and _shown[-1])
    try:
        yield
    finally:
        _shown.pop()
