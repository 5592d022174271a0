"""Greedy cascade decoding: the recursion of the cascade specification on real models (CS Drafting, Algorithm 1)."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from analysis.model import Cascade, Draft, Step
from realrun.record import CallLog, PairLog


class Drafter(Protocol):
    """Anything that can propose the next token of a sequence that grows and is cut back."""

    log: CallLog

    def prefill(self, prompt: Sequence[int]) -> None:
        """Start on a new sequence."""

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on."""

    def propose(self, sequence: Sequence[int]) -> int | None:
        """The greedy next token, or None to abstain."""


class Reviewer(Drafter, Protocol):
    """A drafter that can also judge many positions in one call."""

    def predict(self, sequence: Sequence[int], positions: int) -> list[int]:
        """Greedy next tokens after each of the last `positions` prefixes of the sequence."""


Finish = Literal["eos", "length", "context"]


@dataclass(frozen=True)
class Generation:
    """One continuation of a prompt, and what it took.

    Attributes:
        tokens: Generated ids, an end-of-sequence id included.
        finish: Why it ended: an end-of-sequence id, the wanted number of tokens, or the end of the context.
        seconds: Wall-clock seconds, prefill included.
        prefill_seconds: Wall-clock seconds for reading the prompt with all models.
        cycles: Number of target reviews.
        calls: Calls by model.
        pairs: Examined and accepted tokens by (reviewer, drafter).
    """

    tokens: list[int]
    finish: Finish
    seconds: float
    prefill_seconds: float
    cycles: int
    calls: dict[str, CallLog]
    pairs: dict[tuple[str, str], PairLog]


class CascadeDecoder:
    """Runs the draft of a cascade on models, one prompt at a time.

    All models follow one token sequence. A round lets the steps of its draft append tokens to it, has the reviewer
    predict every position in one call, cuts the sequence after the accepted prefix and appends the reviewer's own
    token there; the target's rounds are the cycles.

    Args:
        cascade: The specification; an empty draft is autoregressive decoding.
        models: Every model the draft uses and the target, by name; those with inner drafts and the target must be
            reviewers.
        context: Greatest number of tokens, prompt included, that every model can hold.
    """

    def __init__(self, cascade: Cascade, models: Mapping[str, Drafter], context: int) -> None:
        self._cascade = cascade
        self._models = models
        self._context = context
        self._sequence: list[int] = []
        self._pairs: dict[tuple[str, str], PairLog] = {}

    def generate(self, prompt: Sequence[int], max_new_tokens: int, eos: Collection[int] = ()) -> Generation:
        """Continue a prompt greedily with exactly the tokens the target would choose.

        Args:
            prompt: At least one token id, shorter than the context.
            max_new_tokens: Greatest number of tokens to generate, >= 1.
            eos: Ids that end the text.
        """
        started = time.perf_counter()
        self._sequence = list(prompt)
        self._pairs = defaultdict(PairLog)
        for model in self._models.values():
            model.log = CallLog()
            model.prefill(prompt)
        prefilled = time.perf_counter()

        end = min(len(prompt) + max_new_tokens, self._context)
        finish: Finish = "length" if end < self._context else "context"
        cycles = 0
        while len(self._sequence) < end:
            start = len(self._sequence)
            self._round(self._cascade.target, self._cascade.draft, room=end - start)
            cycles += 1
            stop = next((i for i in range(start, len(self._sequence)) if self._sequence[i] in eos), None)
            if stop is not None:
                del self._sequence[stop + 1 :]
                finish = "eos"
                break
        finished = time.perf_counter()
        return Generation(
            tokens=self._sequence[len(prompt) :],
            finish=finish,
            seconds=finished - started,
            prefill_seconds=prefilled - started,
            cycles=cycles,
            calls={name: model.log for name, model in self._models.items()},
            pairs=dict(self._pairs),
        )

    def _round(self, by: str, draft: Draft, room: int) -> int:
        """One review round over a draft: appends the accepted tokens and one more, at most `room`; their number."""
        start = len(self._sequence)
        origins = self._draft(draft, room - 1)
        choices = self._reviewer(by).predict(self._sequence, len(origins) + 1)
        accepted = 0
        for position, (drafter, corrected) in enumerate(origins):
            log = self._pairs[by, drafter]
            log.examined[position, corrected] += 1
            if self._sequence[start + position] != choices[position]:
                break
            log.accepted[position, corrected] += 1
            accepted += 1
        if accepted < len(origins):
            self._cut(start + accepted)
        self._sequence.append(choices[accepted])
        return accepted + 1

    def _draft(self, draft: Draft, room: int) -> list[tuple[str, bool]]:
        """Append the tokens of all steps, at most `room`; (drafter, corrected by its inner review) of each."""
        origins: list[tuple[str, bool]] = []
        for step in draft:
            repeats = 0
            while len(origins) < room and not _is_done(step, repeats, len(origins)):
                added = self._increment(step, room - len(origins))
                if not added:  # the drafter abstains
                    break
                origins += added
                repeats += 1
        return origins

    def _increment(self, step: Step, room: int) -> list[tuple[str, bool]]:
        """What a step adds at a time: a block of leaf tokens, or the yield of a round."""
        if not step.is_leaf:
            gained = self._round(step.by, step.draft, room)
            return [(step.by, False)] * (gained - 1) + [(step.by, True)]
        drafter = self._models[step.by]
        drafted = 0
        while drafted < min(step.block if step.tokens is None else step.tokens, room):
            token = drafter.propose(self._sequence)
            if token is None:
                break
            self._sequence.append(token)
            drafted += 1
        return [(step.by, False)] * drafted

    def _cut(self, length: int) -> None:
        """Drop the sequence from `length` on, for every model that has seen it."""
        del self._sequence[length:]
        for model in self._models.values():
            model.rollback(length)

    def _reviewer(self, name: str) -> Reviewer:
        return self._models[name]  # type: ignore[return-value]


def _is_done(step: Step, repeats: int, drafted: int) -> bool:
    """Whether a step that has added `repeats` increments to a draft now of `drafted` tokens is finished."""
    if step.until is not None:
        return drafted >= step.until
    return repeats >= (step.rounds or 1)
