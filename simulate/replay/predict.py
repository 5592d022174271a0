"""Replays of whole recordings: predictions of named cascades, and the search for a better one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from analysis.model import Draft, progress_bar
from analysis.model.records.calibration import Calibration
from analysis.model.records.named import NamedDraft
from analysis.model.records.traces import Recording
from simulate.replay.clock import Clock
from simulate.replay.decode import ReplayedGeneration, decode
from simulate.replay.frequencies import Frequencies
from simulate.replay.places import TextPlaces
from simulate.replay.search import search
from simulate.replay.summary import prediction, speedup

STARTS = 3
"""Number of the best cascades known from which the search climbs."""


class Replay:
    """Every text of a recording decoded again, by any cascade.

    What has to be drawn is drawn from a generator of the seed and the prompt alone, so that all cascades see the same.

    Args:
        recording: The texts.
        calibration: The models and their times.
        seed: Of what has to be drawn.
        limit: Greatest number of texts; None for all.
    """

    def __init__(self, recording: Recording, calibration: Calibration, seed: int, limit: int | None = None) -> None:
        self._recording = recording
        self._calibration = calibration
        self._seed = seed
        self._traces = recording.traces[:limit]
        self._frequencies = Frequencies(recording)

    def runs(self, draft: Draft) -> list[ReplayedGeneration]:
        """One run a text."""
        cascade = self._calibration.cascade.with_draft(draft)
        runs = []
        for trace in self._traces:
            generator = random.Random(f"{self._seed} {trace.id}")
            text = TextPlaces(trace, self._recording.target, self._calibration.neural, self._frequencies, generator)
            runs.append(decode(cascade, text, max(trace.tokens, self._calibration.max_new_tokens or 0)))
        return runs

    def prediction(self, named: NamedDraft, rung: str) -> dict[str, object]:
        """The row of one cascade."""
        return prediction(named, self._traces, self.runs(named.draft), self._calibration, rung, self._seed)

    def best(self, cascades: Sequence[NamedDraft], rows: Sequence[Mapping[str, object]]) -> NamedDraft:
        """The best cascade found by climbing from the best of some that have been replayed.

        Args:
            cascades: At least one.
            rows: Their predictions, in the same order.
        """
        clock = Clock(self._calibration)
        ranked = sorted(zip(cascades, rows, strict=True), key=lambda both: -_speedup(both[1]))
        known: dict[Draft, float] = {}
        with progress_bar("search", "cascade") as bar:

            def score(draft: Draft) -> float:
                if draft not in known:
                    known[draft] = speedup(self.runs(draft), clock)
                    bar.update()
                return known[draft]

            for named, _ in ranked[:STARTS]:
                search(named.draft, self._calibration.drafters, self._calibration.neural, score)
        found = max(known, key=known.__getitem__)
        names = {named.draft: named.name for named in cascades}
        return NamedDraft(names.get(found, "found by replay"), "optimum", found, {"optimum_of": ["replay"]})


def _speedup(row: Mapping[str, object]) -> float:
    value = row["speedup"]
    assert isinstance(value, float)
    return value
