"""Measured rows put together by method: decoding seconds and tokens by prompt, calls and their time.

The speedup of a method is the baseline's decoding seconds a token over its own, with seconds and tokens added up over
prompts first: every token weighs the same. Where several files are read, the rows of a method are held against the
baseline's of the same file, with which they were measured in turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.model import Draft, InputError
from analysis.model.records.runs import MeasuredRun, PromptId, read_runs
from analysis.model.resampling import interval_95, prompt_weights

Vector = NDArray[np.float64]
Repeat = tuple[int, int]
"""A file and one of the repeats in it."""


@dataclass(frozen=True)
class OnePrompt:
    """What a method did on one prompt.

    Attributes:
        runs: By repeat, one or more.
    """

    runs: Mapping[Repeat, MeasuredRun]

    @property
    def prompt_tokens(self) -> int:
        """Length of the prompt."""
        return next(iter(self.runs.values())).prompt_tokens

    @property
    def seconds(self) -> dict[Repeat, float]:
        """Decoding seconds by repeat."""
        return {repeat: run.seconds for repeat, run in self.runs.items()}

    @property
    def tokens(self) -> dict[Repeat, int]:
        """Generated tokens by repeat."""
        return {repeat: run.tokens for repeat, run in self.runs.items()}

    @property
    def cycles(self) -> int:
        """Cycles of all repeats."""
        return sum(run.cycle_count for run in self.runs.values())

    @property
    def calls(self) -> Counter[tuple[str, int]]:
        """Number of calls by (model, tokens fed), of all repeats."""
        found: Counter[tuple[str, int]] = Counter()
        for run in self.runs.values():
            for model, by_size in run.sizes.items():
                for q, n in by_size.items():
                    found[model, q] += n
        return found

    @property
    def call_seconds(self) -> dict[str, float]:
        """Seconds inside the calls by model, of all repeats."""
        found: dict[str, float] = {}
        for run in self.runs.values():
            for model, seconds in run.call_seconds.items():
                found[model] = found.get(model, 0.0) + seconds
        return found


@dataclass(frozen=True)
class MeasuredMethod:
    """All rows of a method.

    Attributes:
        name: Of the method.
        draft: What it ran; None for another program.
        prompts: By prompt id.
    """

    name: str
    draft: Draft | None
    prompts: Mapping[PromptId, OnePrompt]

    @property
    def repeats(self) -> list[Repeat]:
        """Repeats that any prompt has."""
        return sorted({repeat for one in self.prompts.values() for repeat in one.runs})

    @property
    def files(self) -> frozenset[int]:
        """Files with rows of it."""
        return frozenset(file for file, _ in self.repeats)

    def seconds(self, ids: Sequence[PromptId]) -> Vector:
        """Decoding seconds by prompt, of all repeats."""
        return np.array([sum(self.prompts[key].seconds.values()) for key in ids])

    def tokens(self, ids: Sequence[PromptId]) -> Vector:
        """Generated tokens by prompt, of all repeats."""
        return np.array([sum(self.prompts[key].tokens.values()) for key in ids], dtype=np.float64)

    def tokens_a_text(self, ids: Sequence[PromptId]) -> float:
        """Mean tokens of a text."""
        return float(self.tokens(ids).sum()) / sum(len(self.prompts[key].runs) for key in ids)

    def only(self, chosen: Collection[Repeat]) -> MeasuredMethod:
        """Its rows of some repeats, on the prompts that have any."""
        kept = {
            key: OnePrompt({repeat: run for repeat, run in one.runs.items() if repeat in chosen})
            for key, one in self.prompts.items()
        }
        return replace(self, prompts={key: one for key, one in kept.items() if one.runs})

    def tokens_per_cycle(self, ids: Sequence[PromptId]) -> float | None:
        """Mean tokens of a cycle; None where the rows do not tell of cycles."""
        cycles = sum(self.prompts[key].cycles for key in ids)
        return float(self.tokens(ids).sum()) / cycles if cycles else None


def read_measured(paths: Iterable[str | Path]) -> dict[str, MeasuredMethod]:
    """Read measured rows, by method.

    Raises:
        InputError: naming the file, the line, and what is wrong there, or the method that ran different drafts.
    """
    drafts: dict[str, Draft | None] = {}
    runs: dict[str, dict[PromptId, dict[Repeat, MeasuredRun]]] = {}
    for run in read_runs(*paths, programs=True):
        drafts[run.method] = run.draft if run.is_cascade else None
        runs.setdefault(run.method, {}).setdefault(run.prompt, {})[run.file, run.repeat] = run
    return {
        method: MeasuredMethod(method, drafts[method], {key: OnePrompt(one) for key, one in found.items()})
        for method, found in runs.items()
    }


def shared_ids(methods: Iterable[MeasuredMethod]) -> list[PromptId]:
    """Prompts that all methods have run, in the order of the first."""
    listed = list(methods)
    return [key for key in listed[0].prompts if all(key in other.prompts for other in listed)]


class Speedups:
    """Measured speedups of many methods over a baseline, with one bootstrap over prompts for all.

    Args:
        methods: By name, the baseline included.
        baseline: Its name.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        InputError: where there is nothing to compare with, or no prompt in common.
    """

    def __init__(self, methods: Mapping[str, MeasuredMethod], baseline: str, resamples: int, seed: int) -> None:
        if baseline not in methods:
            raise InputError("baseline", f"no measured rows of {baseline!r}")
        self.methods = methods
        self.baseline = baseline
        self.ids = shared_ids(methods.values())
        if not self.ids:
            raise InputError("measured", "no prompt that every method has run")
        self._partners = {name: self._partner(name) for name in methods}
        self._columns: dict[str, tuple[Vector, Vector]] = {}
        self._weights = prompt_weights(len(self.ids), resamples, np.random.default_rng(seed))

    def partner(self, method: str) -> MeasuredMethod:
        """The baseline's rows that a method is held against: those of the same files."""
        return self._partners[method]

    def point(self, method: str, chosen: NDArray[np.bool_] | None = None) -> float:
        """The speedup of a method, on all prompts or some."""
        weights = np.ones(len(self.ids)) if chosen is None else chosen.astype(np.float64)
        return float(self._ratio(method, weights[None])[0])

    def draws(self, method: str) -> Vector:
        """The speedup of a method in every resample of prompts, the same resamples for all methods."""
        return self._ratio(method, self._weights)

    def interval(self, method: str) -> tuple[float, float]:
        """95 % interval of the speedup on prompts of this kind, as many."""
        return interval_95(self.draws(method))

    def _partner(self, method: str) -> MeasuredMethod:
        base, files = self.methods[self.baseline], self.methods[method].files
        found = base.only({repeat for repeat in base.repeats if repeat[0] in files})
        if any(key not in found.prompts for key in self.ids):
            raise InputError("measured", f"no rows of {self.baseline!r} in the file with those of {method!r}")
        return found

    def _ratio(self, method: str, weights: Vector) -> Vector:
        """Seconds a token of the baseline over those of the method, in each row of weights."""
        if method not in self._columns:
            both = self._partners[method], self.methods[method]
            self._columns[method] = (
                np.stack([rows.seconds(self.ids) for rows in both]),
                np.stack([rows.tokens(self.ids) for rows in both]),
            )
        seconds, tokens = self._columns[method]
        base_rate, own_rate = (weights @ seconds.T / (weights @ tokens.T)).T
        ratio: Vector = base_rate / own_rate
        return ratio
