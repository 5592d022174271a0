"""What a calibration file says beyond a specification: call times by size and context, the loop's own time, policy."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.model.cascade import Cascade
from analysis.model.fields import InputError, inside, mapping, number, sequence
from analysis.model.files import read_cascade

MAX_GRAM = "maxgram"
_TABLES = ("median", "first_call", "following_calls")


@dataclass(frozen=True)
class CallTimes:
    """Seconds of a model's call by the tokens it is fed and the tokens its cache holds.

    Between two measured sizes or contexts they are interpolated linearly. Beyond the last one the line through the
    last two goes on; below the first one the first holds.

    Attributes:
        contexts: Tokens held, ascending, >= 0.
        sizes: Tokens fed, q, ascending, the first is 1.
        seconds: ``seconds[context][size]``, > 0.
    """

    contexts: tuple[int, ...]
    sizes: tuple[int, ...]
    seconds: tuple[tuple[float, ...], ...]

    def at(self, q: int, held: float) -> float:
        """Seconds of a call on q tokens after `held` ones."""
        return max(0.0, _on_line(self.contexts, [_on_line(self.sizes, row, q) for row in self.seconds], held))


@dataclass(frozen=True)
class LoopSeconds:
    """The decoding loop's own time, outside the models' calls, in seconds.

    Attributes:
        per_cycle: Of each cycle, the target's review included, >= 0.
        per_review: Of each inner review, >= 0.
        per_drafted_token: Of each token that a leaf step drafts, >= 0.
    """

    per_cycle: float = 0.0
    per_review: float = 0.0
    per_drafted_token: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """A calibration: a cascade without a draft, and how its models behave on a device.

    Attributes:
        cascade: Models, acceptances, standard errors; no draft.
        drafters: Names of the drafters, those that can review first, the dearer before the cheaper.
        statistical: Those of the drafters that cannot review.
        times: Call times of the target and the neural drafters; of a drafter, the mean of a few calls in a row.
        cold: Call times of drafters for the first call after one of the target; empty where not told apart.
        warm: The same for the calls that follow.
        reference: Tokens held to which the costs refer.
        propose: Seconds of one proposal of each statistical drafter.
        loop: The loop's own time.
        max_new_tokens: Greatest number of tokens of a recorded text; None where the file does not say.
        details: All of `meta.calibration`.
    """

    cascade: Cascade
    drafters: tuple[str, ...]
    statistical: frozenset[str]
    times: Mapping[str, CallTimes]
    cold: Mapping[str, CallTimes]
    warm: Mapping[str, CallTimes]
    reference: int
    propose: Mapping[str, float]
    loop: LoopSeconds
    max_new_tokens: int | None
    details: Mapping[str, object]

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.cascade.target

    @property
    def neural(self) -> tuple[str, ...]:
        """The drafters that can review."""
        return tuple(name for name in self.drafters if name not in self.statistical)

    @property
    def unit(self) -> float:
        """Seconds of a one-token target call at the reference context."""
        return self.times[self.target].at(1, self.reference)


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises:
        InputError: naming the file or its field that is wrong or missing.
    """
    return calibration_of(read_cascade(path, needs_draft=False))


