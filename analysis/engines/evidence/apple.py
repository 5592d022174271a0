"""A drafter of the same family on an Apple M4: the closed form with the cost of verification that was measured.

24 cells of kidus-der/acceptrate (docs/figures/cells.md): Llama-3.1-8B with Llama-3.2-1B, both in 4 bits, under MLX.
They give alpha by position, taken to be the same everywhere, and c, the cost of a drafted token in verifications of
that draft length.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.engines.evidence.cells import IID, IID_COSTS, Cell, number_of, read_columns
from analysis.theory.closed_forms import expected_accepted, speculative_ewif

STUDY = "M4, 1B drafter"
FILE = "acceptrate_cells.csv"
FROM_OTHERS = "t(q) from other workloads"

VERIFY = (1.00, 1.05, 1.30, 1.57, 1.98, 2.43, 2.48, 2.96)
"""Time of a verification of 1..8 drafted tokens, in plain steps: kidus-der/acceptrate (docs/gates/P4.md)."""


def read(path: Path) -> list[Cell]:
    """Cells with three predictions: verification free of length, as measured, and as other workloads' runs imply.

    The last takes the median over the other workloads of what the verification must have cost at the same length for
    the closed form to be right there, and is judged on the workload that was left out.
    """
    rows = []
    for i, row in enumerate(read_columns(path, ("k", "workload", "alpha", "c", "measured_speedup")), start=1):
        alpha, c, measured = (number_of(row, name, path, i) for name in ("alpha", "c", "measured_speedup"))
        rows.append((row["workload"], int(number_of(row, "k", path, i)), alpha, c, measured))
    implied = {(name, k): _implied(alpha, c, k, measured) for name, k, alpha, c, measured in rows}
    cells = []
    for name, k, alpha, c, measured in rows:
        flat = speculative_ewif(alpha, c, k)
        predicted = {IID: flat, IID_COSTS: flat / VERIFY[k - 1]}
        others = [cost for (other, length), cost in implied.items() if length == k and other != name]
        if others:
            predicted[FROM_OTHERS] = flat / _median(others)
        facts = {"k": k, "verification": VERIFY[k - 1]}
        cells.append(Cell(STUDY, f"{name}, {k} tokens", measured, predicted, name, facts))
    return cells


def _implied(alpha: float, c: float, k: int, measured: float) -> float:
    """Verification in plain steps that makes the closed form right."""
    return (1 + expected_accepted(alpha, k)) / (measured * (1 + k * c))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
