"""Timed calls of a calibration by model: seconds of networks' calls and of proposals, as measured and smoothed.

The tables are medians of a few dozen calls each. `smoothed_times` takes their scatter out as far as it is the
measurement's; reading a file leaves them as they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from analysis.model.boundary.fields import InputError, inside, mapping, read_number, sequence
from analysis.model.records.call_times import CallTimes

_MOST = 1e9
"""Greatest number of tokens or seconds of a calibration."""
_OF_FEW_CALLS = 2.0
"""How much more medians of single calls scatter than those of means of a few calls in a row."""

When = Literal["mean", "first", "following"]
"""Which of a drafter's calls after one of the target: any, the first, or one that follows it."""


@dataclass(frozen=True)
class NetworkSeconds:
    """Seconds of a network's calls by tokens held and tokens fed.

    Attributes:
        median: Medians; of a drafter, those of the mean of a few calls in a row.
        spread: Half the interquartile ranges; None where not told.
        first: Medians of a drafter's first call after one of the target; None where not told apart.
        following: The same for the calls that follow that one.
    """

    median: CallTimes
    spread: CallTimes | None = None
    first: CallTimes | None = None
    following: CallTimes | None = None

    def of(self, when: When) -> CallTimes:
        """The table of some calls; that of all where they are not told apart."""
        return {"mean": self.median, "first": self.first, "following": self.following}[when] or self.median

    def smoothed(self, error: float, reference: int) -> NetworkSeconds:
        """The same with less of the measurement's scatter (`CallTimes.smoothed`).

        Args:
            error: Relative standard error of the entries at the reference context, >= 0.
            reference: Tokens held to which it refers.
        """
        error = self._error_of_table(error, reference)
        return replace(
            self,
            median=self.median.smoothed(error),
            first=self.first and self.first.smoothed(error * _OF_FEW_CALLS),
            following=self.following and self.following.smoothed(error * _OF_FEW_CALLS),
        )

    def _error_of_table(self, error: float, reference: int) -> float:
        """Relative standard error of an entry, over the whole table: taken to grow with the spread of the calls."""
        if error == 0 or self.spread is None:
            return error
        shares = [
            [s / m if m > 0 else 0.0 for s, m in zip(*rows, strict=True)]
            for rows in zip(self.spread.seconds, self.median.seconds, strict=True)
        ]
        near = max((i for i, context in enumerate(self.median.contexts) if context <= reference), default=0)
        there = root_mean_square(shares[near])
        return error * root_mean_square([s for row in shares for s in row]) / there if there > 0 else error

    @classmethod
    def of_json(cls, fields: Mapping[str, object]) -> NetworkSeconds:
        """Read a model's entry of ``meta.calibration.seconds``."""
        tables = {at: _read_times(fields, key) for at, key in _KEYS.items() if key in fields or at == "median"}
        return cls(**tables)

    def to_json(self) -> dict[str, object]:
        """That entry."""
        tables = {key: getattr(self, at) for at, key in _KEYS.items()}
        return {
            "unit": "s",
            "contexts": list(self.median.contexts),
            "q": list(self.median.sizes),
            **{key: [list(row) for row in table.seconds] for key, table in tables.items() if table is not None},
        }


_KEYS = {"median": "median", "spread": "spread", "first": "first_call", "following": "following_calls"}
"""Keys of a network's tables in a file by attribute."""


@dataclass(frozen=True)
class ProposalSeconds:
    """Seconds of one proposal of a statistical drafter.

    Attributes:
        median: Of many, >= 0.
        spread: Half their interquartile range; None where not told.
    """

    median: float
    spread: float | None = None

    @classmethod
    def of_json(cls, fields: Mapping[str, object]) -> ProposalSeconds:
        """Read the `propose` of a model's entry of ``meta.calibration.seconds``."""
        spread = None if fields.get("spread") is None else read_number(fields["spread"], "spread", 0, _MOST)
        return cls(read_number(fields.get("median"), "median", 0, _MOST), spread)

    def to_json(self) -> dict[str, object]:
        """That object."""
        return {"unit": "s", "median": self.median} | ({} if self.spread is None else {"spread": self.spread})


@dataclass(frozen=True)
class CallTables:
    """Timed calls of all models of a calibration, as measured.

    Attributes:
        networks: By network, the target among them.
        proposals: By statistical drafter that was timed.
    """

    networks: Mapping[str, NetworkSeconds]
    proposals: Mapping[str, ProposalSeconds] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: object) -> CallTables:
        """Read ``meta.calibration.seconds``."""
        networks: dict[str, NetworkSeconds] = {}
        proposals: dict[str, ProposalSeconds] = {}
        for name, entry in mapping(value, "").items():
            with inside(name):
                fields = mapping(entry, "")
                if "propose" in fields:
                    with inside("propose"):
                        proposals[name] = ProposalSeconds.of_json(mapping(fields["propose"], ""))
                else:
                    networks[name] = NetworkSeconds.of_json(fields)
        return cls(networks, proposals)

    def to_json(self) -> dict[str, object]:
        """That object."""
        timed: dict[str, object] = {name: each.to_json() for name, each in self.networks.items()}
        return timed | {name: {"propose": each.to_json()} for name, each in self.proposals.items()}


@dataclass(frozen=True)
class SmoothedTimes:
    """Call times for predictions: those measured, with less of the measurement's scatter.

    Attributes:
        networks: Tables of the networks' calls in seconds.
        propose: Seconds of one proposal of each statistical drafter.
        unit: Seconds of a one-token target call at the reference context.
    """

    networks: Mapping[str, NetworkSeconds]
    propose: Mapping[str, float]
    unit: float


def root_mean_square(values: Sequence[float]) -> float:
    """Of some numbers; 0 of none."""
    return math.sqrt(sum(value**2 for value in values) / len(values)) if values else 0.0


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
