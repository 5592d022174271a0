"""Journal of a long measurement: its finished steps, which the same command takes up again after a kill.

A journal lies beside the output, is written to disk step by step, and goes away when the output is there.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.model.boundary.journal import RowsFile, rows_file
from analysis.model.boundary.same_run import demand_same

SCHEMA = 1
_STEP = "step"


class Journal:
    """Finished steps by name, as JSON; in memory alone where no file is given."""

    def __init__(self, file: RowsFile | None = None, path: str = "") -> None:
        self._file = file
        self._path = path
        rows = [] if file is None else file.rows[1:]
        self._steps: dict[str, Any] = {row[_STEP]: row["value"] for row in rows}

    def __contains__(self, name: str) -> bool:
        """Whether a step is finished."""
        return name in self._steps

    def __len__(self) -> int:
        """Number of finished steps."""
        return len(self._steps)

    def begin(self, identity: Mapping[str, object]) -> None:
        """Say what all steps depend on, and refuse those of an earlier run that depended on something else.

        Raises:
            InputError: saying what changed since.
        """
        if self._file is None:
            return
        head = {"journal": SCHEMA, **identity}
        if self._file.rows:
            remedy = "remove it to begin anew"
            demand_same(self._file.rows[0], head, self._path, "steps", remedy)
            print(f"{self._path}: goes on after {len(self)} finished steps", file=sys.stderr)
        else:
            self._file.append(head)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """The value of a step, made now unless an earlier run has.

        Args:
            name: Of the step.
            make: Gives its value, a JSON one.
        """
        if name not in self._steps:
            value = make()
            if self._file is not None:
                self._file.append({_STEP: name, "value": value})
            self._steps[name] = value
        return self._steps[name]


def journal_of(output: str) -> str | None:
    """Where the journal of an output lies; None of a device or a pipe."""
    place = Path(output)
    return f"{output}.journal" if place.is_file() or not place.exists() else None


@contextlib.contextmanager
def open_journal(path: str | None, request: str) -> Iterator[Journal]:
    """Open the journal of a measurement as its only writer, and remove it when the block ends well.

    Args:
        path: Its name; None to keep nothing.
        request: Hash of what was asked.

    Raises:
        InputError: where it is another measurement's, or another process is at it.
    """
    if path is None:
        yield Journal()
        return
    expected = [{"journal": SCHEMA, "request": request}]
    needs = {"value": lambda value: True}
    with rows_file(path, expected, needs, more=_STEP) as file:
        journal = Journal(file, path)
        try:
            yield journal
        except KeyboardInterrupt:
            print(f"{path}: keeps {len(journal)} finished steps, the same command goes on", file=sys.stderr)
            raise
        file.remove()
