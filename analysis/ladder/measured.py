"""Measured rows put together by method: decoding seconds and tokens by prompt, calls and their time.

The speedup of a method is the baseline's decoding seconds a token over its own, with seconds and tokens added up over
prompts first: every token weighs the same. Where several files are read, the rows of a method are held against the
baseline's of the same file, with which they were measured in turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.measured_rows import PromptId, Run, read_all_runs
from analysis.model import Draft, InputError

Vector = NDArray[np.float64]
Repeat = tuple[int, int]
"""A file and one of the repeats in it."""


@dataclass
class OnePrompt:
    """What a method did on one prompt, all repeats added up.

    Attributes:
        prompt_tokens: Length of the prompt.
        seconds: Decoding seconds by repeat.
        tokens: Generated tokens by repeat.
        cycles: Cycles.
        calls: Number of calls by (model, tokens fed).
        call_seconds: Seconds inside the calls by model.
    """

    prompt_tokens: int
    seconds: dict[Repeat, float] = field(default_factory=dict)
    tokens: dict[Repeat, int] = field(default_factory=dict)
    cycles: int = 0
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    call_seconds: dict[str, float] = field(default_factory=dict)

    def add(self, run: Run) -> None:
        """Add one run."""
        repeat = run.file, run.repeat
        self.seconds[repeat], self.tokens[repeat] = run.seconds, run.tokens
        self.cycles += run.cycle_count
        for model, by_size in run.sizes.items():
            for q, n in by_size.items():
                self.calls[model, q] += n
        for model, seconds in run.call_seconds.items():
            self.call_seconds[model] = self.call_seconds.get(model, 0.0) + seconds


@dataclass(frozen=True)
class Measured:
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
        """Repeats that every prompt has."""
        common = set.intersection(*(set(one.seconds) for one in self.prompts.values()))
        return sorted(common)

    @property
    def files(self) -> frozenset[int]:
        """Files with rows of it."""
        return frozenset(file for one in self.prompts.values() for file, _ in one.seconds)

    def seconds(self, ids: Sequence[PromptId], chosen: Collection[Repeat] | None = None) -> Vector:
        """Decoding seconds by prompt, of some repeats or of all."""
        return _column((self.prompts[key].seconds for key in ids), chosen)

    def tokens(self, ids: Sequence[PromptId], chosen: Collection[Repeat] | None = None) -> Vector:
        """Generated tokens by prompt, of some repeats or of all."""
        return _column((self.prompts[key].tokens for key in ids), chosen)

    def within(self, files: Collection[int]) -> set[Repeat]:
        """Its repeats in some files."""
        return {repeat for one in self.prompts.values() for repeat in one.seconds if repeat[0] in files}

    def tokens_per_cycle(self, ids: Sequence[PromptId]) -> float | None:
        """Mean tokens of a cycle; None where the rows do not tell of cycles."""
        cycles = sum(self.prompts[key].cycles for key in ids)
        return float(self.tokens(ids).sum()) / cycles if cycles else None


def _column(
    by_repeat: Iterable[Mapping[Repeat, int] | Mapping[Repeat, float]], chosen: Collection[Repeat] | None
) -> Vector:
    sums = (sum(value for key, value in each.items() if chosen is None or key in chosen) for each in by_repeat)
    return np.fromiter(sums, dtype=np.float64)


def read_measured(paths: Iterable[str | Path]) -> dict[str, Measured]:
    """Read measured rows, by method.

    Raises:
        InputError: naming the file, the line, and what is wrong there, or the method that ran different drafts.
    """
    drafts: dict[str, Draft | None] = {}
    prompts: dict[str, dict[PromptId, OnePrompt]] = {}
    for run in read_all_runs(paths):
        draft = run.draft if run.is_cascade else None
        if drafts.setdefault(run.method, draft) != draft:
            raise InputError("--measured", f"rows of {run.method!r} tell of different drafts")
        prompts.setdefault(run.method, {}).setdefault(run.prompt, OnePrompt(run.prompt_tokens)).add(run)
    if not prompts:
        raise InputError("--measured", "no row with a `method`")
    return {method: Measured(method, drafts[method], found) for method, found in prompts.items()}


def shared_ids(methods: Iterable[Measured]) -> list[PromptId]:
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

    def __init__(self, methods: Mapping[str, Measured], baseline: str, resamples: int, seed: int) -> None:
        if baseline not in methods:
            raise InputError("--baseline", f"no measured rows of {baseline!r}")
        self.methods = methods
        self.baseline = baseline
        self.ids = shared_ids(methods.values())
        if not self.ids:
            raise InputError("--measured", "no prompt that every method has run")
        self._partners = {name: self._partner(name) for name in methods}
        generator = np.random.default_rng(seed)
        count = len(self.ids)
        self._columns: dict[tuple[str, Repeat | None], tuple[Vector, Vector]] = {}
        self._weights = generator.multinomial(count, np.full(count, 1 / count), resamples)

    def point(self, method: str, repeat: Repeat | None = None, chosen: NDArray[np.bool_] | None = None) -> float:
        """The speedup of a method, of all repeats or one, on all prompts or some."""
        weights = np.ones(len(self.ids)) if chosen is None else chosen.astype(np.float64)
        return float(self._ratio(method, weights[None], repeat)[0])

    def draws(self, method: str) -> Vector:
        """The speedup of a method in every resample of prompts, the same resamples for all methods."""
        return self._ratio(method, self._weights.astype(np.float64), None)

    def interval(self, method: str) -> tuple[float, float]:
        """95 % interval of the speedup on prompts of this kind, as many."""
        low, high = np.quantile(self.draws(method), [0.025, 0.975])
        return float(low), float(high)

    def _partner(self, method: str) -> set[Repeat]:
        """The baseline's repeats that a method is held against."""
        base = self.methods[self.baseline]
        found = base.within(self.methods[method].files)
        if any(not found.intersection(base.prompts[key].seconds) for key in self.ids):
            raise InputError("--measured", f"no rows of {self.baseline!r} in the file with those of {method!r}")
        return found

    def _ratio(self, method: str, weights: Vector, repeat: Repeat | None) -> Vector:
        """Seconds a token of the baseline over those of the method, in each row of weights."""
        if (method, repeat) not in self._columns:
            base = self._partners[method] if repeat is None else {repeat}
            per_prompt = []
            for rows, chosen in (
                (self.methods[self.baseline], base),
                (self.methods[method], None if repeat is None else {repeat}),
            ):
                per_prompt += [rows.seconds(self.ids, chosen), rows.tokens(self.ids, chosen)]
            self._columns[method, repeat] = np.stack(per_prompt[::2]), np.stack(per_prompt[1::2])
        seconds, tokens = self._columns[method, repeat]
        base_rate, own_rate = (weights @ seconds.T / (weights @ tokens.T)).T
        ratio: Vector = base_rate / own_rate
        return ratio
