"""The paper's Table 1 as cascades: what it reports beside the closed form and the exact evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.model import Cascade, Step, acceptances, scalar_models
from analysis.paper.published import read_rows
from analysis.theory.closed_forms import horizontal_ewif
from analysis.theory.exact import ewif

PARAMETERS_IN_MILLIONS = {"small": 77.0, "base": 250.0, "xxl": 11300.0}
"""Of FLAN-T5, from which the paper takes its cost ratios."""


@dataclass(frozen=True)
class TableRow:
    """One row of Table 1.

    Attributes:
        dataset: CNNDM or ENDE.
        drafters: The drafters' names in drafting order, joined by "+".
        k: Their draft lengths, joined by "+".
        cascade: The row as a cascade of leaf steps.
        reported: The paper's EWIF.
        closed_form: EWIF by the formula for horizontal cascades.
        exact: EWIF by the exact recursion.
    """

    dataset: str
    drafters: str
    k: str
    cascade: Cascade
    reported: float
    closed_form: float
    exact: float


def table1() -> list[TableRow]:
    """All rows of Table 1, from the published acceptances and cost ratios."""
    alphas = {
        (row["task"], row["drafter"]): float(row["alpha"])
        for row in read_rows("leviathan2023.csv")
        if float(row["temperature"]) == 0
    }
    costs = {name: size / PARAMETERS_IN_MILLIONS["xxl"] for name, size in PARAMETERS_IN_MILLIONS.items()}
    rows = []
    for row in read_rows("table1.csv"):
        drafters = row["drafters"].split("+")
        lengths = [int(k) for k in row["k"].split("+")]
        cascade = Cascade(
            target="xxl",
            models=scalar_models(costs | {"xxl": 1.0}),
            acceptance=acceptances({"xxl": {d: alphas[row["dataset"], d] for d in drafters}}),
            draft=tuple(Step(d, tokens=k) for d, k in zip(drafters, lengths, strict=True)),
        )
        steps = [(alphas[row["dataset"], d], costs[d], k) for d, k in zip(drafters, lengths, strict=True)]
        rows.append(
            TableRow(
                dataset=row["dataset"],
                drafters=row["drafters"],
                k=row["k"],
                cascade=cascade,
                reported=float(row["reported_ewif"]),
                closed_form=horizontal_ewif(steps),
                exact=ewif(cascade),
            )
        )
    return rows
