"""The headline on every set of prompts, by every measure, and the tables that tell it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from analysis.model import progress
from analysis.model.boundary.markdown import table_of
from analysis.model.records.runs import MeasuredRun, PromptId
from analysis.paper.swi.best import headline
from analysis.paper.swi.costs import Costs, Expense, family, standardised, totals, wall_clock
from analysis.paper.swi.tables import by_kind

CLOCK = "wall-clock"
CONVENTIONS = ("all", "reviews")
ALL = "all"
"""The set of all prompts."""

SHOWN = ("SWI (MS), all", "SWI (PW), all", CLOCK)
"""Measures that the tables show of sets other than that of all prompts."""

NOTE = (
    "SWI weighs the calls of neural models by fixed costs: parameters (MS), the same with the authors' slip (target "
    "x10), costs of prior work (PW), or one-token calls measured here (c); of all calls, or of reviews alone as the "
    "authors count. The best of many is flattered by its own noise: `chosen elsewhere` judges every prompt by methods "
    "chosen on others."
)

BOUND = "EWIF that the calibrated theory holds possible, without drafters that abstain, for which it has no place."


def by_set(
    runs: Sequence[MeasuredRun], costs: Mapping[str, Costs], sets: Mapping[str, Collection[PromptId]], seed: int
) -> dict[str, dict[str, object]]:
    """Headlines by every measure and the best of every kind of method, by set of prompts.

    Args:
        runs: All runs.
        costs: Tables of costs by name.
        sets: Ids of the prompts of each set, two or more.
        seed: Of the resamples and folds.
    """
    measures: dict[str, Expense] = {
        f"SWI ({name}), {convention}": standardised(table, convention)
        for convention in CONVENTIONS
        for name, table in costs.items()
    }
    measures[CLOCK] = wall_clock
    families = {run.method: family(run) for run in runs}
    found: dict[str, dict[str, object]] = {}
    for name, members in progress(sets.items(), "prompt sets", "set", total=len(sets)):
        sums = {measure: totals(runs, expense, members) for measure, expense in measures.items()}
        headlines = [asdict(headline(measure, total, families, seed)) for measure, total in sums.items()]
        found[name] = {"headlines": headlines, "methods": by_kind(runs, sums)}
    return found


def markdown(result: Mapping[str, Any]) -> str:
    """The tables of a whole result of ``cascade-ewif swi``."""
    sets = result["sets"]
    rows = [
        _headline(name, h)
        for name, entry in sets.items()
        for h in entry["headlines"]
        if name == ALL or h["measure"] in SHOWN
    ]
    claims = " and ".join(f"{claim:.0%}" for claim in result["paper"])
    parts = [table_of(rows, 2), f"The paper: up to {claims} additional, by SWI. {NOTE}"]
    shown = ("method", *(f"SWI ({name}), {how}" for name in ("MS", "PW") for how in CONVENTIONS), CLOCK)
    kinds = [{key: _improvement(row[key]) for key in shown if key in row} for row in sets[ALL]["methods"]]
    parts += ["Best improvement over autoregressive decoding of every kind of method:", table_of(kinds, len(shown))]
    parts += ["Tokens a second, the prompt's reading included:", table_of(result["tokens_per_second"], 2)]
    if result["tokens_per_second_by_limit"]:
        parts += ["The same, texts cut after so many tokens:", table_of(result["tokens_per_second_by_limit"])]
    if result["possible"]:
        parts += [BOUND, table_of([_ceiling(p) for p in result["possible"]])]
    return "\n\n".join(parts)


def _headline(name: str, found: Mapping[str, Any]) -> dict[str, object]:
    return {
        "prompts": f"{name} ({found['prompts']})",
        "measure": found["measure"],
        "best speculative": "{1:.3f} ({0})".format(*found["best"]["speculative"]),
        "best cascade": "{1:.3f} ({0})".format(*found["best"]["cascade"]),
        "additional": f"{found['additional']:+.1%} ({found['low']:+.1%} to {found['high']:+.1%})",
        "chosen elsewhere": f"{found['held_out']:+.1%} ({found['held_out_low']:+.1%} to {found['held_out_high']:+.1%})",
    }


def _improvement(cell: Any) -> object:
    return f"{cell['improvement']:.3f} ({cell['name']})" if isinstance(cell, Mapping) else cell


def _ceiling(found: Mapping[str, Any]) -> dict[str, object]:
    return {
        "costs": found["costs"],
        "speculative": found["speculative_ewif"],
        "optimum": found["optimum_ewif"],
        "additional": f"{found['additional']:+.1%}",
        "at most": f"{found['at_most']:+.1%}",
        "1 / (1 - alpha)": found["alpha_bound"],
    }
