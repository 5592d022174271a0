"""The best cascade of a problem and what is proved about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.model import Cascade, Draft
from analysis.optimum.bound import ROUNDING, upper_bound
from analysis.optimum.closure import closure_bound
from analysis.optimum.flat import best_flat
from analysis.optimum.problem import Problem
from analysis.optimum.programme import Programme
from analysis.optimum.search import search
from analysis.optimum.trim import trimmed
from analysis.theory.exact import ewif

EXACT_WORK = 1_000_000
"""Greatest `_exact_work` solved exactly; about ten seconds on one core."""

FULL_BOUND_WORK = 250_000
"""Greatest `_bound_work` for which the bound that follows hazards and costs is also improved; half a minute or so."""

BOUND_WORK = 3_000_000
"""Greatest `_bound_work` for which it is taken at all, on a coarser grid; about a quarter of a minute."""

SEARCHED_TOKENS = 64
"""Greatest length of the drafts tried by local search."""

PROVED = 1e-9
"""Relative gap below which the best found is called exact: far above rounding, far below any measurement."""


@dataclass(frozen=True)
class Certificate:
    """What is proved about the best draft found.

    Attributes:
        kind: "exact" where no feasible draft is better by a factor of more than 1 + 1e-9; "bound" otherwise.
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
        }


@dataclass(frozen=True)
class Optimum:
    """The best draft found.

    Attributes:
        problem: What was searched.
        draft: The draft; `()` is autoregressive decoding.
        ewif: Its EWIF, evaluated by `analysis.theory.exact`.
        certificate: What is proved.
        programme: The exact programme, where one was solved for the whole problem.
    """

    problem: Problem
    draft: Draft
    ewif: float
    certificate: Certificate
    programme: Programme | None

    @property
    def cascade(self) -> Cascade:
        """The models with the best draft."""
        return self.problem.cascade.with_draft(self.draft)


def optimise(problem: Problem) -> Optimum:
    """Find the best draft: exactly for constants and for drafts of leaves, otherwise with a bound on what is left.

    However large the problem, the draft is at least as good as the best draft of leaves of its full length.
    """
    if problem.is_constant and _solvable(problem) == problem:
        return _exact(problem)
    if problem.is_flat:
        return _flat(problem)
    return _reduced(problem) if problem.is_constant else _searched(problem)


def optimise_draft(problem: Problem, start: Draft) -> tuple[Draft, float]:
    """The best draft found and its EWIF, without a certificate; `start` is where a local search begins."""
    if problem.is_constant and _solvable(problem) == problem:
        value, draft = Programme(problem).best()
        return draft, value
    flat = best_flat(problem)
    if problem.is_flat:
        return flat, ewif(problem.cascade.with_draft(flat))
    found = search(_tried(problem), [start, flat])
    return found.draft, found.ewif


def is_solved_exactly(problem: Problem) -> bool:
    """Whether the optimum is found exactly: for drafts of leaves, and for constants in small enough problems."""
    return problem.is_flat or (problem.is_constant and _solvable(problem) == problem)


def following_bound(problem: Problem, near: float) -> float | None:
    """The tightest `upper_bound` that is affordable; None for problems too large for any."""
    work = _bound_work(problem)
    if work <= FULL_BOUND_WORK:
        return upper_bound(problem, near)
    return upper_bound(problem, near, points=64, passes=0) if work <= BOUND_WORK else None


def _tried(problem: Problem) -> Problem:
    solved = _solvable(problem)
    return replace(solved, max_tokens=min(solved.max_tokens, SEARCHED_TOKENS))


def _exact(problem: Problem) -> Optimum:
    programme = Programme(problem)
    value, draft = programme.best()
    draft = _trimmed(problem, draft)
    found = ewif(problem.cascade.with_draft(draft))
    unit = problem.cascade.cost(problem.cascade.target).at(1)
    vertices = programme.vertices
    bound = max(value, found) * (1 + ROUNDING)
    certificate = Certificate(
        kind=_kind(bound, found),
        upper_bound=bound,
        gap=bound / found - 1,
        searched=f"every {_feasible(problem)}, exactly",
        multiplier=found,
        surplus=float(np.max(1 + vertices.gain - found * vertices.cost / unit)),
        hull_points=vertices.cost.size,
        nodes=len(programme.nodes),
        evaluated=1,
    )
    return Optimum(problem, draft, found, certificate, programme)


