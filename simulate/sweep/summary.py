"""Estimates from rows: exact sums over batches, the same whatever their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from analysis.model import InputError
from simulate.estimation import Estimate, estimate
from simulate.kernel.totals import Totals
from simulate.sweep.rows import Row
from simulate.sweep.task import Task


@dataclass(frozen=True)
class Summary:
    """All that was drawn of one task.

    Attributes:
        task: The task.
        totals: Sums over its batches of all seeds.
        estimate: What they say.
        batches: Number of batches.
    """

    task: Task
    totals: Totals
    estimate: Estimate
    batches: int


def summarise(rows: Iterable[Row], tasks: Iterable[Task] = ()) -> list[Summary]:
    """Sum up rows by task, sorted by name; tasks are told apart by id.

    Args:
        rows: All that was drawn.
        tasks: Those whose names and parameters are to hold; of others, the last ones that a row has.
    """
    given = {task.id: task for task in tasks}
    rows_of: dict[str, list[Row]] = {}
    for row in rows:
        rows_of.setdefault(row.task.id, []).append(row)
    summaries = []
    for key, found in rows_of.items():
        totals = sum((row.totals for row in found), Totals())
        task = given[key] if key in given else _last_told([row.task for row in found])
        summaries.append(Summary(task, totals, estimate(totals, task.sampler()), len(found)))
    return sorted(summaries, key=lambda s: (s.task.name, s.task.id))


def _last_told(tasks: Sequence[Task]) -> Task:
    """The task under the last name and with the last parameters that it was given."""
    label = next((task.label for task in reversed(tasks) if task.label), "")
    parameters = next((task.parameters for task in reversed(tasks) if task.parameters), {})
    return replace(tasks[0], label=label, parameters=parameters)


def merged(files: Sequence[tuple[str, Sequence[Row]]]) -> list[Row]:
    """The union of files' rows by (task, seed, batch), in a fixed order; of equal batches the one drawn first.

    Raises:
        InputError: where two files hold different numbers for one batch.
    """
    union: dict[tuple[str, int, int], tuple[str, Row]] = {}
    for path, rows in files:
        for row in rows:
            other, known = union.setdefault(row.key, (path, row))
            if known.totals != row.totals:
                cut = known.totals.blocks != row.totals.blocks
                raise InputError(
                    path,
                    f"batch {row.batch} of task {row.task.name} (seed {row.seed}) differs from that in {other}: "
                    + (
                        "a limit on cycles cut one of them; expected files of different seeds, or of the same limit"
                        if cut
                        else "they are equally long but were not drawn by the same code; expected only one of the files"
                    ),
                )
            union[row.key] = min((other, known), (path, row), key=_when)
    return [row for _, row in sorted(union.values(), key=lambda item: item[1].key)]


def _when(item: tuple[str, Row]) -> tuple[str, str]:
    """Orders rows of one batch by the time they were finished, and equal times in a fixed way."""
    return item[1].provenance.finished, item[1].to_line()
