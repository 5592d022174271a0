"""What a calibration file says beyond a specification: call times by size and context, the loop's own time, policy.

The file's tables of call times are medians of a few dozen calls each. Their scatter is smoothed out as far as it is the
measurement's (`CallTimes.smoothed`).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.model.boundary.fields import InputError, inside, mapping, read_number, sequence
from analysis.model.boundary.reading import inside_file
from analysis.model.cascade import Cascade
from analysis.model.file import read_cascade
from analysis.model.reach import with_beyond
from analysis.model.records.call_times import CallTimes

MAX_GRAM = "maxgram"
_TABLES = {"median": 1.0, "first_call": 2.0, "following_calls": 2.0}
"""Tables of timed calls, and how much more an entry scatters than a median of means of a few calls in a row."""

_MOST = 1e9
"""Greatest number of tokens or seconds of a calibration."""
_MOST_RELATIVE = 100.0
"""Greatest standard error of a cost, over the cost."""


@dataclass(frozen=True)
class LoopSeconds:
    """The decoding loop's own time, outside the models' calls, in seconds.

    Attributes:
        per_cycle: Of each cycle, the target's review included, >= 0.
        per_review: Of each inner review, >= 0.
        per_drafted_token: Of each token that a network drafts in a leaf step, >= 0.
        per_proposal: Of each token that a statistical drafter is asked for, >= 0; far less than that of a network,
            which is chosen from logits.
    """

    per_cycle: float = 0.0
    per_review: float = 0.0
    per_drafted_token: float = 0.0
    per_proposal: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """A calibration: a cascade without a draft, and how its models behave on a device.

    Attributes:
        cascade: Models, acceptances, standard errors; no draft. Where a file does not say what holds past the end of a
            table, hazards stay as they are and call times rise on, as in the files written today.
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
    cascade = read_cascade(path, needs_draft=False)
    with inside_file(path):
        return calibration_of(cascade)


def is_calibration(cascade: Cascade) -> bool:
    """Whether a specification carries a calibration in its `meta`."""
    return isinstance(cascade.meta, Mapping) and "calibration" in cascade.meta


