"""Cost ratios of drafters and targets: as tables assume them, and as a clock measures them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from analysis.paper.published import read_rows
from analysis.paper.scale.rows import MeasuredShape

REVIEW_Q = 8

FAMILIES = (("flan-t5",), ("llama", "tinyllama"), ("qwen2.5",), ("smollm2",))
"""How names of shapes with one vocabulary begin: only they can draft for each other."""

GREATEST_SHARE = 0.6
"""Greatest share of its target's parameters that a drafter has; larger ones seldom pay, as alpha must exceed c."""


@dataclass(frozen=True)
class CostRatio:
    """Assumed and measured cost of a drafter's one-token call, in one-token calls of its target.

    Attributes:
        target: Shape of the target.
        drafter: Shape of the drafter.
        parameters: Ratio of all parameters.
        assumed: By the table of the authors' code: ``MS`` and ``PW``, where it has both models.
        measured: Ratio of the medians.
        review: The target's cost of a call on `REVIEW_Q` tokens; None where that was not measured.
    """

    target: str
    drafter: str
    parameters: float
    assumed: Mapping[str, float]
    measured: float
    review: float | None


def cost_ratios(measured: Mapping[str, MeasuredShape]) -> list[CostRatio]:
    """Every measured target with every drafter for it, by family, the largest targets first."""
    table = {row["model"]: row for row in read_rows("swi_costs.csv")}
    result = []
    for family in FAMILIES:
        members = sorted((s for s in measured if s.startswith(family)), key=lambda s: -measured[s].parameters)
        for target, drafter in combinations(members, 2):
            share = measured[drafter].parameters / measured[target].parameters
            if share > GREATEST_SHARE:
                continue
            assumed = {}
            for label, key in (("MS", "model_parameters"), ("PW", "previous_work")):
                cells = [table.get(_published_name(model), {}).get(key) for model in (drafter, target)]
                if all(cells):
                    assumed[label] = float(cells[0] or 0) / float(cells[1] or 1)
            curve = measured[target].curve
            review = curve[REVIEW_Q] / curve[1] if REVIEW_Q in curve else None
            result.append(CostRatio(target, drafter, share, assumed, measured[drafter].curve[1] / curve[1], review))
    return result


def _published_name(shape: str) -> str:
    return {"llama-2-7b": "llama-7b"}.get(shape, shape)
