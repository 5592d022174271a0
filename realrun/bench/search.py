"""Best settings of each side, by the same small search on the same prompts.

Both sides start from the settings they are given and climb: all neighbours of the best settings so far are timed
beside them, in turns; the fastest becomes the best if it is clearly faster. No side gets more rounds than the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import get_args

from analysis.model import Draft, Step
from analysis.model.neighbours import DROPPED, Edit, climb, count_of, counted, edited, nested
from realrun.bench.flashspec_decoder import FlashSpec
from realrun.bench.llama_decoder import Kind, LlamaNgram
from realrun.bench.summary import Row, seconds_per_token
from realrun.bench.transformers_decoders import Assisted, PromptLookup
from realrun.runs.measure import CascadeMethod, Method

LADDER = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32)
"""Draft lengths that the search knows; one given outside it moves to the next one below or above."""

ROUNDS = 5
MARGIN = 1.01
"""A neighbour must be this many times as fast to be followed."""

THRESHOLDS = (0.0, 0.4)
SCHEDULES = ("constant", "heuristic")
NGRAMS = (1, 2, 3, 4)
MATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Lengths of the n-grams that llama.cpp looks up."""


Runner = Callable[[Sequence[Method]], Sequence[Row]]
"""Runs methods side by side on the tuning prompts, and gives their rows."""

Trial = dict[str, object]


def fastest_settings(starts: Sequence[Method], run: Runner) -> tuple[Method, list[Trial]]:
    """The fastest settings found.

    Args:
        starts: Where to begin, at least one method: the climb sets out from the fastest of them.
        run: Runs methods on the tuning prompts.

    Returns:
        The best method, and everything tried with its speed relative to the best before it.
    """
    trials: list[Trial] = []

    def select(methods: Sequence[Method]) -> list[Method]:
        winner, more = _fastest(methods, run)
        trials.extend(more)
        return [winner]

    best = climb(starts, neighbours, select, identity=identity, most_rounds=ROUNDS)
    return best, trials


def _fastest(methods: Sequence[Method], run: Runner) -> tuple[Method, list[Trial]]:
    """The fastest, or the first of them where none is clearly faster than that; what was tried against the first."""
    first, *others = methods
    if not others:
        return first, []
    rows = run(methods)
    speeds = [_speed(method, first, rows) for method in others]
    trials: list[Trial] = [
        {"method": method.name, "settings": method.settings, "against": first.name, "ratio": speed}
        for method, speed in zip(others, speeds, strict=True)
    ]
    speed, i = max((speed, -i) for i, speed in enumerate(speeds))
    return (others[-i] if speed > MARGIN else first), trials


def _speed(method: Method, against: Method, rows: Sequence[Row]) -> float:
    """Median over prompts of how many times as fast a method is."""
    mine = seconds_per_token(row for row in rows if row["method"] == method.name)
    theirs = seconds_per_token(row for row in rows if row["method"] == against.name)
    return median(theirs[key] / mine[key] for key in theirs)


def identity(method: Method) -> tuple[str, str]:
    """Equal for methods that do the same."""
    return type(method).__name__, json.dumps(method.settings, sort_keys=True)


def neighbours(method: Method) -> list[Method]:
    """Methods that differ from this one in one setting, by one step."""
    return list(_neighbours(method))


def _neighbours(method: Method) -> Iterator[Method]:
    match method:
        case CascadeMethod():
            for draft in drafts_beside(method.cascade.draft):
                yield replace(method, cascade=method.cascade.with_draft(draft), variant=counts(draft))
        case Assisted():
            for tokens in _steps(method.tokens):
                yield replace(method, tokens=tokens)
            for drafter in method.around.networks:
                if drafter not in (method.around.target, method.assistant):
                    yield replace(method, assistant=drafter)
            yield from (replace(method, schedule=value) for value in SCHEDULES if value != method.schedule)
            yield from (replace(method, threshold=value) for value in THRESHOLDS if value != method.threshold)
        case PromptLookup():
            yield from (replace(method, tokens=tokens) for tokens in _steps(method.tokens))
            yield from (replace(method, ngram=n) for n in NGRAMS if abs(n - method.ngram) == 1)
        case FlashSpec():
            if method.lookup:
                yield from (replace(method, lookup=lookup) for lookup in _steps(method.lookup))
            if method.drafter is not None:
                yield from (replace(method, tokens=tokens) for tokens in _steps(method.tokens))
        case LlamaNgram():
            for tokens in _steps(method.tokens):
                yield replace(method, tokens=tokens, least=min(method.least, tokens))
            yield from (replace(method, match=n) for n in _steps(method.match, MATCHES))
            yield from (replace(method, kind=kind, least=1) for kind in get_args(Kind) if kind != method.kind)
            if method.least > 1:
                yield replace(method, least=1)


def counts(draft: Draft) -> str:
    """The counts of a draft in brackets, inner drafts after their step."""
    parts = [f"{step.by} {count_of(step)}{' ' + counts(step.draft) if step.draft else ''}" for step in draft]
    return f"[{', '.join(parts)}]"


def drafts_beside(draft: Draft) -> Iterator[Draft]:
    """Drafts with one count a step up or down the ladder, and drafts without one of several steps."""

    def edits(i: int) -> Iterator[Edit]:
        yield from (Edit(1, (step,)) for step in _steps_beside(draft[i]))
        if len(draft) > 1:
            yield DROPPED

    return edited(draft, edits)


def _steps_beside(step: Step) -> Iterator[Step]:
    yield from counted(step, _steps(count_of(step)))
    yield from nested(step, drafts_beside)


def _steps(value: int, ladder: Sequence[int] = LADDER) -> list[int]:
    """The next count of the ladder below, and the next above."""
    below = [count for count in ladder if count < value][-1:]
    above = [count for count in ladder if count > value][:1]
    return below + above
