"""Acceptance of one drafter's tokens by one reviewer: hazards by position and by type of token.

The hazard at position j is P(the reviewer accepts the token at index j of its whole draft | all before it were
accepted). The product of hazards up to j is the survival.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from analysis.model.beyond import KEY, Beyond, as_json, checked_beyond, read_beyond, without_repeats
from analysis.model.boundary.fields import inside, mapping, only_keys, read_number, reject, sequence


@dataclass(frozen=True)
class PerPosition:
    """Hazards listed by position, or one number that holds at every position: the i.i.d. case.

    Attributes:
        hazards: At least one probability in [0, 1].
        beyond: Hazards past the end of a list. "last": the last entry; "refuse": none, so that nothing may ask. None
            says nothing: the last entry, but whoever asks is told.
        is_list: Whether the hazards are a list that ends with its last entry; False is a number. By default a number
            is what has but one value, and a list what has several.
    """

    hazards: tuple[float, ...]
    beyond: Beyond | None = None
    is_list: bool | None = None

    def __post_init__(self) -> None:
        if not self.hazards:
            reject("per_position", list(self.hazards), "a list of at least one number in [0, 1]")
        values = tuple(read_number(h, f"per_position[{j}]", 0, 1) for j, h in enumerate(self.hazards))
        beyond = checked_beyond(self.beyond, ("last", "refuse"))
        is_list = len(set(values)) > 1 or beyond is not None if self.is_list is None else self.is_list
        object.__setattr__(self, "hazards", values if is_list else values[:1])
        object.__setattr__(self, "beyond", beyond)
        object.__setattr__(self, "is_list", is_list)

    @property
    def end(self) -> int | None:
        """Number of positions listed; None of a number, which has no end."""
        return len(self.hazards) if self.is_list else None

    def at(self, position: int) -> float:
        """Hazard at a position >= 0, in [0, 1]; beyond the end the last one, where it refuses too."""
        return self.hazards[min(position, len(self.hazards) - 1)]

    def first(self, positions: int) -> tuple[float, ...]:
        """Hazards at positions 0..positions - 1."""
        return self.hazards[:positions] + (self.hazards[-1],) * (positions - len(self.hazards))

    def to_json(self) -> object:
        """The specification: a number or a list."""
        return as_json("per_position", self.hazards, self.beyond) if self.is_list else self.hazards[0]

    def law_json(self) -> object:
        """The shortest specification with these hazards, whether listed or continued."""
        values = without_repeats(self.hazards)
        return values[0] if len(values) == 1 else {"per_position": list(values)}


@dataclass(frozen=True)
class Decaying:
    """Hazard min(1, max(floor, initial * decay**j)) at position j.

    With `floor` 0 the survival is initial^(i+1) decay^(i(i+1)/2), the "geometric survival" of serving engines
    (vLLM PR 38045).

    Attributes:
        initial: Hazard at position 0, in [0, 1].
        decay: Factor a position, >= 0; above 1 the hazard rises.
        floor: Smallest hazard, in [0, 1].
    """

    initial: float
    decay: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "initial", read_number(self.initial, "initial", 0, 1))
        object.__setattr__(self, "decay", read_number(self.decay, "decay", 0))
        object.__setattr__(self, "floor", read_number(self.floor, "floor", 0, 1))

    def at(self, position: int) -> float:
        """Hazard at a position >= 0, in [0, 1]."""
        try:
            raw = self.initial * self.decay**position
        except OverflowError:
            raw = 1.0 if self.initial > 0 else 0.0
        return min(1.0, max(self.floor, raw))

    def first(self, positions: int) -> tuple[float, ...]:
        """Hazards at positions 0..positions - 1."""
        return tuple(self.at(j) for j in range(positions))

    @property
    def end(self) -> None:
        """A formula has no end."""
        return None

    def to_json(self) -> object:
        """The specification, with the default floor left out."""
        floor = {"floor": self.floor} if self.floor else {}
        return {"initial": self.initial, "decay": self.decay, **floor}

    def law_json(self) -> object:
        """The same: it has nothing else to say."""
        return self.to_json()


Hazard: TypeAlias = PerPosition | Decaying


@dataclass(frozen=True)
class Acceptance:
    """Hazards of one reviewer-drafter pair by the outcome of the drafter's own inner review.

    Attributes:
        accepted: Hazard of tokens that passed the drafter's inner review, and of all leaf tokens.
        corrected: Hazard of the last token of a round: the inner review's correction or bonus token.
    """

    accepted: Hazard
    corrected: Hazard

    @property
    def is_constant(self) -> bool:
        """Whether one number says it all (independent of position and type)."""
        hazards = {h for kind in (self.accepted, self.corrected) if isinstance(kind, PerPosition) for h in kind.hazards}
        return len(hazards) == 1 and all(
            isinstance(kind, PerPosition) and kind.beyond != "refuse" for kind in (self.accepted, self.corrected)
        )

    @property
    def is_typed(self) -> bool:
        """Whether the type of a token matters at some position."""
        return self.accepted.law_json() != self.corrected.law_json()

    def of(self, corrected: bool) -> Hazard:
        """Hazards of tokens of the given type."""
        return self.corrected if corrected else self.accepted

    def at(self, position: int, corrected: bool = False) -> float:
        """Hazard of a token of the given type at a position >= 0, in [0, 1]."""
        return self.of(corrected).at(position)

    def to_json(self) -> object:
        """The shortest specification with this meaning."""
        if self.accepted == self.corrected:
            return self.accepted.to_json()
        return {"accepted": self.accepted.to_json(), "corrected": self.corrected.to_json()}

    def law_json(self) -> object:
        """The shortest specification with these hazards, whether listed or continued."""
        if not self.is_typed:
            return self.accepted.law_json()
        return {"accepted": self.accepted.law_json(), "corrected": self.corrected.law_json()}


def read_acceptance(value: object) -> Acceptance:
    """Read a number, a `per_position`, an `initial`/`decay`, or an `accepted`/`corrected` object.

    Raises:
        InputError: naming the field below this pair, the value and the allowed range.
    """
    if isinstance(value, dict) and ("accepted" in value or "corrected" in value):
        keys = ("accepted", "corrected")
        only_keys(value, keys, required=keys)
        with inside("accepted"):
            accepted = _read_hazard(value["accepted"])
        with inside("corrected"):
            corrected = _read_hazard(value["corrected"])
        return Acceptance(accepted, corrected)
    hazard = _read_hazard(value)
    return Acceptance(hazard, hazard)


def _read_hazard(value: object) -> Hazard:
    if not isinstance(value, dict):
        return PerPosition((read_number(value, "", 0, 1),))
    fields = mapping(value, "")
    if "per_position" in fields:
        only_keys(fields, ("per_position", KEY))
        listed = tuple(sequence(fields["per_position"], "per_position"))
        return PerPosition(listed, read_beyond(fields), is_list=True)  # type: ignore[arg-type]
    only_keys(fields, ("initial", "decay", "floor"), required=("initial", "decay"))
    hazard = Decaying(fields["initial"], fields["decay"], fields.get("floor", 0.0))  # type: ignore[arg-type]
    return PerPosition((hazard.at(0),)) if hazard.decay == 1 else hazard
