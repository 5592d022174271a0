"""Cost of one call of a model as a function of q, the number of tokens it is called on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from analysis.model.boundary.fields import mapping, number, only_keys, reject, sequence

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
        object.__setattr__(self, "fixed", number(self.fixed, "fixed", 0, GREATEST))
        object.__setattr__(self, "per_token", number(self.per_token, "per_token", 0, GREATEST))

    @property
    def least(self) -> float:
        """Smallest cost of any call on at least one token."""
        return self.fixed + self.per_token

    def at(self, q: int) -> float:
        """Cost of a call on q >= 1 tokens."""
        return self.fixed + self.per_token * q

    def to_json(self) -> object:
        """The shortest specification with this meaning."""
        return {"fixed": self.fixed, "per_token": self.per_token} if self.per_token else self.fixed


@dataclass(frozen=True)
class Tabulated:
    """Cost by_tokens[q - 1] of a call on q tokens; the last entry repeats.

    Attributes:
        by_tokens: At least one cost in [0, 1e60]; trailing repeats are dropped, since they mean nothing.
    """

    by_tokens: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.by_tokens:
            reject("by_tokens", list(self.by_tokens), "a list of at least one number in [0, 1e+60]")
        values = [number(t, f"by_tokens[{i}]", 0, GREATEST) for i, t in enumerate(self.by_tokens)]
        while len(values) > 1 and values[-1] == values[-2]:
            values.pop()
        object.__setattr__(self, "by_tokens", tuple(values))

    @property
    def least(self) -> float:
        """Smallest cost of any call on at least one token."""
        return min(self.by_tokens)

    def at(self, q: int) -> float:
        """Cost of a call on q >= 1 tokens."""
        return self.by_tokens[min(q, len(self.by_tokens)) - 1]

    def to_json(self) -> object:
        """The specification without trailing repeats."""
        return {"by_tokens": list(self.by_tokens)} if len(self.by_tokens) > 1 else self.by_tokens[0]


Cost: TypeAlias = Affine | Tabulated


def read_cost(value: object) -> Cost:
    """Read a number, a `fixed`/`per_token` or a `by_tokens` object.

    Raises:
        InputError: naming the field below this cost, the value and the allowed range.
    """
    if not isinstance(value, dict):
        return Affine(number(value, "", 0, GREATEST))
    fields = mapping(value, "")
    if "by_tokens" in fields:
        only_keys(fields, ("by_tokens",))
        table = Tabulated(tuple(sequence(fields["by_tokens"], "by_tokens")))  # type: ignore[arg-type]
        return table if len(table.by_tokens) > 1 else Affine(table.by_tokens[0])
    keys = ("fixed", "per_token")
    only_keys(fields, keys, required=keys)
    return Affine(fields["fixed"], fields["per_token"])  # type: ignore[arg-type]
