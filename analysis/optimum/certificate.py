"""What is proved about the best draft found, and on what it rests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.model import Draft, longest, readings
from analysis.model.boundary.fields import ContradictionError
from analysis.model.reach import entries
from analysis.optimum.problem import Problem

PROVED = 1e-9
"""Relative gap below which the best found is called proved: far above rounding, far below any measurement."""


@dataclass(frozen=True)
class SearchLimits:
    """What an optimum rests on besides the numbers given.

    Attributes:
        at_limit: Whether the draft is as long as `max_tokens`, or the end of a table, lets it be.
        beyond_data: Tables that were taken to go on past their end, as their `beyond` says, for some draft compared.
        not_considered: (field, entries) of tables that say nothing, or refuse: drafts that read past their end were not
            considered.
        max_tokens: Greatest length of a draft.
    """

    at_limit: bool
    beyond_data: tuple[str, ...]
    not_considered: tuple[tuple[str, int], ...]
    max_tokens: int

    @classmethod
    def of(cls, problem: Problem, draft: Draft) -> SearchLimits:
        """The limits of a problem, and whether a draft meets one."""
        cut = problem.cut_short()
        ended = {
            reading.field for reading in readings(problem.cascade.with_draft(draft)) if reading.read >= reading.end
        }
        at_limit = longest(draft) >= problem.max_tokens or any(field in ended for field, _ in cut)
        return cls(at_limit, tuple(problem.beyond_data()), tuple(cut), problem.max_tokens)

    def notes(self) -> list[str]:
        """The same in words, one line each."""
        lines = [
            f'{field}: the values past its end are assumed, as its "beyond" says, not measured'
            for field in self.beyond_data
        ]
        lines += [
            f'{field}: drafts that read beyond its {entries(number)} were not considered; add "beyond" there to go on'
            for field, number in self.not_considered
        ]
        if self.at_limit:
            end = f"max_tokens is {self.max_tokens}"
            end += " and tables end" if self.not_considered else ""
            lines.append(f"the draft is as long as it may be ({end}): a longer one may be better")
        return lines


@dataclass(frozen=True)
class Certificate:
    """What is proved about the best draft found.

    Attributes:
        kind: "exact" where no feasible draft is better by a factor of more than 1 + 1e-9; "limited" where that is so,
            but the draft is as long as the limits let it be; "bound" where a better one may be feasible; "extrapolated"
            where drafts were compared by values past the end of a table: all of it holds only if these are right.
        upper_bound: No feasible draft has a greater EWIF.
        gap: upper_bound / ewif - 1: at most this share could still be gained.
        searched: What is feasible, and how it was searched, in words.
        multiplier: lambda, the EWIF of the draft found.
        surplus: Greatest (1 + gain) - lambda * cost of any vertex, with cost in one-token target calls: Dinkelbach's
            proof of optimality is that it is 0. None where no exact programme was solved for the whole problem.
        hull_points: Vertices of the hull of (cost, gain) of all feasible drafts; None likewise.
        nodes: Paths of reviewers solved; None likewise.
        evaluated: Drafts evaluated one by one: 1 for an exact optimum, 2 where a smaller programme's draft and the best
            draft of leaves were compared.
        limits: What it rests on besides the numbers given.
    """

    kind: str
    upper_bound: float
    gap: float
    searched: str
    multiplier: float
    surplus: float | None
    hull_points: int | None
    nodes: int | None
    evaluated: int
    limits: SearchLimits

    def to_json(self) -> dict[str, object]:
        """The certificate as it is printed."""
        return {
            "kind": self.kind,
            "upper_bound": self.upper_bound,
            "gap": self.gap,
            "lambda": self.multiplier,
            "surplus": self.surplus,
            "hull_points": self.hull_points,
            "nodes": self.nodes,
            "evaluated": self.evaluated,
            "searched": self.searched,
            "at_limit": self.limits.at_limit,
            "beyond_data": list(self.limits.beyond_data),
            "not_considered": [{"field": field, "entries": number} for field, number in self.limits.not_considered],
            "notes": self.limits.notes(),
        }


def certify(
    problem: Problem,
    draft: Draft,
    found: float,
    bounds: Sequence[float],
    searched: str,
    evaluated: int,
    hull: tuple[float, int, int] | None = None,
) -> Certificate:
    """The certificate of a draft by the least of some upper bounds.

    Args:
        problem: What was searched.
        draft: The best draft found.
        found: Its EWIF.
        bounds: Upper bounds on the EWIF of every feasible draft; infinite ones say nothing.
        searched: How it was searched, in words.
        evaluated: Drafts evaluated one by one.
        hull: (surplus, vertices, paths) of an exact programme.

    Raises:
        ContradictionError: where a bound lies below the draft found.
    """
    bound = consistent(min(bounds), found)
    limits = SearchLimits.of(problem, draft)
    if limits.beyond_data:
        kind = "extrapolated"
    elif bound > found * (1 + PROVED):
        kind = "bound"
    else:
        kind = "limited" if limits.at_limit else "exact"
    surplus, vertices, paths = hull or (None, None, None)
    return Certificate(kind, bound, bound / found - 1, searched, found, surplus, vertices, paths, evaluated, limits)


def consistent(bound: float, found: float) -> float:
    """An upper bound, at least the value found but for rounding.

    Raises:
        ContradictionError: where it lies further below.
    """
    if not bound >= found * (1 - PROVED):
        raise ContradictionError(
            f"the upper bound {bound!r} lies below a draft of EWIF {found!r}; one of the two is computed wrongly"
        )
    return max(bound, found)
