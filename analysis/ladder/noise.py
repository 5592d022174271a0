"""The noise floor: what a perfect prediction would be off by, because of the stopwatch.

A cascade measured twice on the same prompts made the same calls, so its seconds a token differ by the stopwatch's noise
alone. How much the two differ from prompt to prompt tells the standard error of the log ratio of their totals
(jackknife), so a single pair suffices; being two noisy measurements, each carries half of the variance. What made one
of them slower as a whole, as another file's machine, is not in it: the baseline measured in turns has it too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.ladder.measured import MeasuredMethod, Repeat, Speedups
from analysis.model import Draft, Step
from analysis.model.records.runs import PromptId

MEDIAN_OF_NORMAL = 0.6745
"""Median of the absolute value of a standard normal variate."""

Timed = tuple[MeasuredMethod, Repeat]
"""One measurement: a method and one of its repeats."""


@dataclass(frozen=True)
class Pair:
    """Two measurements of one cascade.

    Attributes:
        names: Of the methods, with file and repeat.
        log_ratio: Of their seconds a token.
        standard_error: Of that.
    """

    names: tuple[str, str]
    log_ratio: float
    standard_error: float


def noise_floor(speedups: Speedups) -> dict[str, object]:
    """The stopwatch's noise, as shares, and `expected_error`, the median absolute error that it causes by itself.

    Pairs are repeats of a method, in one file or several, and methods under different names whose drafts are the same
    or differ only in one drafter's tokens being written as two steps. Where the baseline was measured once, its noise
    is taken to be that of a method. Averaging over repeats lessens either.
    """
    groups: dict[object, list[Timed]] = {}
    for method in speedups.methods.values():
        groups.setdefault(_cascade(method), []).extend((method, repeat) for repeat in method.repeats)
    of_baseline = _pairs(groups.pop(_cascade(speedups.methods[speedups.baseline])), speedups.ids)
    of_methods = [pair for group in groups.values() for pair in _pairs(group, speedups.ids)]
    once = _one_measurement(of_methods)
    base_once = once if not of_baseline else _one_measurement(of_baseline)
    others = [name for name in speedups.methods if name != speedups.baseline]
    repeats = min(_repeats(speedups.methods[name], speedups.ids) for name in others)
    base_repeats = min(_repeats(speedups.partner(name), speedups.ids) for name in others)
    expected = None
    if once is not None and base_once is not None:
        expected = MEDIAN_OF_NORMAL * math.sqrt(once**2 / repeats + base_once**2 / base_repeats)
    return {
        "repeats": repeats,
        "pairs": len(of_methods),
        "median_log_ratio": float(np.median([abs(pair.log_ratio) for pair in of_methods])) if of_methods else None,
        "standard_error": once,
        "baseline_repeats": base_repeats,
        "baseline_pairs": len(of_baseline),
        "baseline_standard_error": base_once,
        "expected_error": expected,
        "between": [
            {"names": [*pair.names], "log_ratio": pair.log_ratio, "standard_error": pair.standard_error}
            for pair in (*of_methods, *of_baseline)
        ],
    }


def _cascade(method: MeasuredMethod) -> object:
    """What is equal for methods that are the same cascade."""
    return method.name if method.draft is None else _merged(method.draft)


def _pairs(measurements: Sequence[Timed], ids: Sequence[PromptId]) -> list[Pair]:
    """Every two of the measurements of one cascade, on the prompts that both have, three or more."""
    found = []
    for (one, a), (other, b) in itertools.combinations(measurements, 2):
        runs = [
            (one.prompts[key].runs[a], other.prompts[key].runs[b])
            for key in ids
            if a in one.prompts[key].runs and b in other.prompts[key].runs
        ]
        if len(runs) > 2:
            totals = np.array([(x.seconds, x.tokens, y.seconds, y.tokens) for x, y in runs])
            names = _label(one, a), _label(other, b)
            found.append(Pair(names, *_log_ratio(totals)))
    return found


def _label(method: MeasuredMethod, repeat: Repeat) -> str:
    return f"{method.name}, file {repeat[0]}, repeat {repeat[1]}"


def _log_ratio(totals: NDArray[np.float64]) -> tuple[float, float]:
    """Log ratio of two measurements' seconds a token over all prompts, and its standard error by the jackknife.

    Args:
        totals: By prompt, seconds and tokens of the one and of the other.
    """
    whole = totals.sum(axis=0)
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    without = np.log(whole - totals) @ signs
    n = len(totals)
    return float(np.log(whole) @ signs), math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))


def _one_measurement(pairs: Sequence[Pair]) -> float | None:
    """Standard error of one measurement's log seconds a token; None without pairs."""
    if not pairs:
        return None
    return math.sqrt(float(np.mean([pair.standard_error**2 for pair in pairs])) / 2)


def _repeats(method: MeasuredMethod, ids: Sequence[PromptId]) -> int:
    """Repeats that every one of the prompts has at least."""
    return min(len(method.prompts[key].runs) for key in ids)


def _merged(draft: Draft) -> Draft:
    """The same draft with neighbouring leaf steps of one drafter as one."""
    found: list[Step] = []
    for step in draft:
        if found and step.tokens and found[-1].tokens and step.by == found[-1].by:
            found[-1] = replace(step, tokens=found[-1].tokens + step.tokens)
        else:
            found.append(replace(step, draft=_merged(step.draft)) if step.draft else step)
    return tuple(found)
