"""Measured rows of real runs, put together by method: decoding seconds and tokens by prompt, calls and their time.

Decoding seconds are those of the whole run without the prefill of any model. The speedup of a method is the baseline's
decoding seconds a token over its own, with seconds and tokens added up over prompts first: every token weighs the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError, parse_json, read_text
from analysis.model.fields import inside, mapping, name, number

Vector = NDArray[np.float64]
Key = str | int


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
    seconds: dict[int, float] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)
    cycles: int = 0
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    call_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """All rows of a method.

    Attributes:
        name: Of the method.
        settings: What it ran, as its rows tell.
        prompts: By prompt id.
    """

    name: str
    settings: Mapping[str, object]
    prompts: Mapping[Key, OnePrompt]

    @property
    def repeats(self) -> list[int]:
        """Repeats that every prompt has."""
        common = set.intersection(*(set(one.seconds) for one in self.prompts.values()))
        return sorted(common)

    def seconds(self, ids: Sequence[Key], repeat: int | None = None) -> Vector:
        """Decoding seconds by prompt, of one repeat or of all."""
        return _column((self.prompts[key].seconds for key in ids), repeat)

    def tokens(self, ids: Sequence[Key], repeat: int | None = None) -> Vector:
        """Generated tokens by prompt, of one repeat or of all."""
        return _column((self.prompts[key].tokens for key in ids), repeat)

    @property
    def tokens_per_cycle(self) -> float:
        """Mean tokens of a cycle."""
        tokens = sum(sum(one.tokens.values()) for one in self.prompts.values())
        return tokens / sum(one.cycles for one in self.prompts.values())


def _column(by_repeat: Iterable[Mapping[int, int] | Mapping[int, float]], repeat: int | None) -> Vector:
    return np.array([sum(each.values()) if repeat is None else each[repeat] for each in by_repeat], dtype=np.float64)


def read_measured(paths: Iterable[str | Path]) -> dict[str, Measured]:
    """Read measured rows, by method. A line cut off at a file's end is left out.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    settings: dict[str, Mapping[str, object]] = {}
    prompts: dict[str, dict[Key, OnePrompt]] = defaultdict(dict)
    for path in paths:
        text = read_text(path)
        lines = text.split("\n")
        for i, line in enumerate(lines, start=1):
            if not line.strip() or (i == len(lines) and not _is_whole(line)):
                continue
            with inside(f"{path}, line {i}"):
                row = mapping(parse_json(line, str(path), first_line=i), "")
                if "method" not in row:
                    continue  # a header or a note
                method = name(row["method"], "method")
                settings.setdefault(method, mapping(row.get("settings", {}), "settings"))
                _add(prompts[method], row)
    if not prompts:
        raise InputError("--measured", "no row with a `method`")
    return {method: Measured(method, settings[method], found) for method, found in prompts.items()}


def _is_whole(line: str) -> bool:
    return line.rstrip().endswith("}")


def _add(prompts: dict[Key, OnePrompt], row: Mapping[str, object]) -> None:
    key = row.get("id")
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError("id", f"got {key!r}, expected a string or a whole number")
    one = prompts.setdefault(key, OnePrompt(int(number(row.get("prompt_tokens", 1), "prompt_tokens", 1))))
    repeat = int(number(row.get("repeat", 0), "repeat", 0))
    if repeat in one.seconds:
        raise InputError("repeat", f"{repeat} of prompt {key!r} is there twice")
    tokens = row.get("tokens")
    one.tokens[repeat] = len(tokens) if isinstance(tokens, list) else int(number(tokens, "tokens", 1))
    one.seconds[repeat] = number(row.get("seconds"), "seconds", 0) - number(
        row.get("prefill_seconds", 0), "prefill_seconds", 0
    )
    if not one.seconds[repeat] > 0:
        raise InputError("seconds", "expected more than the prefill's")
    one.cycles += int(number(row.get("cycles", 0), "cycles", 0))
    for model, item in mapping(row.get("calls", {}), "calls").items():
        fields = mapping(item, f"calls.{model}")
        seconds = number(fields.get("seconds", 0), f"calls.{model}.seconds", 0)
        one.call_seconds[model] = one.call_seconds.get(model, 0.0) + seconds
        for q, n in mapping(fields.get("q", {}), f"calls.{model}.q").items():
            one.calls[model, int(q)] += int(number(n, f"calls.{model}.q.{q}", 0))


def shared_ids(methods: Iterable[Measured]) -> list[Key]:
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
    """

    def __init__(self, methods: Mapping[str, Measured], baseline: str, resamples: int, seed: int) -> None:
        if baseline not in methods:
            raise InputError("--baseline", f"no measured rows of {baseline!r}")
        self.methods = methods
        self.baseline = baseline
        self.ids = shared_ids(methods.values())
        if not self.ids:
            raise InputError("--measured", "no prompt that every method has run")
        generator = np.random.default_rng(seed)
        count = len(self.ids)
        self._columns: dict[tuple[str, int | None], tuple[Vector, Vector]] = {}
        self._weights = generator.multinomial(count, np.full(count, 1 / count), resamples)

    def point(self, method: str, repeat: int | None = None, chosen: NDArray[np.bool_] | None = None) -> float:
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

    def _ratio(self, method: str, weights: Vector, repeat: int | None) -> Vector:
        per_token = []
        for each in (self.baseline, method):
            if (each, repeat) not in self._columns:
                rows = self.methods[each]
                self._columns[each, repeat] = rows.seconds(self.ids, repeat), rows.tokens(self.ids, repeat)
            seconds, tokens = self._columns[each, repeat]
            per_token.append((weights @ seconds) / (weights @ tokens))
        ratio: Vector = per_token[0] / per_token[1]
        return ratio
