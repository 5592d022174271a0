"""Replay of recorded acceptances: no model of acceptance at all, only what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, InputError, walk
from analysis.model.boundary.fields import inside, mapping, only_keys, reject, sequence
from simulate.kernel.program import HazardTables
from simulate.processes.base import DEFAULT_BLOCK_CYCLES, RECORDED, KernelPlan, MeanOfLaw, Pair, runs
from simulate.processes.beta import prompt_length
from simulate.processes.independent import demand_pair


@dataclass(frozen=True)
class Recorded(MeanOfLaw):
    """Acceptances recorded at every position of some texts, all pairs on the same positions.

    A block begins at a random position of a random trace; a token drafted for position x is accepted as it was
    recorded there, at every level. A trace is a circle, so that every position counts the same.

    Attributes:
        traces: Recorded acceptances by pair, as strings of 0 and 1, all of one trace equally long.
        cycles: Cycles of a block; 0 where `tokens` is given.
        tokens: Tokens after which a block ends; 0 where `cycles` is given.
    """

    traces: tuple[Mapping[Pair, str], ...]
    cycles: int = DEFAULT_BLOCK_CYCLES
    tokens: int = 0

    def to_json(self) -> dict[str, object]:
        """The process as it stands in a task."""
        listed = []
        for trace in self.traces:
            table: dict[str, dict[str, str]] = {}
            for (reviewer, drafter), bits in trace.items():
                table.setdefault(reviewer, {})[drafter] = bits
            listed.append(table)
        length = {"tokens": self.tokens} if self.tokens else {"cycles": self.cycles}
        return {"replay": {"traces": listed, **length}}

    def plan(self, cascade: Cascade) -> KernelPlan:
        """One stretch of a trace a block."""
        for pair in self.traces[0]:
            demand_pair(cascade, pair)
        for path, reviewer, step in walk(cascade.draft, cascade.target):
            if (reviewer, step.by) not in self.traces[0]:
                raise InputError(f"traces[0].{reviewer}.{step.by}", f"missing, {path} uses this pair")
        return KernelPlan(
            cascade,
            HazardTables([[cascade]]),
            kind=RECORDED,
            traces=tuple({pair: _as_array(bits) for pair, bits in trace.items()} for trace in self.traces),
            cycles=self.cycles,
            tokens=self.tokens,
        )

    def sample(
        self, cascade: Cascade, pair: Pair, k: int, drafts: int, generator: np.random.Generator
    ) -> NDArray[np.int64]:
        """Accepted tokens, 0..k, of drafts at random positions of random traces."""
        chosen = generator.integers(len(self.traces), size=drafts)
        accepted = np.empty((drafts, k), dtype=bool)
        for draft, trace in enumerate(chosen):
            bits = _as_array(self.traces[trace][pair])
            accepted[draft] = bits[(generator.integers(bits.size) + np.arange(k)) % bits.size]
        return runs(accepted)

    def law(self, cascade: Cascade, pair: Pair, k: int) -> NDArray[np.float64]:
        """P(j tokens of a draft of k are accepted): the share of such positions, averaged over traces."""
        pmf = np.zeros(k + 1)
        for trace in self.traces:
            bits = _as_array(trace[pair]).astype(bool)
            windows = bits[(np.arange(bits.size)[:, None] + np.arange(k)) % bits.size]
            pmf += np.bincount(runs(windows), minlength=k + 1) / bits.size
        return pmf / len(self.traces)


def _as_array(bits: str) -> NDArray[np.uint8]:
    return np.frombuffer(bits.encode("ascii"), dtype=np.uint8) - ord("0")


def read_replay(value: object) -> Recorded:
    """Read ``{"traces": [{reviewer: {drafter: "1101"}}, ...], "cycles": n}`` or the same with ``"tokens": n``."""
    fields = mapping(value, "")
    only_keys(fields, ("traces", "cycles", "tokens"), required=("traces",))
    traces: list[dict[Pair, str]] = []
    for i, item in enumerate(sequence(fields["traces"], "traces")):
        with inside(f"traces[{i}]"):
            trace = _read_trace(item)
            if traces and set(trace) != set(traces[0]):
                raise InputError("", "expected the same pairs as in the first trace")
            traces.append(trace)
    if not traces:
        reject("traces", [], "at least one trace")
    cycles, tokens = prompt_length(fields)
    return Recorded(tuple(traces), cycles, tokens)


def _read_trace(value: object) -> dict[Pair, str]:
    trace: dict[Pair, str] = {}
    for reviewer, row in mapping(value, "").items():
        for drafter, bits in mapping(row, reviewer).items():
            if not isinstance(bits, str) or not bits or set(bits) - {"0", "1"}:
                reject(f"{reviewer}.{drafter}", bits, "a string of 0 and 1")
            trace[reviewer, drafter] = bits
    if len({len(bits) for bits in trace.values()}) != 1:
        reject("", {f"{r}.{d}": len(bits) for (r, d), bits in trace.items()}, "equally long strings, at least one")
    return trace