def _reduced(problem: Problem) -> Optimum:
    """For constants: the better of the exact optimum of a smaller problem and the best draft of leaves."""
    solved = _solvable(problem)
    drafts = (Programme(solved).best()[1], best_flat(problem))
    draft = _trimmed(problem, max(drafts, key=lambda each: ewif(problem.cascade.with_draft(each))))
    found = ewif(problem.cascade.with_draft(draft))
    how = f"too large to solve exactly: every {_feasible(solved)}, exactly; {_leaves_of(problem)}; {_bounded(problem)}"
    return Optimum(problem, draft, found, _bound(closure_bound(problem), found, how, 2), None)


def _trimmed(problem: Problem, draft: Draft) -> Draft:
    return trimmed(draft, lambda shorter: ewif(problem.cascade.with_draft(shorter)))


def _flat(problem: Problem) -> Optimum:
    draft = best_flat(problem)
    found = ewif(problem.cascade.with_draft(draft))
    how = f"every {_feasible(problem)}, exactly: all of them are drafts of leaves"
    return Optimum(problem, draft, found, _bound(found * (1 + ROUNDING), found, how, 1), None)


def _searched(problem: Problem) -> Optimum:
    tried = _tried(problem)
    found = search(tried, [best_flat(problem)])
    how = f"{found.evaluated} drafts by local search with exact evaluation, among every {_feasible(tried)}"
    bound = following_bound(problem, found.ewif)
    if bound is None:
        bound = closure_bound(problem)
        how = f"too large to follow hazards and costs, so the upper bound takes the best of each; {how}"
    if tried != problem:
        how += f"; {_leaves_of(problem)}; {_bounded(problem)}"
    return Optimum(problem, found.draft, found.ewif, _bound(bound, found.ewif, how, found.evaluated), None)


def _bound(bound: float, found: float, how: str, evaluated: int) -> Certificate:
    """The certificate of a draft without a programme of the whole problem."""
    bound = max(bound, found)
    return Certificate(_kind(bound, found), bound, bound / found - 1, how, found, None, None, None, evaluated)


def _kind(bound: float, found: float) -> str:
    return "exact" if bound <= found * (1 + PROVED) else "bound"


def _leaves_of(problem: Problem) -> str:
    return f"every draft of leaves of at most {problem.max_tokens} tokens, exactly"


def _bounded(problem: Problem) -> str:
    return f"the upper bound holds for max_tokens {problem.max_tokens} and max_depth {problem.max_depth}"


def _feasible(problem: Problem) -> str:
    return (
        f"draft of leaf and `rounds` steps of at most {problem.max_tokens} tokens at every level and depth at most "
        f"{problem.max_depth}"
    )


def _solvable(problem: Problem) -> Problem:
    """The problem, or one of smaller depth and then length that can be solved exactly."""
    while problem.max_depth > 2 and _exact_work(replace(problem, max_tokens=8)) > EXACT_WORK:
        problem = replace(problem, max_depth=problem.max_depth - 1)
    while problem.max_tokens > 8 and _exact_work(problem) > EXACT_WORK:
        problem = replace(problem, max_tokens=problem.max_tokens * 7 // 8)
    return problem


def _exact_work(problem: Problem) -> float:
    """Number of (node, drafter, length, inner length) that the exact programme goes through, counted to its limit."""
    work = 0.0
    for path in problem.paths():
        for by in problem.drafters_after(path):
            reviews = len(path) < problem.max_depth and problem.drafters_after((*path, by))
            work += problem.max_tokens * (max(1.0, problem.max_tokens / 2) if reviews else 1.0)
        if work > EXACT_WORK:
            break
    return work


def _bound_work(problem: Problem) -> float:
    """Size of the tables of the bound, counted to its limit."""
    work = 0.0
    for path in problem.paths():
        drafters = len(problem.drafters_after(path))
        nested = 2.0 ** (len(path) - 1) * problem.max_tokens if len(path) < problem.max_depth else 1
        work += drafters * problem.max_tokens**2 * nested
        if work > BOUND_WORK:
            break
    return work
