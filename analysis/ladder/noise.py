"""The noise floor: how far two measurements of the same cascade lie apart."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np

from analysis.ladder.measured import Speedups
from analysis.model import Draft, Step


def noise_floor(speedups: Speedups) -> dict[str, object]:
    """Differences of measured speedups of one and the same cascade on the same prompts, as shares.

    Between repeats of a method, and between methods under different names whose drafts are the same, or differ only in
    one drafter's tokens being written as two steps. `expected_error` is what
    a perfect prediction for these very prompts would still be off by because of it: the median of |a - b| / sqrt(2) for
    one measurement, over the square root of the number of repeats where they are averaged. Without repeats, methods
    under two names serve.
    """
    between: list[float] = []
    for name, method in speedups.methods.items():
        if name == speedups.baseline:
            continue
        shared = sorted({*method.repeats} & {*speedups.methods[speedups.baseline].repeats})
        for a, b in itertools.combinations(shared, 2):
            between.append(abs(math.log(speedups.point(name, a) / speedups.point(name, b))))
    twice: dict[str, float] = {}
    for one, other in itertools.combinations(speedups.methods.values(), 2):
        if one.draft is not None and other.draft is not None and _merged(one.draft) == _merged(other.draft):
            twice[f"{one.name} / {other.name}"] = abs(math.log(speedups.point(one.name) / speedups.point(other.name)))
    repeats = max(1, min(len(method.repeats) for method in speedups.methods.values()))
    expected = None
    if between:
        expected = float(np.median(between)) / math.sqrt(2 * repeats)
    elif twice:
        expected = float(np.median(list(twice.values()))) / math.sqrt(2)
    return {
        "repeats": repeats,
        "between_repeats": float(np.median(between)) if between else None,
        "between_names": twice,
        "expected_error": expected,
    }


def _merged(draft: Draft) -> Draft:
    """The same draft with neighbouring leaf steps of one drafter as one."""
    found: list[Step] = []
    for step in draft:
        if found and step.tokens and found[-1].tokens and step.by == found[-1].by:
            found[-1] = replace(step, tokens=found[-1].tokens + step.tokens)
        else:
            found.append(replace(step, draft=_merged(step.draft)) if step.draft else step)
    return tuple(found)
