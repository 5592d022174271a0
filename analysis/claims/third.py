"""What a free third drafter is worth on the published cascades of two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from analysis.claims.claim import Finding
from analysis.claims.verdicts import Refutation
from analysis.paper.table1 import TableRow, table1

LONGEST = 16
"""Greatest number of tokens of each of the two drafters."""


@dataclass(frozen=True)
class ThirdDrafter:
    """Best EWIF of two drafters, and with a free third one behind them.

    Attributes:
        dataset: Where the acceptances were measured.
        acceptance: The target's acceptance of the third drafter, in [0, 1).
        without: Best EWIF over the lengths of the two.
        with_third: The same with as many free tokens behind them as one likes.
    """

    dataset: str
    acceptance: float
    without: float
    with_third: float

    @property
    def worth(self) -> float:
        """Relative gain."""
        return self.with_third / self.without - 1


def third_drafter(row: TableRow, acceptance: float) -> ThirdDrafter:
    """Worth of a free third drafter on one published cascade of two.

    Endless free tokens behind a draft of survival P add P m / (1 - m) tokens; lengths are searched anew.
    """
    cascade = row.cascade
    drafters = [step.by for step in cascade.draft]
    shares = [cascade.pair(cascade.target, d).at(0) for d in drafters]
    costs = [cascade.cost(d).at(1) for d in drafters]
    without = with_third = 1.0
    for lengths in product(range(LONGEST + 1), repeat=len(drafters)):
        tokens = survival = cost = 1.0
        for share, price, length in zip(shares, costs, lengths, strict=True):
            for _ in range(length):
                survival *= share
                tokens += survival
            cost += length * price
        without = max(without, tokens / cost)
        with_third = max(with_third, (tokens + survival * acceptance / (1 - acceptance)) / cost)
    return ThirdDrafter(row.dataset, acceptance, without, with_third)


@dataclass(frozen=True)
class WithPublishedWorth:
    """A check whose note says what a free third drafter is worth on the published cascades of two.

    Attributes:
        check: The check.
        acceptance: The target's acceptance of the third drafter, in [0, 1).
    """

    check: Refutation
    acceptance: float = 0.4

    def __call__(self) -> Finding:
        """Run it."""
        values = [third_drafter(row, self.acceptance) for row in table1() if "+" in row.drafters]
        worth = "; ".join(f"{v.dataset} {v.without:.2f} -> {v.with_third:.2f} ({100 * v.worth:.1f} %)" for v in values)
        note = f"A free third drafter of acceptance {self.acceptance} behind Table 1's two, lengths searched: {worth}."
        return replace(self.check(), note=note)
