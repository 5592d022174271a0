"""Theory and simulation side by side: Table 1, convergence, agreement over random cascades, the ledger of claims."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from analysis.model import progress
from analysis.model.boundary.markdown import table
from analysis.model.examples import three_levels
from analysis.paper.table1 import table1
from analysis.theory.exact import cycle_law
from figures.report.artefacts import Build
from simulate import figure_data as simulated
from simulate.estimation import estimate
from simulate.sampler import Sampler


def build_table1(run: Build) -> None:
    """Reported, closed-form, exact and simulated EWIF of the paper's Table 1."""
    cycles = 1_000_000_000 if run.full else 10_000_000
    data: list[dict[str, Any]] = []
    for i, row in enumerate(progress(table1(), "table 1", "row")):
        sampler = Sampler(row.cascade)
        found = estimate(sampler.draw((run.seed, "table 1", i), cycles), sampler)
        data.append(
            {
                "dataset": row.dataset,
                "drafters": row.drafters,
                "k": row.k,
                "reported": row.reported,
                "closed_form": row.closed_form,
                "exact": row.exact,
                "simulated": found.ewif,
                "ci95": found.ci95,
                "cycles": found.cycles,
            }
        )
    run.write("table1.json", data)
    header = ["dataset", "drafters", "k", "reported", "closed form", "exact", "simulated", "95 % interval"]
    cells = [
        [
            *(row[key] for key in ("dataset", "drafters", "k")),
            f"{row['reported']:.2f}",
            *(f"{row[key]:.4f}" for key in ("closed_form", "exact", "simulated")),
            f"{row['ci95'][0]:.4f} to {row['ci95'][1]:.4f}",
        ]
        for row in data
    ]
    run.write("table1.md", table(header, cells, text_columns=3) + "\n")


def build_claims(run: Build) -> None:
    """The ledger of claims, every check run anew."""
    from analysis.claims import as_markdown, run_ledger  # SymPy, which no other artefact needs

    rows = run_ledger()
    run.write("claims.json", [row.to_json() for row in rows])
    run.write("claims.md", as_markdown(rows) + "\n")


def convergence(run: Build) -> dict[str, Any]:
    """A running estimate of a three-level cascade, beside its exact EWIF."""
    cascade = three_levels()
    found = simulated.convergence(cascade, run.seed, doublings=24 if run.full else 20)
    return dataclasses.asdict(found) | {"exact": cycle_law(cascade).ewif}


def agreement(run: Build) -> dict[str, list[float]]:
    """Simulated and exact EWIF of a random family of cascades."""
    generator = np.random.default_rng(run.seed)
    cascades = [simulated.random_cascade(generator) for _ in range(2000 if run.full else 400)]
    found = simulated.agreement(cascades, run.seed)
    return {
        "exact": [cycle_law(cascade).ewif for cascade in cascades],
        "ewif": [e.ewif for e in found],
        "standard_error": [e.standard_error for e in found],
    }
