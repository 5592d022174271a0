"""All cells that the files of a folder hold."""

from __future__ import annotations

from pathlib import Path

from analysis.engines.evidence import apple, eagle, lengths, vllm_cells, vllm_runs
from analysis.engines.evidence.cells import Cell
from analysis.model import InputError


def read_cells(folder: str | Path, replayed: str | Path | None = None) -> tuple[list[Cell], list[str]]:
    """Cells of every collection of runs that the folder has, and what was left out and why.

    Args:
        folder: With any of `vllm_cells.csv` (and its pages in `vllm`), `acceptrate_cells.csv` and
            `eagle3_batch_curves.csv`.
        replayed: Rows of `cascade-ewif lengths`, whose static drafts are predicted too.

    Raises:
        InputError: where it has none of them, or one of them cannot be read.
    """
    place = Path(folder)
    cells: list[Cell] = []
    left_out: list[str] = []
    if (place / vllm_runs.FILE).is_file():
        runs, left_out = vllm_runs.read_runs(place)
        for study in (vllm_cells.across_benchmarks, vllm_cells.across_copiers, vllm_cells.from_another_machine):
            cells += study(runs)
    for collection in (apple, eagle):
        if (place / collection.FILE).is_file():
            cells += collection.read(place / collection.FILE)
    if replayed is not None:
        cells += lengths.read(Path(replayed))
    if not cells:
        files = ", ".join((vllm_runs.FILE, apple.FILE, eagle.FILE))
        raise InputError(str(folder), f"has no runs to predict, expected one of {files}")
    return cells, left_out
