"""Recorded agreements as arrays: which tokens a reviewer would have accepted, at every place of many texts.

The file is that of `analysis.model.records.traces`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError
from analysis.model.boundary.fields import inside
from analysis.model.records.traces import AGREES, DIFFERS, SILENT, Pair, Recording
from analysis.model.records.traces import read_traces as read_recording

ABSTAINED = -1
"""Mark of a place where reviewer or drafter proposes nothing."""

Bits = NDArray[np.int8]


@dataclass(frozen=True)
class PromptTrace:
    """The agreements along one text.

    Attributes:
        id: Of the prompt, unique in the file.
        category: Its domain.
        agree: By pair, one number a token of the text: 1 agreed, 0 did not, -1 the drafter abstained.
    """

    id: str
    category: str
    agree: Mapping[Pair, Bits]


@dataclass(frozen=True)
class Traces:
    """All that one file recorded.

    Attributes:
        target: The model whose texts these are.
        drafters: Names, the costliest first.
        pairs: (reviewer, drafter), the target's pairs first.
        prompts: One trace a prompt.
    """

    target: str
    drafters: tuple[str, ...]
    pairs: tuple[Pair, ...]
    prompts: tuple[PromptTrace, ...]

    def sequences(self, pair: Pair) -> list[Bits]:
        """The agreements of a pair, a text a prompt."""
        return [prompt.agree[pair] for prompt in self.prompts]

    @property
    def categories(self) -> list[str]:
        """The category of every prompt."""
        return [prompt.category for prompt in self.prompts]

    def only(self, category: str) -> Traces:
        """The prompts of one category."""
        kept = tuple(prompt for prompt in self.prompts if prompt.category == category)
        return Traces(self.target, self.drafters, self.pairs, kept)


def read_traces(path: str | Path) -> Traces:
    """Read a file of traces whose prompts all have the same pairs, the target's among them.

    Raises:
        InputError: naming the line and the field that is wrong.
    """
    recording = read_recording(path, consistent=False)
    with inside(str(path)):
        return _as_arrays(recording)


def _as_arrays(recording: Recording) -> Traces:
    first, seen = recording.traces[0], set()
    for line, trace in enumerate(recording.traces, start=2):
        if set(trace.agree) != set(first.agree):
            raise InputError(f"line {line}.agree", "expected the same pairs as in the first prompt")
        if str(trace.id) in seen:
            raise InputError("", f"the prompt {str(trace.id)!r} is there twice")
        seen.add(str(trace.id))
    target = recording.target
    pairs = [pair for pair in first.agree if pair[1] in recording.drafters]
    if not any(reviewer == target for reviewer, _ in pairs):
        raise InputError(f"line 2.agree.{target}", "missing, expected the target's agreement with a drafter")
    prompts = tuple(
        PromptTrace(str(each.id), each.category or "all", {pair: _bits(text) for pair, text in each.agree.items()})
        for each in recording.traces
    )
    return Traces(target, recording.drafters, tuple(sorted(pairs, key=lambda pair: pair[0] != target)), prompts)


def _bits(text: str) -> Bits:
    numbers = {ord(AGREES): 1, ord(DIFFERS): 0, ord(SILENT): ABSTAINED}
    return np.array([numbers[code] for code in text.encode("ascii")], dtype=np.int8)
