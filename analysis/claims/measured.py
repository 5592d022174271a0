"""Claims on published numbers: survival by position as measured, and the paper's table of EWIF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import chi2

from analysis.claims.claim import Claim, Finding
from analysis.paper.published import read_rows
from analysis.paper.table1 import table1

SIGNIFICANT = 0.001
"""Greatest p-value at which a constant hazard counts as refuted by a sample."""


@dataclass(frozen=True)
class MeasuredSurvival:
    """One published survival curve.

    Attributes:
        source: Where it was published.
        setting: Drafter or benchmark.
        drafts: Number of drafts behind it; None where none was published.
        survival: P(the first j tokens are all accepted), j = 1, 2, ..., as rounded there.
        rounding: Half a unit of the last published digit.
    """

    source: str
    setting: str
    drafts: int | None
    survival: tuple[float, ...]
    rounding: float

    @property
    def hazards(self) -> tuple[float, ...]:
        """Acceptance at each position given acceptance before it."""
        return tuple(s / before for s, before in zip(self.survival, (1.0, *self.survival), strict=False))

    @property
    def constant(self) -> float:
        """Maximum-likelihood constant hazard: accepted over examined tokens."""
        return sum(self.survival) / (1 + sum(self.survival[:-1]))

    @property
    def deviance_per_draft(self) -> float:
        """Twice the log-likelihood ratio of free to constant hazards, for one draft."""
        total = 0.0
        for hazard, examined in zip(self.hazards, (1.0, *self.survival), strict=False):
            for share, expected in ((hazard, self.constant), (1 - hazard, 1 - self.constant)):
                total += 2 * examined * share * math.log(share / expected) if share else 0.0
        return total

    @property
    def worst_error(self) -> float:
        """Greatest relative error of the constant hazard's survival."""
        return max(abs(self.constant ** (j + 1) / s - 1) for j, s in enumerate(self.survival))

    def p_value(self) -> float | None:
        """P(a deviance at least this great | a constant hazard), or None without a sample size."""
        if self.drafts is None:
            return None
        return float(chi2.sf(self.drafts * self.deviance_per_draft, len(self.survival) - 1))

    def one_hazard_fits_the_digits(self) -> bool:
        """Whether one hazard lies within what every pair of neighbouring rounded figures allows."""
        low, high = 0.0, 1.0
        for j, s in enumerate(self.survival):
            before = self.survival[j - 1] if j else 1.0
            slack = self.rounding if j else 0.0
            low = max(low, (s - self.rounding) / (before + slack))
            high = min(high, (s + self.rounding) / (before - slack))
        return low <= high

    def drafts_to_refute(self) -> int:
        """Drafts at which these shares would refute a constant hazard."""
        return math.ceil(float(chi2.isf(SIGNIFICANT, len(self.survival) - 1)) / self.deviance_per_draft)

    def first(self, positions: int) -> MeasuredSurvival:
        """The curve cut to its first positions."""
        return MeasuredSurvival(self.source, self.setting, self.drafts, self.survival[:positions], self.rounding)


def published_survival() -> tuple[MeasuredSurvival, ...]:
    """Read the published curves of the package."""
    rows = read_rows("measured_survival.csv")
    curves = []
    for key in dict.fromkeys((row["source"], row["setting"], row["drafts"]) for row in rows):
        digits = [row["survival"] for row in rows if (row["source"], row["setting"], row["drafts"]) == key]
        rounding = 0.5 * 10.0 ** -len(digits[0].partition(".")[2])
        curves.append(
            MeasuredSurvival(key[0], key[1], int(key[2]) if key[2] else None, tuple(map(float, digits)), rounding)
        )
    return tuple(curves)


def _refutes(curve: MeasuredSurvival) -> bool:
    p = curve.p_value()
    return p is not None and p < SIGNIFICANT and not curve.one_hazard_fits_the_digits()


def describe(curve: MeasuredSurvival) -> str:
    """One sentence on a curve."""
    p = curve.p_value()
    sample = (
        f"{curve.drafts} drafts, p {'< 1e-9' if p < 1e-9 else f'= {p:.2g}'}"
        if p is not None
        else f"no sample size (significant from {curve.drafts_to_refute()} drafts)"
    )
    hazards = " ".join(f"{h:.2f}" for h in curve.hazards)
    return (
        f"{curve.source}, {curve.setting}: hazards {hazards}; best constant {curve.constant:.3f}, "
        f"survival off by up to {100 * curve.worst_error:.0f} %; {sample}"
    )


def exponential_decay(curves: Sequence[MeasuredSurvival]) -> Finding:
    """Whether a constant hazard explains published survival, curve by curve."""
    against = [curve for curve in curves if _refutes(curve)]
    start = [curve.first(3) for curve in curves if curve.hazards[0] >= curve.hazards[1]]
    near = max(curve.worst_error for curve in start)
    worst = max(curves, key=lambda curve: curve.worst_error)
    return Finding(
        "refuted" if against else "tested",
        "likelihood-ratio test of a constant hazard, and the intervals that rounding leaves",
        len(curves),
        {"curve": f"{worst.source}, {worst.setting}", "hazards": " ".join(f"{h:.2f}" for h in worst.hazards)}
        if against
        else {},
        f"as an approximation over the first three positions of drafters that do not copy: survival within "
        f"{100 * near:.1f} % (tested on {len(start)} curves)",
        near < 0.03,
        ". ".join(describe(curve) for curve in curves)
        + ". Hazards of copying drafters rise; those of others fall at the end.",
    )


WITHIN = 0.01
"""Allowed difference to the table, whose values are simulated and printed with two decimals."""


def reported_table() -> Finding:
    """Whether Table 1 of CS Drafting agrees with its closed form and with the exact evaluation."""
    rows = table1()
    worst = max(rows, key=lambda row: max(abs(row.reported - row.closed_form), abs(row.reported - row.exact)))
    difference = max(abs(worst.reported - worst.closed_form), abs(worst.reported - worst.exact))
    shown = {"row": f"{worst.dataset} {worst.drafters}", "reported": str(worst.reported), "exact": f"{worst.exact:.4f}"}
    agrees = difference <= WITHIN
    return Finding(
        "tested" if agrees else "refuted",
        "closed form and exact evaluation",
        len(rows),
        {} if agrees else shown,
        note=f"Greatest difference {difference:.4f}, {worst.dataset} {worst.drafters}.",
    )


CLAIMS = (
    Claim(
        "reported-ewif",
        "The EWIF that the paper simulates for its horizontal cascades is the closed form's, within 0.01.",
        "CS Drafting, Table 1",
        reported_table,
    ),
    Claim(
        "exponential-decay",
        "On measured data acceptance decays exponentially with position: the hazard is constant.",
        "CS Drafting, section 4 and its figure of acceptance by position",
        lambda: exponential_decay(published_survival()),
    ),
)
