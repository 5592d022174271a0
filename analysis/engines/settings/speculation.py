"""What an engine is to do, whatever it calls it: who drafts, how many tokens, from which match or confidence on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from analysis.model import MAX_DRAFT_LENGTH, InputError
from analysis.model.boundary.fields import count, read_name, read_number, reject

DrafterKind: TypeAlias = Literal["model", "ngram", "suffix", "eagle", "eagle3", "mtp", "medusa", "mlp"]

WITH_WEIGHTS: tuple[DrafterKind, ...] = ("model", "eagle", "eagle3", "medusa", "mlp")
"""Kinds whose weights lie in a checkpoint of their own; those of `mtp` come with the target."""


@dataclass(frozen=True)
class Speculation:
    """Speculative decoding with one drafter, or with drafters that work together.

    At most one of `then`, `otherwise` and `inner` is given.

    Attributes:
        kind: "model": a smaller model; "ngram": copying after a match of tokens; "suffix": suffix decoding
            (arXiv 2411.04975); "eagle", "eagle3": one layer over the target's hidden states (arXiv 2401.15077,
            2503.01840); "mtp": the target's own heads for several tokens; "medusa" (arXiv 2401.10774) and "mlp"
            (arXiv 2404.19124): heads.
        tokens: Tokens drafted in a step, 1..4096; 0 for no speculation.
        model: Folder or hub id of the drafter's weights; None leaves a place to fill in.
        match_min: Least number of matching tokens from which an n-gram drafter proposes, >= 1.
        match_max: Greatest number of tokens that it tries to match, >= `match_min`.
        confidence: Probability in (0, 1] that a token has for its drafter, below which drafting ends.
        then: Who drafts on behind these tokens before the target reviews all: a horizontal cascade.
        otherwise: Who drafts where this drafter proposes nothing: the chain that engines have.
        inner: Who drafts tokens that this drafter reviews: a vertical cascade.

    Raises:
        InputError: naming the field that is out of range, or has no meaning for this kind.
    """

    kind: DrafterKind
    tokens: int
    model: str | None = None
    match_min: int | None = None
    match_max: int | None = None
    confidence: float | None = None
    then: Speculation | None = None
    otherwise: Speculation | None = None
    inner: Speculation | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(DrafterKind):
            reject("kind", self.kind, f"one of {', '.join(get_args(DrafterKind))}")
        if self.tokens != 0 or isinstance(self.tokens, bool):
            object.__setattr__(self, "tokens", count(self.tokens, "tokens", MAX_DRAFT_LENGTH))
        if self.model is not None:
            read_name(self.model, "model")
            if self.kind not in WITH_WEIGHTS:
                raise InputError("model", f"a drafter of kind {self.kind} has no weights of its own")
        self._check_match()
        self._check_confidence()
        given = [name for name in ("then", "otherwise", "inner") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(given[1], f"only one of then, otherwise and inner is possible, got {' and '.join(given)}")
        if given and (not self.tokens or not cast("Speculation", getattr(self, given[0])).tokens):
            raise InputError("tokens", f"got 0, expected at least 1 for each drafter of a `{given[0]}`")

    def _check_match(self) -> None:
        for name in ("match_min", "match_max"):
            value = getattr(self, name)
            if value is not None:
                if self.kind != "ngram":
                    raise InputError(name, f"only an n-gram drafter has one, not {self.kind}")
                object.__setattr__(self, name, count(value, name, MAX_DRAFT_LENGTH))
        if self.match_min and self.match_max and self.match_max < self.match_min:
            reject("match_max", self.match_max, f"at least match_min, {self.match_min}")

    def _check_confidence(self) -> None:
        if self.confidence is None:
            return
        if self.kind == "ngram":
            raise InputError("confidence", "an n-gram drafter has none; its signal is the match (match_min)")
        value = read_number(self.confidence, "confidence", 0, 1)
        if value == 0:
            reject("confidence", self.confidence, "a number in (0, 1], or none")
        object.__setattr__(self, "confidence", value)

    @property
    def alone(self) -> bool:
        """Whether no other drafter works with this one."""
        return self.then is None and self.otherwise is None and self.inner is None
