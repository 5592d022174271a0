"""Errors of each rung over the cells of a study, and what choosing by a rung costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.engines.evidence.cells import Cell
from analysis.model.resampling import interval_95

RESAMPLES = 4000


def error_rows(cells: Sequence[Cell], seed: int = 0) -> list[dict[str, object]]:
    """One row for each study and rung.

    `low` and `high` bound 95 % of the median absolute error of as many cells drawn from these. `regret` is the mean
    over groups of what the rung's best choice was measured to lose against the best measured one; None without groups.

    Args:
        cells: Of one or several studies, at least one.
        seed: Of the bootstrap.
    """
    rows = []
    for study in dict.fromkeys(cell.study for cell in cells):
        mine = [cell for cell in cells if cell.study == study]
        for rung in dict.fromkeys(rung for cell in mine for rung in cell.predicted):
            rows.append({"kind": "errors", "study": study, "rung": rung, **_summary(mine, rung, seed)})
    return rows


def _summary(cells: Sequence[Cell], rung: str, seed: int) -> dict[str, object]:
    judged = [cell for cell in cells if rung in cell.predicted]
    errors = np.array([cell.error(rung) for cell in judged])
    drawn = np.random.default_rng(seed).integers(0, len(errors), size=(RESAMPLES, len(errors)))
    low, high = interval_95(np.median(np.abs(errors)[drawn], axis=1))
    return {
        "cells": len(errors),
        "median_absolute": float(np.median(np.abs(errors))),
        "low": low,
        "high": high,
        "max_absolute": float(np.abs(errors).max()),
        "median_signed": float(np.median(errors)),
        "within_5_percent": float((np.abs(errors) <= 0.05).mean()),
        "r_squared": _r_squared(judged, rung),
        "regret": _regret(judged, rung),
    }


def _r_squared(cells: Sequence[Cell], rung: str) -> float | None:
    """Share of the variance of the measured speedups that the predictions explain, below 0 if they are worse than the
    mean; None where nothing varies."""
    measured: NDArray[np.float64] = np.array([cell.measured for cell in cells])
    predicted = np.array([cell.predicted[rung] for cell in cells])
    spread = float(((measured - measured.mean()) ** 2).sum())
    return 1 - float(((predicted - measured) ** 2).sum()) / spread if spread else None


def _regret(cells: Sequence[Cell], rung: str) -> float | None:
    found = []
    for group in dict.fromkeys(cell.group for cell in cells if cell.group is not None):
        choices = [cell for cell in cells if cell.group == group]
        chosen = max(choices, key=lambda cell: cell.predicted[rung])
        found.append(1 - chosen.measured / max(cell.measured for cell in choices))
    return float(np.mean(found)) if found else None
