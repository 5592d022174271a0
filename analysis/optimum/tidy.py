"""A draft with neighbouring rounds of one drafter in order, so that equal ones are written as one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import groupby

from analysis.model import Draft, Step, longest
from analysis.optimum.programme import merged
from analysis.optimum.trim import LOSS


def tidied(draft: Draft, value: Callable[[Draft], float]) -> Draft:
    """Sort runs of steps by one drafter, longer inner drafts first, where that leaves the value as it is."""
    enough = value(draft) * (1 - LOSS)
    return _tidied(draft, lambda other: value(other) >= enough)


def _tidied(draft: Draft, suffices: Callable[[Draft], bool]) -> Draft:
    runs = [list(run) for _, run in groupby(draft, key=lambda step: step.by)]
    for i, run in enumerate(runs):
        runs[i] = sorted(run, key=_order)
        if runs[i] != run and not suffices(_joined(runs)):
            runs[i] = run
    draft = _joined(runs)
    for i, step in enumerate(draft):
        if step.draft:
            draft = (
                *draft[:i],
                replace(step, draft=_tidied(step.draft, partial(_within, draft, i, suffices))),
                *draft[i + 1 :],
            )
    return draft


def _within(draft: Draft, i: int, suffices: Callable[[Draft], bool], inner: Draft) -> bool:
    return suffices((*draft[:i], replace(draft[i], draft=inner), *draft[i + 1 :]))


def _order(step: Step) -> tuple[int, str]:
    """Rounds before tokens, over longer inner drafts before shorter ones."""
    return (-longest(step.draft), repr(step.draft))


def _joined(runs: list[list[Step]]) -> Draft:
    return merged([step for run in runs for step in run])
