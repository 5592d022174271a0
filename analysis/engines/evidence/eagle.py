"""EAGLE-3 by draft length, one sequence at a time: costs fitted on one workload, judged on the other.

Cells of pramodjella/speculative-decoding-draft-length-audit (results/eagle3_batch/curves.csv): Llama-3.1-8B-Instruct,
vLLM, one H100, greedy, 64 new tokens; tokens a step and net speedup by draft length. Larger batches are another run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from analysis.engines.evidence.cells import IID, IID_COSTS, POSITIONS, Cell, number_of, read_columns
from analysis.engines.evidence.constant import EAGLE_SHARE
from analysis.theory.closed_forms import expected_accepted, speculative_ewif

STUDY = "H100, EAGLE-3 by length"
FILE = "eagle3_batch_curves.csv"
EXTENDED = "positions to 3"
"""Acceptance known for three positions, the third one's going on: what a run at k = 3 tells of longer drafts."""


def read(path: Path) -> list[Cell]:
    """Cells at batch 1 with predictions by one alpha, and by what was accepted at each length.

    Alpha is that of the first position. Costs are a straight line in the draft length through the steps of the other
    workload, a step being tokens a step over net speedup.
    """
    curves: dict[str, dict[int, tuple[float, float]]] = {}
    for i, row in enumerate(read_columns(path, ("workload", "k", "batch", "net_speedup", "accept_len")), start=1):
        if number_of(row, "batch", path, i) == 1:
            found = number_of(row, "net_speedup", path, i), number_of(row, "accept_len", path, i)
            curves.setdefault(row["workload"], {})[int(number_of(row, "k", path, i))] = found
    cells = []
    for name, curve in curves.items():
        others = [step for other, each in curves.items() if other != name for step in _steps(each)]
        slope, intercept = np.polyfit([k for k, _ in others], [cost for _, cost in others], 1) if others else (0, 0)
        alpha = curve[1][1] - 1
        for k, (measured, tokens) in curve.items():
            predicted = {IID: speculative_ewif(alpha, EAGLE_SHARE, k)}
            if others:
                cost = float(intercept + slope * k)
                predicted[IID_COSTS] = (1 + expected_accepted(alpha, k)) / cost
                predicted[POSITIONS] = tokens / cost
                predicted[EXTENDED] = _extended(curve, k) / cost
            facts = {"k": k, "tokens_per_step": tokens, "step": tokens / measured}
            cells.append(Cell(STUDY, f"{name}, {k} tokens", measured, predicted, name, facts))
    return cells


def _steps(curve: Mapping[int, tuple[float, float]]) -> list[tuple[int, float]]:
    """(Draft length, cost of a step in plain steps)."""
    return [(k, tokens / speedup) for k, (speedup, tokens) in curve.items()]


def _extended(curve: Mapping[int, tuple[float, float]], k: int) -> float:
    """Tokens a step if only lengths up to 3 were known and the last hazard went on."""
    known = [curve[length][1] for length in (1, 2, 3)]
    if k <= len(known):
        return known[k - 1]
    last = known[2] - known[1]
    return known[2] + last * expected_accepted(last / (known[1] - known[0]), k - 3)