def calibration_of(cascade: Cascade) -> Calibration:
    """The calibration that a specification carries in `meta.calibration`."""
    meta = mapping(cascade.meta if cascade.meta is not None else {}, "meta")
    if "calibration" not in meta:
        raise InputError("meta.calibration", "missing, expected a file written by `python -m realrun calibrate`")
    details = mapping(meta["calibration"], "meta.calibration")
    tables: dict[str, dict[str, CallTimes]] = {key: {} for key in _TABLES}
    propose: dict[str, float] = {}
    with inside("meta.calibration"):
        for name, entry in mapping(details.get("seconds", {}), "seconds").items():
            with inside(f"seconds.{name}"):
                fields = mapping(entry, "")
                if "propose" in fields:
                    propose[name] = number(mapping(fields["propose"], "propose").get("median"), "propose.median", 0)
                for key, table in tables.items() if "propose" not in fields else ():
                    if key in fields or key == "median":
                        table[name] = _read_times(fields, key)
        loop = _read_loop(details.get("loop_seconds", {}))
        limit = details.get("max_new_tokens")
        max_new_tokens = None if limit is None else int(number(limit, "max_new_tokens", 1))
        times = tables["median"]
        if cascade.target not in times:
            raise InputError(f"seconds.{cascade.target}", "missing, expected the target's call times")
        contexts = times[cascade.target].contexts
        reference = int(number(details.get("reference_context", contexts[len(contexts) // 2]), "reference_context", 0))
    drafters, statistical = _ordered(cascade, frozenset(propose))
    for name in drafters:
        if name not in times and name not in statistical:
            raise InputError(f"meta.calibration.seconds.{name}", "missing, expected this drafter's call times")
    return Calibration(
        cascade=cascade.with_draft(()),
        drafters=drafters,
        statistical=statistical,
        times=times,
        cold=tables["first_call"],
        warm=tables["following_calls"],
        reference=reference,
        propose=propose,
        loop=loop,
        max_new_tokens=max_new_tokens,
        details=details,
    )


def _ordered(cascade: Cascade, proposing: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Drafters as they may review each other: a reviewer of many before one of few, equals by falling cost."""
    drafters = [name for name in cascade.models if name != cascade.target]
    statistical = proposing | {name for name in drafters if _loaded_by(cascade, name) == MAX_GRAM}

    def key(name: str) -> tuple[bool, int, float]:
        return name in statistical, -len(cascade.acceptance.get(name, {})), -cascade.cost(name).at(1)

    return tuple(sorted(drafters, key=key)), statistical & set(drafters)


def _loaded_by(cascade: Cascade, name: str) -> object:
    load = cascade.models[name].load
    return load.get("name") if isinstance(load, Mapping) else load


def _read_times(fields: Mapping[str, object], key: str) -> CallTimes:
    contexts, sizes, seconds = (sequence(fields.get(each), each) for each in ("contexts", "q", key))
    if not contexts or not sizes or len(seconds) != len(contexts):
        raise InputError(key, f"has {len(seconds)} rows, expected one for each of {len(contexts)} contexts, >= 1")
    rows = []
    for i, row in enumerate(seconds):
        values = [number(value, f"{key}[{i}]", 0) for value in sequence(row, f"{key}[{i}]")]
        if len(values) != len(sizes):
            raise InputError(f"{key}[{i}]", f"has {len(values)} entries, expected one for each of {len(sizes)} sizes")
        rows.append(tuple(values))
    return CallTimes(_ascending(contexts, "contexts", 0), _ascending(sizes, "q", 1), tuple(rows))


def _ascending(values: Sequence[object], field: str, least: int) -> tuple[int, ...]:
    whole = tuple(int(number(value, field, least)) for value in values)
    if any(b <= a for a, b in itertools.pairwise(whole)):
        raise InputError(field, "expected ascending numbers")
    return whole


def _read_loop(value: object) -> LoopSeconds:
    fields = mapping(value, "loop_seconds")
    keys = ("per_cycle", "per_review", "per_drafted_token")
    return LoopSeconds(*(max(0.0, number(fields.get(key, 0.0), f"loop_seconds.{key}", -1)) for key in keys))


def _on_line(points: Sequence[int], values: Sequence[float], x: float) -> float:
    """Piecewise linear through the points; constant before the first, the last piece goes on after the last."""
    if x <= points[0] or len(points) == 1:
        return values[0]
    i = min(bisect_right(points, x), len(points) - 1)
    share = (x - points[i - 1]) / (points[i] - points[i - 1])
    return values[i - 1] + share * (values[i] - values[i - 1])
