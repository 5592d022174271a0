"""Results of sweeps as commands print them: a table with one line per task, or JSON."""

from __future__ import annotations

from collections.abc import Sequence

from simulate.results import Run


def lines(runs: Sequence[Run]) -> list[str]:
    """A table: EWIF, its 95 % interval, cycles, every parameter that a task has, and the task's name."""
    parameters = list(dict.fromkeys(key for run in runs for key in run.parameters))
    head = ["EWIF", "95 % interval", "cycles", *parameters, "task"]
    body = [
        [
            f"{run.ewif:.6f}",
            f"[{run.low:.6f}, {run.high:.6f}]",
            str(run.cycles),
            *(str(run.parameters.get(key, "")) for key in parameters),
            run.name,
        ]
        for run in runs
    ]
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (head, *body)]


def as_json(runs: Sequence[Run]) -> list[dict[str, object]]:
    """The same, one object per task."""
    return [run.to_json() for run in runs]
