"""Cost of a step by the tokens that it may draft, in steps without speculation: fixed part and part by token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.engines.costs import DRAFTER, EngineCosts
from analysis.model import Affine, ByDraft
from analysis.model.boundary.fields import read_number, reject


@dataclass(frozen=True)
class StepCost:
    """C(k) = 1 + (fixed + per_token E[min(L, k)]) for k >= 1, with C(0) = 1; L is the length of the draft.

    Or, of costs that do not rise straight, C(k) = 1 + what a table has for min(E[L], k), linear between its entries.

    Where drafts differ in length, E[min(L, k)] is not known from counters; min(E[L], k), which is never less (Jensen's
    inequality), is taken for it. Steps without a draft are averaged in: both parts are means over all steps.

    Attributes:
        words: What the law assumes.
        fixed: Cost beyond 1 of a step that drafts, whatever it drafts, >= 0.
        per_token: Cost of each token drafted and reviewed, >= 0.
        longest: Mean length of drafts that end by themselves, None where all are as long as they may be.
        error: Relative standard error of all beyond 1, >= 0.
        table: Cost beyond 1 by draft length, from 1 on, in place of both parts; it ends where it ends.
    """

    words: str
    fixed: float = 0.0
    per_token: float = 0.0
    longest: float | None = None
    error: float = 0.0
    table: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("fixed", "per_token", "error"):
            read_number(getattr(self, name), name, 0)
        for k, cost in enumerate(self.table):
            read_number(cost, f"table[{k}]", 0)

    @property
    def rises(self) -> bool:
        """Whether longer drafts cost more, so that a best length beyond the data can be guessed at."""
        return self.per_token > 0 or (bool(self.table) and self.table[-1] > self.table[0])

    def at(self, lengths: NDArray[np.float64], factor: float | NDArray[np.float64] = 1.0) -> NDArray[np.float64]:
        """Costs for draft lengths, shape (lengths,), or (draws, lengths) with a factor of shape (draws, 1).

        Args:
            lengths: Draft lengths, >= 0.
            factor: By which what is beyond 1 is multiplied.

        Raises:
            InputError: where a table ends before these lengths.
        """
        drafted = lengths if self.longest is None else np.minimum(lengths, self.longest)
        whole = self.fixed + self.per_token * drafted
        if self.table:
            if drafted.max(initial=0.0) > len(self.table):
                reject(
                    "table", f"{len(self.table)} costs", f"at least {int(np.ceil(drafted.max()))}, one a draft length"
                )
            whole = np.interp(drafted, np.arange(len(self.table) + 1), (0.0, *self.table))
        beyond: NDArray[np.float64] = np.where(lengths > 0, whole, 0.0)
        return 1 + factor * beyond

    def engine_costs(self, longest: int) -> EngineCosts:
        """The same as costs of a target and a drafter, all that is beyond a plain step with the drafter.

        Args:
            longest: Draft length up to which they are listed, >= 1.
        """
        goes = (self.at(np.arange(1, longest + 1, dtype=np.float64)) - 1).tolist()
        errors: dict[str, object] = {}
        if self.fixed == 0 and self.longest is None and not self.table:
            if self.error:
                errors = {DRAFTER: self.error * self.per_token}
            return EngineCosts(Affine(1.0), Affine(self.per_token), self.words, errors)
        if self.error:
            together = [[1.0] * longest] * longest
            errors = {DRAFTER: {"by_draft": [self.error * each for each in goes], "correlation": together}}
        return EngineCosts(Affine(1.0), ByDraft(tuple(goes), "refuse"), self.words, errors)
