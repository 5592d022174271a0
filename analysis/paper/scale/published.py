"""What published acceptances give at the paper's scale, by assumed and by measured cost ratios.

Assumed are the parameter ratio (MS) and the costs of prior work (PW), a number each; measured are the call times of
the same architectures, as a number (a call on one token) and as curves over q, in which the target's review of a longer
draft costs more than one token does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.model import Affine, Cascade, Cost, Model, Step, acceptances
from analysis.paper.published import read_rows
from analysis.paper.scale.rows import MeasuredShape, tabulated
from analysis.theory.exact import ewif

GREATEST_K = 40
"""Greatest draft length searched."""
T5_TARGET = "flan-t5-xxl"
"""Leviathan et al. measured with T5 1.1, whose shapes FLAN-T5 has unchanged."""


def speculative(alpha: float, drafter: Cost, target: Cost, k: int) -> float:
    """EWIF of k drafted tokens at a constant acceptance, the costs in one-token target calls."""
    models = {"t": Model(target), "d": Model(drafter)}
    draft = (Step("d", tokens=k),) if k else ()
    return ewif(Cascade("t", models, acceptances({"t": {"d": alpha}}), draft))


@dataclass(frozen=True)
class PublishedEwif:
    """EWIF of one published configuration by one kind of cost.

    Attributes:
        costs: ``MS``, ``PW``, ``c`` (a number measured) or ``t(q)`` (curves measured).
        c: Cost of a drafter's one-token call, in one-token target calls.
        ewif: EWIF at the published draft length.
        best_k: Draft length of the greatest EWIF.
        best: EWIF there.
        true_at_best_k: EWIF by the curves at that draft length: what choosing k by these costs would bring; None where
            there are no curves.
    """

    costs: str
    c: float
    ewif: float
    best_k: int
    best: float
    true_at_best_k: float | None


@dataclass(frozen=True)
class Scaled:
    """One published configuration under all kinds of costs.

    Attributes:
        task: Task.
        drafter: Shape of the drafter.
        temperature: Sampling temperature.
        alpha: Published acceptance.
        k: Published draft length.
        measured: Published speedup.
        by: Predictions, those from measurements only where both shapes were measured.
    """

    task: str
    drafter: str
    temperature: float
    alpha: float
    k: int
    measured: float
    by: tuple[PublishedEwif, ...]


def leviathan(measured: Mapping[str, MeasuredShape]) -> list[Scaled]:
    """The twelve configurations of Leviathan et al. with the costs of one condition."""
    sizes = {row["model"]: float(row["model_parameters"]) for row in read_rows("swi_costs.csv")}
    result = []
    for row in read_rows("leviathan2023.csv"):
        drafter, alpha, k = f"flan-t5-{row['drafter']}", float(row["alpha"]), int(row["gamma"])
        one = Affine(1.0)
        costs: dict[str, tuple[Cost, Cost]] = {
            "MS": (Affine(sizes[drafter] / sizes[T5_TARGET]), one),
            "PW": (Affine(float(row["c"])), one),
        }
        if drafter in measured and T5_TARGET in measured:
            unit = measured[T5_TARGET].curve[1]
            costs["c"] = Affine(measured[drafter].curve[1] / unit), one
            costs["t(q)"] = tabulated(measured[drafter].curve, unit), tabulated(measured[T5_TARGET].curve, unit)
        by = tuple(prediction(kind, alpha, *pair, k, costs.get("t(q)")) for kind, pair in costs.items())
        published = float(row["measured_speedup"])
        result.append(Scaled(row["task"], drafter, float(row["temperature"]), alpha, k, published, by))
    return result


def prediction(
    kind: str, alpha: float, drafter: Cost, target: Cost, k: int, curves: tuple[Cost, Cost] | None
) -> PublishedEwif:
    """EWIF by one kind of cost: at draft length k, and at the best one up to `GREATEST_K`."""
    values = [speculative(alpha, drafter, target, length) for length in range(GREATEST_K + 1)]
    best_k = max(range(len(values)), key=values.__getitem__)
    true = None if curves is None else speculative(alpha, *curves, best_k)
    return PublishedEwif(kind, drafter.at(1), values[k], best_k, values[best_k], true)
