"""How long a call of a model takes as a function of q, the number of tokens it is called on."""

from __future__ import annotations

import functools
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analysis.model import progress
from realrun.engine.cascade import Drafter
from realrun.engine.record import CallLog
from realrun.runs.journal import Journal

SIZES = (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64)
"""Tokens of a call that are timed; times between them are interpolated."""

CALLS = 3
"""Calls of a drafter in a row after one of the target, as in a cycle; the first finds the processor's caches cold."""

PROPOSALS = 4
"""Tokens in a row that a drafter without probabilities proposes after a call of the target."""


Samples = dict[tuple[int, int], list[float]]
"""Seconds of single calls, or of the mean of some in a row, by (context, q)."""


@dataclass(frozen=True)
class CycleTimes:
    """Seconds of calls made in the order of a decoding cycle.

    A drafter that is timed alone in a loop has its weights in the processor's cache; in decoding the target's call has
    driven them out before its first call, and they are back for those that follow.

    Attributes:
        calls: By network: of the target each call, of a drafter the mean of `CALLS` in a row.
        first: By drafting network: the first of these calls.
        following: By drafting network: the mean of the others.
        propose: By drafter without probabilities: seconds a token, mean of `PROPOSALS` in a row.
    """

    calls: Mapping[str, Samples] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    first: Mapping[str, Samples] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    following: Mapping[str, Samples] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    propose: Mapping[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def to_json(self) -> dict[str, object]:
        """All seconds, for `add`."""
        tables = {"calls": self.calls, "first": self.first, "following": self.following}
        found: dict[str, object] = {
            key: {name: [[*place, seconds] for place, seconds in samples.items()] for name, samples in table.items()}
            for key, table in tables.items()
        }
        return found | {"propose": dict(self.propose)}

    def add(self, more: Mapping[str, Any]) -> None:
        """Add the seconds of another one, as JSON."""
        tables = {"calls": self.calls, "first": self.first, "following": self.following}
        for key, table in tables.items():
            for name, samples in more[key].items():
                for context, q, seconds in samples:
                    table[name][context, q] += seconds
        for name, seconds in more["propose"].items():
            self.propose[name].extend(seconds)


def cycle_seconds(
    models: Mapping[str, Drafter],
    target: str,
    text: Sequence[int],
    turns: int,
    generator: np.random.Generator,
    contexts: Sequence[int],
    sizes: Sequence[int] = SIZES,
    journal: Journal | None = None,
) -> CycleTimes:
    """Time calls of all models in cycles: one call of the target, then one drafter's.

    Every turn goes through all contexts, and for each drafter through all q in random order, each paired with a call
    of the target on another random q; so each sees what slows the machine down for a while. Seconds are what the
    engine's own log counts for a call. The model with the shortest context limits the contexts and sizes of all.

    Args:
        models: By name: networks and drafters without probabilities.
        target: Name of the target.
        text: Token ids to read, repeated as often as needed.
        turns: Timed turns, >= 1, after one that is not counted.
        generator: Of the order.
        contexts: Tokens in the cache before a call, each >= 1, ascending.
        sizes: Tokens of a call, each >= 1.
        journal: Keeps every turn.
    """
    times = CycleTimes()
    shortest = min(getattr(model, "context", sys.maxsize) for model in models.values())
    sizes = [q for q in sizes if q <= shortest // 2]
    room = shortest - max(sizes)
    held = [context for context in contexts if context <= room] or [room]
    words = list(text) * (1 + (max(held) + max(sizes)) // len(text))
    journal = Journal() if journal is None else journal
    orders = generator.spawn(turns + 1)  # one a turn, so that a turn has its order whether earlier ones are made or not

    def timed(turn: int) -> dict[str, object]:
        found = CycleTimes()
        for context in held:
            cycle = _Cycle(models, target, words, context, found)
            drafters: list[str | None] = [name for name in models if name != target]
            for model in models.values():
                model.prefill(words[: context + 1])
            for drafter in drafters or [None]:
                pairs = zip(orders[turn].permutation(sizes), orders[turn].permutation(sizes), strict=True)
                for own, q in pairs:
                    cycle.run(int(own), drafter, int(q))
        return found.to_json()

    names = [f"turn {turn}" for turn in range(1, turns + 1)]
    if any(name not in journal for name in names):
        timed(0)
    for turn, name in enumerate(progress(names, "timing calls", "turn"), start=1):
        times.add(journal.once(name, functools.partial(timed, turn)))
    return times


@dataclass(frozen=True)
class _Cycle:
    """Calls in the order of a cycle, all from the same context."""

    models: Mapping[str, Any]
    target: str
    words: Sequence[int]
    context: int
    times: CycleTimes

    def run(self, own: int, drafter: str | None, q: int) -> None:
        """The target's call on `own` tokens, then the drafter's calls on q, or its proposals."""
        self.times.calls[self.target][self.context, own].append(self._call(self.target, own))
        if drafter is None:
            return
        if hasattr(self.models[drafter], "propose_next"):
            self.times.propose[drafter].append(self._propose(drafter))
            return
        seconds = [self._call(drafter, q) for _ in range(CALLS)]
        place = self.context, q
        self.times.calls[drafter][place].append(sum(seconds) / CALLS)
        self.times.first[drafter][place].append(seconds[0])
        self.times.following[drafter][place].append(sum(seconds[1:]) / (CALLS - 1))

    def _call(self, name: str, q: int) -> float:
        model = self.models[name]
        model.rollback(self.context)
        model.log = CallLog()
        model.logits(self.words[: self.context + q], q)
        return float(model.log.seconds)

    def _propose(self, name: str) -> float:
        model = self.models[name]
        sequence = list(self.words[: self.context + 1])
        model.log = CallLog()
        for _ in range(PROPOSALS):
            token = model.propose_next(sequence)
            if token is None:
                break
            sequence.append(token)
        model.rollback(self.context)
        return float(model.log.seconds / model.log.q.total())
