"""Greedy decoding by a cascade over recorded agreements: cycles, and every model's calls as a real run makes them.

The recursion is that of the cascade specification. Tokens are not known, only whether they agree, so the sequence is a
list of places; every model holds a leading part of it, and its next call reads all that it has not yet seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analysis.model import Cascade, Draft, InputError, Step, longest, walk
from simulate.replay.places import OnText, Place, TextPlaces


class Call(NamedTuple):
    """One call of a model.

    Attributes:
        model: Its name.
        q: Tokens fed, those included that it catches up on; 1 for a proposal of a statistical drafter.
        judged: Tokens it would be fed if it had seen everything before them: drafted tokens and one more.
        held: Tokens of the sequence it holds before.
    """

    model: str
    q: int
    judged: int
    held: int


@dataclass(frozen=True)
class ReplayedCycle:
    """One cycle of a replay.

    Attributes:
        tokens: Tokens the target let out.
        calls: In order.
        inner_reviews: Reviews by drafters.
        drafted: Tokens drafted by leaf steps.
        offered: Tokens of the whole draft, which the target reviewed.
        cut: Whether the end of the text, or the room left for it, could cut the cycle short.
    """

    tokens: int
    calls: Sequence[Call]
    inner_reviews: int
    drafted: int
    offered: int
    cut: bool


@dataclass(frozen=True)
class ReplayedGeneration:
    """One prompt decoded by one cascade.

    Attributes:
        prompt_tokens: Length of the prompt.
        tokens: Tokens generated.
        cycles: In order.
    """

    prompt_tokens: int
    tokens: int
    cycles: Sequence[ReplayedCycle]


class _Drafted(NamedTuple):
    """A drafted token: who hands it up, and the place before it."""

    by: str
    before: Place


def decode(cascade: Cascade, text: TextPlaces, end: int) -> ReplayedGeneration:
    """Generate as much as the recorded text holds.

    Args:
        cascade: The cascade.
        text: The recorded text of one prompt.
        end: Greatest number of tokens that the run would have generated, at least the length of the text.

    Raises:
        InputError: where a review is lenient, which recorded agreements do not tell the outcome of, or where a pair of
            the draft was not recorded.
    """
    for path, reviewer, step in walk(cascade.draft, cascade.target):
        if step.lenience > 1 or cascade.lenience > 1:
            raise InputError(f"{path}.lenience", "got more than 1, expected 1: agreements tell nothing of near misses")
        if (reviewer, step.by) not in text.trace.agree or (cascade.target, step.by) not in text.trace.agree:
            raise InputError(f"{path}.by", f"no recorded agreement of {reviewer!r} and {step.by!r}")
    return _Decoder(cascade, text, end).run()


class _Decoder:
    def __init__(self, cascade: Cascade, text: TextPlaces, end: int) -> None:
        self._cascade = cascade
        self._text = text
        self._prompt = text.trace.prompt_tokens
        self._room_of_text = end if text.trace.ended else text.trace.tokens
        self._places: list[Place] = [text.places[0]]  # before each token of the sequence and behind the last one
        self._held = dict.fromkeys([cascade.target, *text.neural], self._prompt - 1)
        self._calls: list[Call] = []
        self._reviews = self._leaves = 0

    def run(self) -> ReplayedGeneration:
        cycles = []
        greatest = longest(self._cascade.draft)
        while self._generated < self._text.trace.tokens:
            room = self._room_of_text - self._generated
            before = self._generated
            self._calls, self._reviews, self._leaves = [], 0, 0
            self._round(self._cascade.target, self._cascade.draft, room)
            offered = self._calls[-1].judged - 1
            cycles.append(
                ReplayedCycle(
                    self._generated - before,
                    self._calls,
                    self._reviews - 1,
                    self._leaves,
                    offered,
                    cut=room - 1 < greatest or self._has_ended(),
                )
            )
            assert isinstance(self._places[-1], OnText), "the target's tokens are its text"
        return ReplayedGeneration(self._prompt, self._generated, cycles)

    @property
    def _generated(self) -> int:
        return len(self._places) - 1

    def _round(self, by: str, draft: Draft, room: int) -> list[_Drafted]:
        """One review round: keeps the accepted tokens and adds the reviewer's own, at most `room` together."""
        start = self._generated
        drafted = self._draft(draft, room - 1)
        self._call(by, len(drafted) + 1)
        self._reviews += 1
        accepted = 0
        while accepted < len(drafted) and drafted[accepted].before.agrees(by, drafted[accepted].by):
            accepted += 1
        out = [_Drafted(by, token.before) for token in drafted[:accepted]]
        if accepted < len(drafted):
            self._cut(start + accepted)
        if not (accepted and self._has_ended()):
            out.append(self._appended(by))
        return out

    def _draft(self, draft: Draft, room: int) -> list[_Drafted]:
        """The tokens of all steps, at most `room`, and none after the end of the text."""
        drafted: list[_Drafted] = []
        for step in draft:
            repeats = 0
            while len(drafted) < room and not _is_done(step, repeats, len(drafted)):
                if drafted and self._has_ended():
                    return drafted
                added = self._increment(step, room - len(drafted))
                if not added:
                    break
                drafted += added
                repeats += 1
        return drafted

    def _increment(self, step: Step, room: int) -> list[_Drafted]:
        """What a step adds at a time: a block of leaf tokens, or the yield of a round."""
        if not step.is_leaf:
            return [] if self._places[-1].abstains(step.by) else self._round(step.by, step.draft, room)
        drafted: list[_Drafted] = []
        wanted = min(step.block if step.tokens is None else step.tokens, room)
        while len(drafted) < wanted and not (drafted and self._has_ended()):
            silent = self._places[-1].abstains(step.by)
            if not (silent and step.by in self._text.neural):  # a neural drafter is not asked beyond its context
                self._call(step.by, 1)
            if silent:
                break
            drafted.append(self._appended(step.by))
            self._leaves += 1
        return drafted

    def _appended(self, by: str) -> _Drafted:
        """Append a model's next token."""
        before = self._places[-1]
        self._places.append(before.after(by))
        return _Drafted(by, before)

    def _call(self, model: str, judged: int) -> None:
        """A call on the whole sequence that judges its last tokens."""
        if model not in self._held:
            self._calls.append(Call(model, 1, 1, 0))
            return
        length = self._prompt + self._generated
        held = min(self._held[model], length - judged)
        self._calls.append(Call(model, length - held, judged, held))
        self._held[model] = length

    def _cut(self, generated: int) -> None:
        """Forget the sequence from a token on."""
        del self._places[generated + 1 :]
        for model, held in self._held.items():
            self._held[model] = min(held, self._prompt + generated)

    def _has_ended(self) -> bool:
        return self._places[-1].ended


def _is_done(step: Step, repeats: int, drafted: int) -> bool:
    """Whether a step that has added `repeats` increments to a draft now of `drafted` tokens is finished."""
    if step.until is not None:
        return drafted >= step.until
    return repeats >= (step.rounds or 1)
