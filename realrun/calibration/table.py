"""What a calibration found, as text: acceptances, costs of models and of the target's reviews, the machine's rates."""

from __future__ import annotations

from analysis.model.records.calibration import Calibration
from analysis.model.records.uncertainty import cost_error
from realrun.roofline.table import rates_text

REVIEWED = (1, 2, 4, 8, 16, 32, 64)
"""Tokens of a review whose cost is shown."""

NOTE = (
    "alpha: chance that a drafted token is accepted if all before it in its draft were, in drafts of up to 10 tokens\n"
    "that begin where cycles begin (agreement at every place of the texts is in `first_position`);\n"
    "cost of a call, and t(q), of a review of q - 1 drafted tokens: in calls of the target on one token; se: their "
    "standard errors."
)


def render(calibration: Calibration) -> str:
    """Tables of a calibration."""
    errors, cascade = calibration.iid_errors, calibration.specification
    alphas = [
        (reviewer, drafter, f"{alpha:.3f}", f"{errors[reviewer][drafter]:.3f}")
        for reviewer, row in calibration.iid.items()
        for drafter, alpha in row.items()
    ]
    costs = [
        (name, f"{cascade.cost(name).at(1):.4g}", f"{cost_error(cascade.uncertainty, name, 1):.2g}")
        for name in cascade.models
    ]
    target = cascade.cost(cascade.target)
    reviews = [("q", *map(str, REVIEWED)), ("t(q)", *(f"{target.at(q):.3f}" for q in REVIEWED))]
    return "\n\n".join(
        [
            _aligned([("reviewer", "drafter", "alpha", "se"), *alphas]),
            _aligned([("model", "cost", "se"), *costs]),
            _aligned(reviews),
            NOTE,
            *([] if calibration.rates is None else [rates_text(calibration.rates)]),
        ]
    )


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
