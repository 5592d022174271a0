"""What a calibration found, as text: acceptance of every pair, cost of every model, and the target's review costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REVIEWED = (1, 2, 4, 8, 16, 32, 64)
"""Tokens of a review whose cost is shown."""

NOTE = (
    "alpha: chance that a drafted token is accepted if all before it in its draft were, drafts of up to 10 tokens;\n"
    "cost of a call, and t(q), of a review of q - 1 drafted tokens: in calls of the target on one token; se: their "
    "standard errors."
)


def render(specification: Mapping[str, Any]) -> str:
    """Tables of a calibration's specification."""
    meta = specification["meta"]["calibration"]
    errors = meta["acceptance_iid_se"]
    alphas = [
        (reviewer, drafter, f"{alpha:.3f}", f"{errors[reviewer][drafter]:.3f}")
        for reviewer, row in meta["acceptance_iid"].items()
        for drafter, alpha in row.items()
    ]
    uncertain = specification["uncertainty"]["models"]
    costs = [
        (name, f"{_at(model['cost'], 1):.4g}", f"{_at(uncertain[name]['cost'], 1):.2g}")
        for name, model in specification["models"].items()
    ]
    target = specification["models"][specification["target"]]["cost"]
    reviews = [("q", *map(str, REVIEWED)), ("t(q)", *(f"{_at(target, q):.3f}" for q in REVIEWED))]
    return "\n\n".join(
        [
            _aligned([("reviewer", "drafter", "alpha", "se"), *alphas]),
            _aligned([("model", "cost", "se"), *costs]),
            _aligned(reviews),
            NOTE,
        ]
    )


def _at(cost: Any, q: int) -> float:
    """A cost of a call on q tokens: a number, or a table whose last entry repeats."""
    if not isinstance(cost, Mapping):
        return float(cost)
    table = cost["by_tokens"]
    return float(table[min(q, len(table)) - 1])


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
