"""The best cascade of a problem and what is proved about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.model import Cascade, Draft, progress
from analysis.optimum.bound import ROUNDING, upper_bound
from analysis.optimum.certificate import Certificate, certify
from analysis.optimum.closure import closure_bound
from analysis.optimum.costs import first_best
from analysis.optimum.enumerate import all_drafts
from analysis.optimum.flat import best_flat
from analysis.optimum.problem import Problem
from analysis.optimum.programme import Programme
from analysis.optimum.search import Found, search
from analysis.optimum.solvable import programme_of
from analysis.optimum.tidy import tidied
from analysis.optimum.trim import trimmed
from analysis.theory.exact import ewif

FULL_BOUND_WORK = 250_000
"""Greatest `_bound_work` for which the bound that follows hazards and costs is also improved; half a minute or so."""

BOUND_WORK = 3_000_000
"""Greatest `_bound_work` for which it is taken at all, on a coarser grid; about a quarter of a minute."""

SEARCHED_TOKENS = 64
"""Greatest length of the drafts tried by local search."""


@dataclass(frozen=True)
class Optimum:
    """The best draft found.

    Attributes:
        problem: What was searched.
        draft: The draft; `()` is autoregressive decoding.
        ewif: Its EWIF, evaluated by `analysis.theory.exact`.
        certificate: What is proved.
        programme: The exact programme, where one was solved for the whole problem.
        is_complete: Whether every feasible draft was compared, so that none is better.
    """

    problem: Problem
    draft: Draft
    ewif: float
    certificate: Certificate
    programme: Programme | None
    is_complete: bool = False

    @property
    def cascade(self) -> Cascade:
        """The models with the best draft."""
        return self.problem.cascade.with_draft(self.draft)


def optimise(problem: Problem) -> Optimum:
    """Find the best draft: exactly for constants, drafts of leaves and small problems, else with a bound on the rest.

    However large the problem, the draft is at least as good as the best draft of leaves of its full length.

    Example:
        >>> from analysis.model import Cascade
        >>> models = {"t": {"cost": 1}, "d": {"cost": 0.1}}
        >>> spec = {"target": "t", "models": models, "acceptance": {"t": {"d": 0.8}}}
        >>> best = optimise(Problem(Cascade.from_json(spec, needs_draft=False)))
        >>> best.draft[0].tokens, best.certificate.kind
        (5, 'exact')
    """
    programme = programme_of(problem) if problem.is_constant else None
    if programme and programme.problem == problem:
        return _exact(programme)
    if problem.is_flat:
        return _flat(problem)
    if problem.is_constant:
        return _reduced(problem, programme)
    return _enumerated(problem) or _searched(problem)


def optimise_draft(problem: Problem, start: Draft) -> tuple[Draft, float, bool]:
    """The best draft found, its EWIF and whether no feasible one is better; `start` is where a local search begins."""
    programme = programme_of(problem) if problem.is_constant else None
    if programme and programme.problem == problem:
        value, draft = programme.best()
        return draft, value, True
    flat = best_flat(problem)
    if problem.is_flat:
        return flat, ewif(problem.cascade.with_draft(flat)), True
    drafts = all_drafts(problem)
    found = _best_of(problem, drafts) if drafts else search(_tried(problem), [start, flat])
    return found.draft, found.ewif, drafts is not None


def following_bound(problem: Problem, near: float) -> float:
    """The tightest `upper_bound` that is affordable; infinite for problems too large for any."""
    work = _bound_work(problem)
    if work <= FULL_BOUND_WORK:
        return upper_bound(problem, near)
    return upper_bound(problem, near, points=64, passes=0) if work <= BOUND_WORK else np.inf


def _tried(problem: Problem) -> Problem:
    """What a local search goes through."""
    return replace(problem, max_tokens=min(problem.max_tokens, SEARCHED_TOKENS))


def _exact(programme: Programme) -> Optimum:
    problem = programme.problem
    value, draft = programme.best()
    draft = _shortest(problem, draft)
    found = ewif(problem.cascade.with_draft(draft))
    vertices = programme.vertices
    surplus = float(np.max(1 + vertices.gain - found * vertices.cost))
    hull = (surplus, vertices.cost.size, len(programme.nodes))
    how = f"every {_feasible(problem)}, exactly"
    certificate = certify(problem, draft, found, [value * (1 + ROUNDING)], how, 1, hull)
    return Optimum(problem, draft, found, certificate, programme, is_complete=True)


def _reduced(problem: Problem, programme: Programme | None) -> Optimum:
    """For constants: the better of the exact optimum of a smaller problem and the best draft of leaves."""
    drafts = [best_flat(problem)]
    how = "too large to solve exactly: "
    if programme is not None:
        drafts.append(programme.best()[1])
        how += f"every {_feasible(programme.problem)}, exactly; "
    draft = _shortest(problem, max(drafts, key=lambda each: ewif(problem.cascade.with_draft(each))))
    found = ewif(problem.cascade.with_draft(draft))
    how += f"{_leaves_of(problem)}; {_bounded(problem)}"
    return Optimum(
        problem, draft, found, certify(problem, draft, found, [closure_bound(problem)], how, len(drafts)), None
    )


def _shortest(problem: Problem, draft: Draft) -> Draft:
    """The draft without what does nothing for it, equal rounds written as one."""

    def value(other: Draft) -> float:
        return ewif(problem.cascade.with_draft(other))

    return tidied(trimmed(draft, value), value)


def _flat(problem: Problem) -> Optimum:
    draft = best_flat(problem)
    found = ewif(problem.cascade.with_draft(draft))
    how = f"every {_feasible(problem)}, exactly: all of them are drafts of leaves"
    return Optimum(problem, draft, found, certify(problem, draft, found, [found * (1 + ROUNDING)], how, 1), None, True)


def _enumerated(problem: Problem) -> Optimum | None:
    """For a small problem: the best of all its drafts."""
    drafts = all_drafts(problem)
    if drafts is None:
        return None
    found = _best_of(problem, drafts)
    how = f"every {_feasible(problem)}, all {len(drafts)} of them evaluated"
    bounds = [found.ewif * (1 + ROUNDING)]
    certificate = certify(problem, found.draft, found.ewif, bounds, how, len(drafts))
    return Optimum(problem, found.draft, found.ewif, certificate, None, is_complete=True)


def _best_of(problem: Problem, drafts: list[Draft]) -> Found:
    """The best of some drafts; of equal ones the first, which is the shortest in steps."""
    values = np.array([ewif(problem.cascade.with_draft(draft)) for draft in progress(drafts, "drafts", "draft")])
    best = first_best(values)
    return Found(drafts[best], float(values[best]), len(drafts))


def _searched(problem: Problem) -> Optimum:
    tried = _tried(problem)
    found = search(tried, [best_flat(problem)])
    how = f"{found.evaluated} drafts by local search with exact evaluation, among every {_feasible(tried)}"
    bounds = [following_bound(problem, found.ewif), closure_bound(problem)]
    if bounds[0] > bounds[1]:
        how = f"the upper bound takes the best of each hazard and cost; {how}"
    if tried != problem:
        how += f"; {_leaves_of(problem)}; {_bounded(problem)}"
    certificate = certify(problem, found.draft, found.ewif, bounds, how, found.evaluated)
    return Optimum(problem, found.draft, found.ewif, certificate, None)


def _leaves_of(problem: Problem) -> str:
    return f"every draft of leaves of at most {problem.max_tokens} tokens, exactly"


def _bounded(problem: Problem) -> str:
    return f"the upper bound holds for max_tokens {problem.max_tokens} and max_depth {problem.max_depth}"


def _feasible(problem: Problem) -> str:
    return (
        f"draft of leaf and `rounds` steps of at most {problem.max_tokens} tokens at every level and depth at most "
        f"{problem.max_depth}"
    )


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
