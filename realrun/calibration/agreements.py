"""Recording greedy agreements: along the target's text, and along a drafter's own text once it has left that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from analysis.model.records.traces import AGREES, DIFFERS, SILENT
from realrun.calibration.path import choices_along, readable
from realrun.calibration.roster import Roster
from realrun.calibration.texts import TargetText
from realrun.engine.cascade import Drafter
from realrun.engine.finite import blamed_on
from realrun.maxgram.drafter import MaxGram, MaxGramCounts
from realrun.runs.prompts import Prompt

AFTER = 16
"""Default of the tokens for which a drafter that has left the target's text is followed."""

Choices = Sequence[int | None]


@dataclass(frozen=True)
class Departure:
    """A drafter's own text after a token that is not the target's.

    Attributes:
        start: Position in the target's text of that token; before it the two texts are the same.
        choices: By model, its greedy next token at each position after that token given the drafter's own text; under
            the drafter's name that text. Ended by an end-of-sequence id, or cut.
    """

    start: int
    choices: Mapping[str, Choices]


@dataclass(frozen=True)
class RecordedText:
    """One text of the target and what all models would have said along it.

    Attributes:
        text: The text.
        choices: By model, its greedy next token at each position of the text given the target's text up to there, None
            where it abstains; under the target's name the text.
        departures: By neural drafter, its own texts from some of the places where it leaves the target's.
        matched: By proposer that tells, the length of the match behind each of its choices, 0 without one.
    """

    text: TargetText
    choices: Mapping[str, Choices]
    departures: Mapping[str, Sequence[Departure]]
    matched: Mapping[str, Sequence[int]]

    def to_json(self) -> dict[str, object]:
        """All but the prompt, for `of_json`."""
        departures = {name: [[d.start, dict(d.choices)] for d in found] for name, found in self.departures.items()}
        return {
            "tokens": self.text.tokens,
            "finish": self.text.finish,
            "choices": dict(self.choices),
            "departures": departures,
            "matched": dict(self.matched),
        }

    @classmethod
    def of_json(cls, found: Mapping[str, Any], prompt: Prompt, ids: list[int]) -> RecordedText:
        """The recording of a prompt, given its token ids."""
        departures = {
            name: [Departure(start, choices) for start, choices in some] for name, some in found["departures"].items()
        }
        text = TargetText(prompt, ids, found["tokens"], found["finish"])
        return cls(text, found["choices"], departures, found["matched"])


@dataclass
class Recorder:
    """Records texts one after the other.

    Attributes:
        roster: Who reviews and who drafts.
        models: The loaded models by name.
        eos: Ids that end a text.
        stride: Of the departures of a drafter every so many-th is followed, counted over all texts, >= 1.
        vocabulary: Number of the target's token ids.
        after: Tokens for which a drafter is followed, >= 1.
        departed: By neural drafter, how often it has departed so far.
    """

    roster: Roster
    models: Mapping[str, Drafter]
    eos: frozenset[int]
    stride: int
    vocabulary: int
    after: int = AFTER
    departed: Counter[str] = field(default_factory=Counter)

    @torch.inference_mode()
    def record(self, text: TargetText) -> RecordedText:
        """What all drafters would have said along a text and off it."""
        choices: dict[str, Choices] = {self.roster.target: text.tokens}
        matched = {}
        for name in self.roster.drafters:
            model = self.models[name]
            model.prefill(text.prompt_ids)
            if isinstance(model, MaxGram):
                choices[name], matched[name] = _proposals(model, text)
            else:
                choices[name] = self._choices(name, text.sequence, len(text.prompt_ids))
        departures = {name: self._departures(name, text, choices[name]) for name in self.roster.neural}
        return RecordedText(text, choices, departures, matched)

    def _departures(self, name: str, text: TargetText, choices: Choices) -> list[Departure]:
        starts = [i for i, (own, true) in enumerate(zip(choices, text.tokens, strict=True)) if own not in (None, true)]
        followed = []
        for start in starts:
            if self.departed[name] % self.stride == 0:
                followed.append(start)
            self.departed[name] += 1
        # Backwards, so that a drafter has each place of the text read again at most once.
        return [self._departure(name, text, start, choices[start]) for start in reversed(followed)][::-1]

    def _departure(self, name: str, text: TargetText, start: int, token: int | None) -> Departure:
        place = len(text.prompt_ids) + start
        assert token is not None
        sequence = [*text.sequence[:place], token]
        self._rollback(place)
        model = self.models[name]
        while (
            sequence[-1] not in self.eos
            and len(sequence) - place <= self.after
            and readable(model, [*sequence, 0], len(sequence))
        ):
            sequence += self._choices(name, [*sequence, 0], len(sequence))  # type: ignore[arg-type]
        choices: dict[str, Choices] = {name: sequence[place + 1 :]}
        for other in self.roster.drafters[self.roster.neural.index(name) + 1 :]:
            choices[other] = self._choices(other, sequence, place + 1)
        self._rollback(place)
        return Departure(start, choices)

    def _choices(self, name: str, sequence: Sequence[int], start: int) -> Choices:
        with blamed_on(name, self.models[name]):
            return choices_along(self.models[name], sequence, start, self.vocabulary)

    def _rollback(self, place: int) -> None:
        for name in self.roster.drafters:
            self.models[name].rollback(place)


def _proposals(model: MaxGram, text: TargetText) -> tuple[list[int | None], list[int]]:
    """Max-Gram's proposals along a text, and the length of the match behind each."""
    proposals, lengths = [], []
    sequence = text.sequence
    for end in range(len(text.prompt_ids), len(sequence)):
        model.counts = MaxGramCounts()
        proposals.append(model.propose_next(sequence[:end]))
        lengths.append(next(iter(model.counts.matches), 0))
    return proposals, lengths


def agreement(reviewer: Choices, drafter: Choices) -> str:
    """Agreement by position, in the characters of `analysis.model.records.traces`."""
    return "".join(
        SILENT if own is None or drafted is None else AGREES if own == drafted else DIFFERS
        for own, drafted in zip(reviewer, drafter, strict=True)
    )
