"""Cost of one call of a model as a function of q, the number of tokens it is called on."""

from __future__ import annotations

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
        if not self.by_tokens:
            reject("by_tokens", list(self.by_tokens), "a list of at least one number in [0, 1e+60]")
        values = [read_number(t, f"by_tokens[{i}]", 0, GREATEST) for i, t in enumerate(self.by_tokens)]
        object.__setattr__(self, "by_tokens", tuple(values))
        object.__setattr__(self, "beyond", checked_beyond(self.beyond, ("last", "linear", "refuse")))
        if self.beyond == "linear" and len(values) < 2:
            reject("by_tokens", values, 'at least two entries to go on "linear" from')

    @property
    def end(self) -> int:
        """Tokens of the greatest call that was tabulated."""
        return len(self.by_tokens)

    @property
    def slope(self) -> float:
        """Further cost of each token beyond the end, >= 0: the last difference, or 0 where the list falls there."""
        return max(0.0, self.by_tokens[-1] - self.by_tokens[-2]) if self.beyond == "linear" else 0.0

    @property
    def least(self) -> float:
        """Smallest cost of any call on at least one token."""
        return min(self.by_tokens)

    def at(self, q: int) -> float:
        """Cost of a call on q >= 1 tokens; beyond the end by `beyond`, the last entry where it refuses."""
        further = q - len(self.by_tokens)
        return self.by_tokens[q - 1] if further <= 0 else self.by_tokens[-1] + self.slope * further

    def to_json(self) -> object:
        """The specification."""
        return as_json("by_tokens", self.by_tokens, self.beyond)

    def law_json(self) -> object:
        """The shortest specification with these costs, whether tabulated or continued."""
        if self.slope > 0:
            return self.to_json()
        values = without_repeats(self.by_tokens)
        return {"by_tokens": list(values)} if len(values) > 1 else values[0]


Cost: TypeAlias = Affine | Tabulated


def read_cost(value: object) -> Cost:
    """Read a number, a `fixed`/`per_token` or a `by_tokens` object.

    Raises:
        InputError: naming the field below this cost, the value and the allowed range.
    """
    if not isinstance(value, dict):
        return Affine(read_number(value, "", 0, GREATEST))
    fields = mapping(value, "")
    if "by_tokens" in fields:
        only_keys(fields, ("by_tokens", KEY))
        return Tabulated(tuple(sequence(fields["by_tokens"], "by_tokens")), read_beyond(fields))  # type: ignore[arg-type]
    keys = ("fixed", "per_token")
    only_keys(fields, keys, required=keys)
    return Affine(fields["fixed"], fields["per_token"])  # type: ignore[arg-type]
