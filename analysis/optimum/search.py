"""Local search over drafts for inputs that vary: every candidate is evaluated exactly, none is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from analysis.model import Acceptance, Affine, Draft, PerPosition, Step, progress_bar
from analysis.model.neighbours import DROPPED, Edit, best_of, climb, count_of, counted, edited, nested
from analysis.optimum.costs import rounded
from analysis.optimum.flat import best_flat
from analysis.optimum.problem import Path, Problem
from analysis.optimum.programme import merged
from analysis.optimum.solvable import programme_of
from analysis.theory.exact import ewif

MOST_EVALUATED = 4_000
"""Number of drafts after which a search begins no further round of changes."""

WIDTH = 8
"""Drafts kept from one round of changes to the next."""

REPRESENTATIVE = (0, 2, 5)
"""Positions whose hazards, and lengths whose costs, stand for all in the constant problems that give starts."""


@dataclass(frozen=True)
class Found:
    """The best draft that a search met.

    Attributes:
        draft: The draft.
        ewif: Its exact EWIF.
        evaluated: Number of different drafts evaluated.
    """

    draft: Draft
    ewif: float
    evaluated: int


def search(problem: Problem, starts: Iterable[Draft] = ()) -> Found:
    """Climb from several starts by the single changes of `neighbours`, a few drafts wide, until none improves.

    Starts are the given ones, the empty draft, the best flat draft and the optima of constant problems that take
    every hazard and cost at one position. Nothing is random.
    """
    values: dict[Draft, float] = {}
    begin = [(), best_flat(problem), *representative_optima(problem), *starts]
    with progress_bar("search", " drafts") as bar:

        def value(draft: Draft) -> float:
            if draft not in values:
                values[draft] = ewif(problem.cascade.with_draft(draft))
                bar.update()
            return rounded(values[draft])

        best = climb(begin, lambda draft: neighbours(problem, draft), best_of(value, WIDTH), most_seen=MOST_EVALUATED)
    return Found(best, values[best], len(values))


def representative_optima(problem: Problem) -> Iterator[Draft]:
    """Optima of the problems in which every hazard and cost is that of one position."""
    cascade = problem.cascade
    top = max(1, problem.longest(cascade.target))
    for position in REPRESENTATIVE:
        models = dict(cascade.models)
        for model in problem.models:
            models[model] = replace(models[model], cost=Affine(cascade.cost(model).at(position + 1)))
        rows: dict[str, dict[str, Acceptance]] = {}
        for reviewer, by in problem.pairs:
            hazard = PerPosition((cascade.pair(reviewer, by).at(position),))
            rows.setdefault(reviewer, {})[by] = Acceptance(hazard, hazard)
        constant = replace(cascade, models=models, acceptance=rows, draft=())
        programme = programme_of(replace(problem, cascade=constant, max_tokens=top))
        if programme is not None and problem.fits(draft := programme.best()[1]):
            yield draft


def neighbours(problem: Problem, draft: Draft) -> list[Draft]:
    """Feasible drafts one change away, at any level.

    Changes: one token or round more or fewer, twice or half as many; a step dropped, swapped with the next, drafted
    by another model, or put in; a leaf made a round over a leaf, and a round made a leaf.
    """
    edits = {merged(steps): None for steps in _edits(problem, (problem.cascade.target,), draft)}
    return [steps for steps in edits if steps != draft and problem.fits(steps)]


def _edits(problem: Problem, path: Path, steps: Draft) -> Iterator[Draft]:
    singles = list(_singles(problem, path))

    def edits(i: int) -> Iterator[Edit]:
        yield DROPPED
        if i + 1 < len(steps):
            yield Edit(2, (steps[i + 1], steps[i]))
        yield from (Edit(1, (step,)) for step in _changed(problem, path, steps[i]))

    return edited(steps, edits, lambda i: singles)


def _singles(problem: Problem, path: Path) -> Iterator[Step]:
    """Steps worth putting in."""
    for by in problem.drafters_after(path):
        yield Step(by, tokens=1)
        yield from _over_leaves(problem, path, by, rounds=1)


def _over_leaves(problem: Problem, path: Path, by: str, rounds: int) -> Iterator[Step]:
    if problem.reviews(path, by):
        for inner in problem.drafters_after((*path, by)):
            for tokens in (1, 3, 8):
                yield Step(by, rounds=rounds, draft=(Step(inner, tokens=tokens),))


def _changed(problem: Problem, path: Path, step: Step) -> Iterator[Step]:
    """The step with one thing changed."""
    number = count_of(step)
    others = sorted({number - 1, number + 1, number // 2, number * 2} - {0, number})
    yield from counted(step, (other for other in others if other <= problem.max_tokens))
    for by in problem.drafters_after(path):
        if by != step.by or step.draft:
            yield Step(by, tokens=number)
    if not step.draft:
        yield from _over_leaves(problem, path, step.by, rounds=number)
    yield from nested(step, lambda inner: map(merged, _edits(problem, (*path, step.by), inner)))
