"""Warnings: what an answer leaves out, or what a number was probably meant to be, in one line; the answer stands."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from analysis.model.boundary.harmless import harmless


class Advice(UserWarning):
    """An answer rests on something its reader should know: data continued beyond their end, an unlikely input."""


if not sys.warnoptions:
    # shown also where a notebook silenced all warnings before the import: "ignore" for `Advice` itself, or -W, still do
    warnings.simplefilter("default", Advice)


def advise(message: str) -> None:
    """Warn the caller's caller in one line; a command line prints it to stderr as ``warning: ...``, once.

    Args:
        message: What the reader should know: the field, its value, and what was probably meant.
    """
    warnings.warn(message, Advice, stacklevel=3)


@contextmanager
def advice_in_lines() -> Iterator[None]:
    """Within the block every different `Advice` is one line on stderr; other warnings are shown as ever."""
    said: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning
        warnings.simplefilter("always", Advice)

        def show(message, category, filename, lineno, file=None, line=None):  # type: ignore[no-untyped-def]
            if not issubclass(category, Advice):
                usual(message, category, filename, lineno, file, line)
            elif (text := str(message).replace("\n", " ")) not in said:
                said.add(text)
                print(harmless(f"warning: {text}"), file=sys.stderr)

        warnings.showwarning = show
        yield
