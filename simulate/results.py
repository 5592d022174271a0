"""Results of a sweep as plain rows, one per task: estimates, intervals and parameters for tables and plots."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from simulate.sweep.rows import Row
from simulate.sweep.store import read_rows
from simulate.sweep.summary import Summary, summarise
from simulate.sweep.task import Scalar, Task


@dataclass(frozen=True)
class Run:
    """What a sweep says about one task.

    Attributes:
        name: Of the task: its label, or the beginning of its id.
        ewif: Estimate of its EWIF, tokens over cost in units of autoregressive decoding.
        low: Lower end of the 95 % interval of `ewif`; nan where a single block cannot tell.
        high: Upper end.
        standard_error: Of `ewif`; nan where a single block cannot tell.
        tokens_per_cycle: Mean tokens of a cycle.
        cost_per_cycle: Mean cost of a cycle, in one-token target calls.
        cycles: Number of cycles drawn.
        blocks: Number of independent blocks of cycles.
        batches: Number of batches they were drawn in.
        task_id: SHA-256 of the task.
        parameters: What the sweep varies, as the task gives it.
    """

    name: str
    ewif: float
    low: float
    high: float
    standard_error: float
    tokens_per_cycle: float
    cost_per_cycle: float
    cycles: int
    blocks: int
    batches: int
    task_id: str
    parameters: Mapping[str, Scalar]

    def as_row(self) -> dict[str, Scalar]:
        """One flat dict: every attribute, then every parameter, under its own name.

        ``pandas.DataFrame([run.as_row() for run in runs])`` has numbers in all columns that hold numbers.
        """
        row: dict[str, Scalar] = {key: value for key, value in vars(self).items() if key != "parameters"}
        return row | dict(self.parameters)

    def to_json(self) -> dict[str, object]:
        """The run as commands print it; null for an error that one block cannot tell."""
        known = math.isfinite(self.standard_error)
        return {
            "name": self.name,
            "ewif": self.ewif,
            "ci95": [self.low, self.high] if known else [None, None],
            "cycles": self.cycles,
            "tokens_per_cycle": self.tokens_per_cycle,
            "cost_per_cycle": self.cost_per_cycle,
            "standard_error": self.standard_error if known else None,
            "blocks": self.blocks,
            "batches": self.batches,
            "task_id": self.task_id,
            "parameters": dict(self.parameters),
        }


def runs_of(rows: Iterable[Row], tasks: Iterable[Task] = ()) -> list[Run]:
    """One run per task, sorted by name.

    Args:
        rows: All that was drawn.
        tasks: Those whose names and parameters are to hold; of others, the last ones that a row has.
    """
    return [_run(summary) for summary in summarise(rows, tasks)]


def read_runs(path: str | Path) -> list[Run]:
    """Read what a results file says about every task, without changing the file.

    Args:
        path: A file that `simulate.collect` or ``cascade-ewif collect`` has written.

    Returns:
        One `Run` per task, sorted by name.

    Raises:
        InputError: where the file is missing, or something in it is not a row, by line number.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from analysis.model import Cascade
        >>> from simulate import collect, read_runs
        >>> spec = {
        ...     "target": "t",
        ...     "models": {"t": {"cost": 1}, "d": {"cost": 0.1}},
        ...     "acceptance": {"t": {"d": 0.8}},
        ...     "draft": [{"by": "d", "tokens": 5}],
        ... }
        >>> path = Path(tempfile.mkdtemp()) / "runs.csv"
        >>> _ = collect({"five tokens": Cascade.from_json(spec)}, path, target_error=0.001)
        >>> [run] = read_runs(path)
        >>> run.name, round(run.ewif, 1), run.low < 2.46 < run.high
        ('five tokens', 2.5, True)
    """
    return runs_of(read_rows(str(path)))


def _run(summary: Summary) -> Run:
    e = summary.estimate
    known = math.isfinite(e.standard_error)
    low, high = e.ci95 if known else (math.nan, math.nan)
    return Run(
        name=summary.task.name,
        ewif=e.ewif,
        low=low,
        high=high,
        standard_error=e.standard_error if known else math.nan,
        tokens_per_cycle=e.tokens_per_cycle,
        cost_per_cycle=e.cost_per_cycle,
        cycles=e.cycles,
        blocks=e.blocks,
        batches=summary.batches,
        task_id=summary.task.id,
        parameters=summary.task.parameters,
    )
