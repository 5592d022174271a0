"""What a model's calls cost: by q, the number of tokens of a call, or by k, the tokens that it drafts in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from analysis.model.beyond import KEY, Beyond, as_json, checked_beyond, read_beyond, without_repeats
from analysis.model.boundary.fields import mapping, only_keys, read_number, reject, sequence

GREATEST, LEAST_OF_TARGET = 1e60, 1e-60
"""Greatest cost, and least cost of the target: what keeps all sums and squares of relative costs finite."""


@dataclass(frozen=True)
class Affine:
    """Cost fixed + per_token * q of a call on q tokens.

    Attributes:
        fixed: Cost of any call, in [0, 1e60], normally in units of a one-token target call.
        per_token: Further cost of each token, in [0, 1e60], in the same unit; 0 for a scalar cost.
    """

    fixed: float
    per_token: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", read_number(self.fixed, "fixed", 0, GREATEST))
        object.__setattr__(self, "per_token", read_number(self.per_token, "per_token", 0, GREATEST))

    @property
    def least(self) -> float:
        """Smallest cost of any call on at least one token."""
        return self.fixed + self.per_token

    def at(self, q: int) -> float:
        """Cost of a call on q >= 1 tokens."""
        return self.fixed + self.per_token * q

    def drafting(self, tokens: int) -> float:
        """Cost of drafting so many tokens, >= 0, in a step of its own: a call on one token for each."""
        return tokens * self.at(1)

    @property
    def end(self) -> None:
        """A formula has no end."""
        return None

    def to_json(self) -> object:
        """The shortest specification with this meaning."""
        return {"fixed": self.fixed, "per_token": self.per_token} if self.per_token else self.fixed

    def law_json(self) -> object:
        """The same: it has nothing else to say."""
        return self.to_json()


@dataclass(frozen=True)
class Tabulated:
    """Cost by_tokens[q - 1] of a call on q tokens.

    Attributes:
        by_tokens: At least one cost in [0, 1e60].
        beyond: Cost of calls on more tokens than the list has entries. "last": the last entry; "linear", which needs
            two entries: the last entry and `slope` for each further token; "refuse": none, so that nothing may ask.
            None says nothing: the last entry, but whoever asks is told.
    """

    by_tokens: tuple[float, ...]
    beyond: Beyond | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_tokens", _checked("by_tokens", self.by_tokens, self.beyond))

    @property
    def end(self) -> int:
        """Tokens of the greatest call that was tabulated."""
        return len(self.by_tokens)

    @property
    def slope(self) -> float:
        """Further cost of each token beyond the end, >= 0: the last difference, or 0 where the list falls there."""
        return _slope(self.by_tokens, self.beyond)

    @property
    def least(self) -> float:
        """Smallest cost of any call on at least one token."""
        return min(self.by_tokens)

    def at(self, q: int) -> float:
        """Cost of a call on q >= 1 tokens; beyond the end by `beyond`, the last entry where it refuses."""
        return _entry(self.by_tokens, self.slope, q)

    def drafting(self, tokens: int) -> float:
        """Cost of drafting so many tokens, >= 0, in a step of its own: a call on one token for each."""
        return tokens * self.by_tokens[0]

    def to_json(self) -> object:
        """The specification."""
        return as_json("by_tokens", self.by_tokens, self.beyond)

    def law_json(self) -> object:
        """The shortest specification with these costs, whether tabulated or continued."""
        if self.slope > 0:
            return self.to_json()
        values = without_repeats(self.by_tokens)
        return {"by_tokens": list(values)} if len(values) > 1 else values[0]


@dataclass(frozen=True)
class ByDraft:
    """Cost by_draft[k - 1] of drafting k tokens in one go, for a model that drafts and never reviews.

    A go is a `tokens` step, or one block of an `until` step. What it costs depends on nothing but its length: heads
    over the target's last hidden state cost the same for every k, other drafters rise with it.

    Attributes:
        by_draft: At least one cost in [0, 1e60].
        beyond: Cost of longer goes than the list has entries, as that of a `Tabulated` cost.

    >>> ByDraft((0.3, 0.31), "linear").drafting(4)
    0.33
    """

    by_draft: tuple[float, ...]
    beyond: Beyond | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_draft", _checked("by_draft", self.by_draft, self.beyond))

    @property
    def end(self) -> int:
        """Tokens of the longest go that was tabulated."""
        return len(self.by_draft)

    @property
    def slope(self) -> float:
        """Further cost of each token beyond the end, >= 0: the last difference, or 0 where the list falls there."""
        return _slope(self.by_draft, self.beyond)

    @property
    def least(self) -> float:
        """Smallest cost of any go of at least one token."""
        return min(self.by_draft)

    def at(self, k: int) -> float:
        """Cost of a go of k >= 1 tokens; beyond the end by `beyond`, the last entry where it refuses."""
        return _entry(self.by_draft, self.slope, k)

    def drafting(self, tokens: int) -> float:
        """Cost of a go of so many tokens, >= 0; a go of none costs nothing."""
        return self.at(tokens) if tokens else 0.0

    def to_json(self) -> object:
        """The specification."""
        return as_json("by_draft", self.by_draft, self.beyond)

    def law_json(self) -> object:
        """The shortest specification with these costs, whether tabulated or continued; a number where all are 0."""
        if self.slope > 0:
            return self.to_json()
        values = without_repeats(self.by_draft)
        return {"by_draft": list(values)} if any(values) else 0.0


Cost: TypeAlias = Affine | Tabulated | ByDraft

TABLES = (Tabulated, ByDraft)
"""The costs that are lists, which end somewhere."""


def read_cost(value: object) -> Cost:
    """Read a number, a `fixed`/`per_token`, a `by_tokens` or a `by_draft` object.

    Raises:
        InputError: naming the field below this cost, the value and the allowed range.
    """
    if not isinstance(value, dict):
        return Affine(read_number(value, "", 0, GREATEST))
    fields = mapping(value, "")
    if "by_tokens" in fields:
        only_keys(fields, ("by_tokens", KEY))
        return Tabulated(tuple(sequence(fields["by_tokens"], "by_tokens")), read_beyond(fields))  # type: ignore[arg-type]
    if "by_draft" in fields:
        only_keys(fields, ("by_draft", KEY))
        return ByDraft(tuple(sequence(fields["by_draft"], "by_draft")), read_beyond(fields))  # type: ignore[arg-type]
    keys = ("fixed", "per_token")
    only_keys(fields, keys, required=keys)
    return Affine(fields["fixed"], fields["per_token"])  # type: ignore[arg-type]


def table_field(model: str, cost: Cost) -> str:
    """Where a specification has the list of a cost that is one."""
    return f"models.{model}.cost.{'by_draft' if isinstance(cost, ByDraft) else 'by_tokens'}"


def _checked(key: str, listed: Sequence[object], beyond: object) -> tuple[float, ...]:
    """The entries of a table of costs, in range, and enough of them to go on from."""
    if not listed:
        reject(key, list(listed), "a list of at least one number in [0, 1e+60]")
    values = tuple(read_number(t, f"{key}[{i}]", 0, GREATEST) for i, t in enumerate(listed))
    if checked_beyond(beyond, ("last", "linear", "refuse")) == "linear" and len(values) < 2:
        reject(key, list(values), 'at least two entries to go on "linear" from')
    return values


def _slope(values: Sequence[float], beyond: Beyond | None) -> float:
    return max(0.0, values[-1] - values[-2]) if beyond == "linear" else 0.0


def _entry(values: Sequence[float], slope: float, number: int) -> float:
    further = number - len(values)
    return values[number - 1] if further <= 0 else values[-1] + slope * further