def calibration_of(cascade: Cascade) -> Calibration:
    """The calibration that a specification carries in `meta.calibration`."""
    if not is_calibration(cascade):
        raise InputError("meta.calibration", "missing, expected a file written by `cascade-ewif calibrate`")
    details = mapping(mapping(cascade.meta, "meta")["calibration"], "meta.calibration")
    errors = {name: _cost_error(cascade, name) for name in cascade.models}
    with inside("meta.calibration"):
        seconds = mapping(details.get("seconds", {}), "seconds")
        if cascade.target not in seconds:
            raise InputError(f"seconds.{cascade.target}", "missing, expected the target's call times")
        with inside(f"seconds.{cascade.target}"):
            contexts = _read_times(mapping(seconds[cascade.target], ""), "median").contexts
        reference = int(
            read_number(details.get("reference_context", contexts[len(contexts) // 2]), "reference_context", 0, _MOST)
        )
        tables: dict[str, dict[str, CallTimes]] = {key: {} for key in _TABLES}
        propose: dict[str, float] = {}
        for name, entry in seconds.items():
            with inside(f"seconds.{name}"):
                fields = mapping(entry, "")
                if "propose" in fields:
                    propose[name] = read_number(
                        mapping(fields["propose"], "propose").get("median"), "propose.median", 0, _MOST
                    )
                else:
                    for key, table in _read_tables(errors.get(name, 0.0), fields, reference).items():
                        tables[key][name] = table
        loop = _read_loop(details.get("loop_seconds", {}))
        limit = details.get("max_new_tokens")
        max_new_tokens = None if limit is None else int(read_number(limit, "max_new_tokens", 1, _MOST))
    times = tables["median"]
    drafters, statistical = _ordered(cascade, frozenset(propose))
    for name in drafters:
        if name not in times and name not in statistical:
            raise InputError(f"meta.calibration.seconds.{name}", "missing, expected this drafter's call times")
    if not times[cascade.target].at(1, reference) > 0:
        raise InputError(
            f"meta.calibration.seconds.{cascade.target}", "a call on one token takes no time, expected > 0"
        )
    unit = times[cascade.target].at(1, reference) / cascade.cost(cascade.target).at(1)
    untimed = {name: cascade.cost(name).at(1) * unit for name in statistical - set(propose)}
    return Calibration(
        cascade=with_beyond(cascade.with_draft(()), hazards="last", costs="linear"),
        drafters=drafters,
        statistical=statistical,
        times=times,
        cold=tables["first_call"],
        warm=tables["following_calls"],
        reference=reference,
        propose=propose | untimed,
        loop=loop,
        max_new_tokens=max_new_tokens,
        details=details,
    )


def _read_tables(error: float, fields: Mapping[str, object], reference: int) -> dict[str, CallTimes]:
    """The tables of a network, smoothed."""
    error = _error_of_table(error, fields, reference)
    kept = [key for key in _TABLES if key in fields or key == "median"]
    return {key: _read_times(fields, key).smoothed(error * _TABLES[key]) for key in kept}


def _cost_error(cascade: Cascade, name: str) -> float:
    """Root mean square relative standard error of a model's costs by tokens; 0 where the file does not tell."""
    models = mapping((cascade.uncertainty or {}).get("models", {}), "uncertainty.models")
    entry = mapping(models.get(name, {}), f"uncertainty.models.{name}").get("cost")
    given = entry.get("by_tokens") if isinstance(entry, Mapping) else None
    if not given:
        return 0.0
    errors = [read_number(error, "by_tokens", 0) for error in sequence(given, "by_tokens")]
    first = 2 if name == cascade.target else 1  # its cost on one token is 1 whatever was measured
    return _root_mean_square([relative_error(cascade, name, q, e) for q, e in enumerate(errors, 1) if q >= first])


def _error_of_table(error: float, fields: Mapping[str, object], reference: int) -> float:
    """Relative standard error of an entry of a model's table.

    The file has the standard errors of the costs, which are the entries at one context; over the whole table they are
    taken to grow with the spread of the calls. Both are root mean squares.
    """
    if error == 0 or "spread" not in fields:
        return error
    medians, spreads = _read_times(fields, "median"), _read_times(fields, "spread")
    shares = [
        [s / m if m > 0 else 0.0 for s, m in zip(*rows, strict=True)]
        for rows in zip(spreads.seconds, medians.seconds, strict=True)
    ]
    near = max((i for i, context in enumerate(medians.contexts) if context <= reference), default=0)
    there = _root_mean_square(shares[near])
    return error * _root_mean_square([s for row in shares for s in row]) / there if there > 0 else error


def relative_error(cascade: Cascade, name: str, q: int, error: float) -> float:
    """The standard error of a model's cost of a call on q tokens over that cost; 0 where there is no error.

    Raises:
        InputError: where the cost is 0, or next to nothing beside its error.
    """
    cost = cascade.cost(name).at(q)
    if error == 0:
        return 0.0
    if error > _MOST_RELATIVE * cost:
        expected = f"at least {1 / _MOST_RELATIVE:g} of its standard error, {error:g}"
        raise InputError(f"models.{name}.cost", f"got {cost:g} for a call on {q} tokens, expected {expected}")
    return error / cost


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values)) if values else 0.0


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
        values = [read_number(value, f"{key}[{i}]", 0, _MOST) for value in sequence(row, f"{key}[{i}]")]
        if len(values) != len(sizes):
            raise InputError(f"{key}[{i}]", f"has {len(values)} entries, expected one for each of {len(sizes)} sizes")
        rows.append(tuple(values))
    return CallTimes(_ascending(contexts, "contexts", 0), _ascending(sizes, "q", 1), tuple(rows))


def _ascending(values: Sequence[object], field: str, least: int) -> tuple[int, ...]:
    whole = tuple(int(read_number(value, field, least, _MOST)) for value in values)
    if any(b <= a for a, b in itertools.pairwise(whole)):
        raise InputError(field, "expected ascending numbers")
    return whole


def _read_loop(value: object) -> LoopSeconds:
    fields = mapping(value, "loop_seconds")
    parts = (
        read_number(fields.get(part.name, 0.0), f"loop_seconds.{part.name}", 0, _MOST)
        for part in dataclasses.fields(LoopSeconds)
    )
    return LoopSeconds(*parts)
