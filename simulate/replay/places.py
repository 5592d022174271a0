"""What is known of the models' greedy next tokens after one prefix, on the target's text and off it.

On the text everything was recorded. A prefix that has left it with a token that some neural drafter would also have
chosen lies on that drafter's own continuation, along which agreements with it were recorded too. All else is drawn
from the recorded frequencies, once a place, so that drafting and review see the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from analysis.model.records.traces import SILENT, Pair, Strings, Trace
from simulate.replay.frequencies import Frequencies


class Place(Protocol):
    """A prefix: the prompt and some tokens, as far as replay can tell it from others.

    Attributes:
        ended: Whether the text has ended with it.
    """

    ended: bool

    def agrees(self, reviewer: str, drafter: str) -> bool:
        """Whether the greedy next tokens of two models are equal; the reviewer comes first in the order of models."""

    def abstains(self, model: str) -> bool:
        """Whether the model names no next token."""

    def after(self, model: str) -> Place:
        """The prefix with the model's next token."""


class TextPlaces:
    """The places of one prompt's text.

    Args:
        trace: What was recorded.
        target: Name of the target.
        neural: The drafters that can review, in the order of models.
        frequencies: For what was not recorded.
        generator: For what has to be drawn.
    """

    def __init__(
        self,
        trace: Trace,
        target: str,
        neural: Sequence[str],
        frequencies: Frequencies,
        generator: random.Random,
    ) -> None:
        self.trace = trace
        self.target = target
        self.neural = neural
        self.frequencies = frequencies
        self.generator = generator
        self.places = [OnText(self, i) for i in range(trace.tokens + 1)]

    def departed(self, place: Place, model: str, left: int | None) -> Place:
        """The place after a token of a model that is neither the target's nor on the continuation followed so far.

        Args:
            place: Before the token.
            model: Whose token it is.
            left: Index of the token in the text; None where its place was off the text already.
        """
        for owner in self.neural:
            if owner == model or (self.comes_first(owner, model) and place.agrees(owner, model)):
                known = self.trace.off.get(owner, {}).get(left) if left is not None else None
                strings = known or self.frequencies.departure(owner, self.trace, self.generator)
                return OnContinuation(self, owner, strings, 0, model, known is None)
        return OnContinuation(self, None, {}, 0, model, True)

    def comes_first(self, owner: str, model: str) -> bool:
        """Whether the agreement of two models was recorded with this one as the reviewer."""
        return (owner, model) in self.trace.agree


class OnText:
    """The prompt and the first tokens of the target's text.

    Args:
        text: The text.
        index: How many of its tokens.
    """

    def __init__(self, text: TextPlaces, index: int) -> None:
        self.ended = text.trace.ended and index == text.trace.tokens
        self._text = text
        self._index = index

    def agrees(self, reviewer: str, drafter: str) -> bool:
        """As recorded."""
        return self._text.trace.agree[reviewer, drafter][self._index] == "1"

    def abstains(self, model: str) -> bool:
        """As recorded."""
        text = self._text
        return model != text.target and text.trace.agree[text.target, model][self._index] == SILENT

    def after(self, model: str) -> Place:
        """On the text where the token is the target's."""
        if model == self._text.target or self.agrees(self._text.target, model):
            return self._text.places[self._index + 1]
        return self._text.departed(self, model, self._index)


class OnContinuation:
    """A prefix off the text that is some neural drafter's own continuation, or nobody's.

    Args:
        text: The text it has left.
        owner: Whose continuation; None for nobody's.
        strings: Agreement of other drafters with the owner, as recorded along the continuation.
        index: Of the next token in these strings.
        last: Whose token the last one is.
        borrowed: Whether the strings are of another continuation, for want of this one's.
    """

    ended = False  # where a wrong text would end is not recorded

    def __init__(
        self, text: TextPlaces, owner: str | None, strings: Strings, index: int, last: str, borrowed: bool
    ) -> None:
        self._text = text
        self._owner = owner
        self._strings = strings
        self._index = index
        self._last = last
        self._borrowed = borrowed
        self._known: dict[Pair, bool] = {}
        self._silent: dict[str, bool] = {}

    def agrees(self, reviewer: str, drafter: str) -> bool:
        """As recorded or as it follows from what was; otherwise drawn."""
        pair = reviewer, drafter
        if pair not in self._known:
            self._known[pair] = self._found(reviewer, drafter)
        return self._known[pair]

    def abstains(self, model: str) -> bool:
        """As recorded, otherwise drawn."""
        if model not in self._silent:
            told = "" if self._borrowed and model == self._last else self._told(model)
            silence = self._text.frequencies.silence(model, model == self._last)
            self._silent[model] = told == SILENT if told else model != self._owner and self._drawn(silence)
        return self._silent[model]

    def after(self, model: str) -> Place:
        """Further along the same continuation where the token is the owner's."""
        if self._owner is not None and (model == self._owner or self._with_owner(model)):
            return OnContinuation(self._text, self._owner, self._strings, self._index + 1, model, self._borrowed)
        return self._text.departed(self, model, None)

    def _found(self, reviewer: str, drafter: str) -> bool:
        frequencies = self._text.frequencies
        if self._owner is None or drafter == self._owner:
            return self._drawn(frequencies.off(reviewer, drafter))
        if reviewer == self._owner:
            told = self._told(drafter)
            return told == "1" if told else self._drawn(frequencies.off(reviewer, drafter))
        first, second = self._with_owner(reviewer), self._with_owner(drafter)
        if first or second:
            return first and second
        return self._drawn(frequencies.differing(reviewer, drafter, self._owner))

    def _with_owner(self, model: str) -> bool:
        assert self._owner is not None
        if self._text.comes_first(self._owner, model):
            return self.agrees(self._owner, model)
        return self.agrees(model, self._owner)

    def _told(self, model: str) -> str:
        return self._strings.get(model, "")[self._index : self._index + 1] if self._owner else ""

    def _drawn(self, share: float) -> bool:
        return self._text.generator.random() < share
