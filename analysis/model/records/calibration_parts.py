"""Parts of a calibration file: acceptance by type and by prompt, matches, the loop's own time, the file of traces.

Each part reads and writes its own place of ``meta.calibration``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from analysis.model.boundary.fields import InputError, inside, mapping, read_name, read_number, sequence
from analysis.model.hazard import Acceptance, Hazard, read_acceptance
from analysis.model.reach import holding_on

Pair: TypeAlias = tuple[str, str]
"""(reviewer, drafter)."""
T = TypeVar("T")

_MOST = 10**9
"""Greatest number of tokens or seconds of a calibration."""


@dataclass(frozen=True)
class LoopSeconds:
    """The decoding loop's own time, outside the models' calls, in seconds.

    Attributes:
        per_cycle: Of each cycle, the target's review included, >= 0.
        per_review: Of each inner review, >= 0.
        per_drafted_token: Of each token that a network drafts in a leaf step, >= 0.
        per_proposal: Of each token that a statistical drafter is asked for, >= 0; far less than that of a network,
            which is chosen from logits.
        runs: Number of runs it was told from; None where the file does not say, as for the next two.
        own_seconds: All that these runs spent outside calls.
        residual_share: The share of it that the four parts do not explain, as the sum of absolute differences.
    """

    per_cycle: float = 0.0
    per_review: float = 0.0
    per_drafted_token: float = 0.0
    per_proposal: float = 0.0
    runs: int | None = None
    own_seconds: float | None = None
    residual_share: float | None = None

    @classmethod
    def of_json(cls, value: object) -> LoopSeconds:
        """Read ``loop_seconds``."""
        fields = mapping(value, "")
        known = [each.name for each in dataclasses.fields(cls) if fields.get(each.name) is not None]
        found = {key: read_number(fields[key], key, 0, _MOST) for key in known}
        runs = {"runs": int(found["runs"])} if "runs" in found else {}
        return cls(**(found | runs))  # type: ignore[arg-type]

    def to_json(self) -> dict[str, object]:
        """That object."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


@dataclass(frozen=True)
class TypedAcceptance:
    """Acceptance of a drafter's tokens by what its own review said of them: an entry of ``by_type``.

    Attributes:
        inner: Whose drafts the drafter's review judged.
        accepted: Hazards of tokens that passed that review; None where none was seen.
        corrected: Hazards of its corrections and bonus tokens; None where none was seen.
        errors: Standard errors of the two, in the shape of `uncertainty`.
    """

    inner: str
    accepted: Hazard | None
    corrected: Hazard | None
    errors: Mapping[str, object] = field(default_factory=dict)

    @property
    def hazards(self) -> Acceptance | None:
        """Both, going on past the ends of their tables; None where one was not seen."""
        if self.accepted is None or self.corrected is None:
            return None
        return Acceptance(holding_on(self.accepted), holding_on(self.corrected))

    @classmethod
    def of_json(cls, value: object) -> TypedAcceptance:
        """Read an entry of ``by_type``."""
        fields = mapping(value, "")
        return cls(
            inner=read_name(fields.get("inner"), "inner"),
            accepted=_hazard(fields, "accepted"),
            corrected=_hazard(fields, "corrected"),
            errors=mapping(fields.get("uncertainty", {}), "uncertainty"),
        )

    def to_json(self) -> dict[str, object]:
        """That entry."""
        both = {"accepted": self.accepted, "corrected": self.corrected}
        hazards = {key: hazard.to_json() for key, hazard in both.items() if hazard is not None}
        return {"inner": self.inner, **hazards, "uncertainty": dict(self.errors)}


@dataclass(frozen=True)
class PromptCounts:
    """Agreement at every place of one prompt's text, a draft's first token there: a row of ``by_prompt``.

    Attributes:
        id: Of the prompt; None where the file does not tell.
        category: Its domain; None where unknown.
        tokens: Length of its text, >= 0.
        agree: By (reviewer, drafter): accepted, examined; accepted is a sum of probabilities under sampling.
    """

    id: str | int | None
    category: str | None
    tokens: int
    agree: Mapping[Pair, tuple[float, float]]

    @classmethod
    def of_json(cls, value: object) -> PromptCounts:
        """Read a row of ``by_prompt``."""
        fields = mapping(value, "")
        key, category = fields.get("id"), fields.get("category")
        if isinstance(key, bool) or not (key is None or isinstance(key, (str, int))):
            raise InputError("id", f"got {key!r}, expected a string or a whole number")
        return cls(
            id=key,
            category=category if isinstance(category, str) else None,
            tokens=int(read_number(fields.get("tokens", 0), "tokens", 0, _MOST)),
            agree=flat(read_pairs(fields.get("agree"), "agree", _accepted_of_examined)),
        )

    def to_json(self) -> dict[str, object]:
        """That row."""
        agree = nested({pair: list(counts) for pair, counts in self.agree.items()})
        return {"id": self.id, "category": self.category, "tokens": self.tokens, "agree": agree}


@dataclass(frozen=True)
class MatchLaw:
    """How a statistical drafter's copies fare: ``match``.

    Attributes:
        by: The drafter.
        found: Share of places at which it had a match, in [0, 1].
        by_length: By length of the match, 0 for none: places, and places at which the target said the same.
        hazards: By position, of drafts that begin with a match.
    """

    by: str
    found: float
    by_length: Mapping[int, tuple[int, int]]
    hazards: tuple[float, ...]

    @classmethod
    def of_json(cls, value: object) -> MatchLaw:
        """Read ``match``."""
        fields = mapping(value, "")
        by_length = {}
        for key, pair in mapping(fields.get("by_length"), "by_length").items():
            if not (key.isascii() and key.isdigit()):
                raise InputError("by_length", f"got the key {key!r}, expected a length")
            accepted, places = _accepted_of_examined(tuple(reversed(sequence(pair, f"by_length.{key}"))))
            by_length[int(key)] = int(places), int(accepted)
        hazards = sequence(fields.get("hazard_by_position"), "hazard_by_position")
        return cls(
            by=read_name(fields.get("by"), "by"),
            found=read_number(fields.get("found"), "found", 0, 1),
            by_length=by_length,
            hazards=tuple(read_number(h, f"hazard_by_position[{j}]", 0, 1) for j, h in enumerate(hazards)),
        )

    def to_json(self) -> dict[str, object]:
        """That object."""
        return {
            "by": self.by,
            "found": self.found,
            "by_length": {str(length): list(pair) for length, pair in self.by_length.items()},
            "hazard_by_position": list(self.hazards),
        }


@dataclass(frozen=True)
class TracesFile:
    """Which file has the recorded agreements: ``traces``.

    Attributes:
        file: Its path from the calibration's folder.
        sha256: Hash of its bytes; None where not told.
    """

    file: str
    sha256: str | None = None

    @classmethod
    def of_json(cls, value: object) -> TracesFile:
        """Read ``traces``."""
        fields = mapping(value, "")
        sha256 = fields.get("sha256")
        return cls(read_name(fields.get("file"), "file"), None if sha256 is None else read_name(sha256, "sha256"))

    def to_json(self) -> dict[str, object]:
        """That object."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


def read_pairs(value: object, field: str, read: Callable[[object], T]) -> dict[str, dict[str, T]]:
    """A table ``[reviewer][drafter]`` of anything."""
    found: dict[str, dict[str, T]] = {}
    with inside(field):
        for reviewer, row in mapping(value, "").items():
            found[reviewer] = {}
            for drafter, entry in mapping(row, reviewer).items():
                with inside(f"{reviewer}.{drafter}"):
                    found[reviewer][drafter] = read(entry)
    return found


def flat(table: Mapping[str, Mapping[str, T]]) -> dict[Pair, T]:
    """``[reviewer][drafter]`` by pair."""
    return {(reviewer, drafter): entry for reviewer, row in table.items() for drafter, entry in row.items()}


def nested(pairs: Mapping[Pair, T]) -> dict[str, dict[str, T]]:
    """By pair to ``[reviewer][drafter]``."""
    found: dict[str, dict[str, T]] = {}
    for (reviewer, drafter), entry in pairs.items():
        found.setdefault(reviewer, {})[drafter] = entry
    return found


def _hazard(fields: Mapping[str, object], key: str) -> Hazard | None:
    if key not in fields:
        return None
    with inside(key):
        found = read_acceptance(fields[key])
        if found.accepted != found.corrected:
            raise InputError("", "expected hazards of one type")
    return found.accepted


def _accepted_of_examined(value: object) -> tuple[float, float]:
    both = sequence(value, "")
    if len(both) != 2:
        raise InputError("", "expected [accepted, examined]")
    examined = read_number(both[1], "examined", 0)
    return _as_given(both[0], read_number(both[0], "accepted", 0, examined)), _as_given(both[1], examined)


def _as_given(value: object, read: float) -> float:
    """A count that was whole stays whole."""
    return value if isinstance(value, int) else read
