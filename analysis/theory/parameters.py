"""The numbers of a specification that its cycle depends on, with the derivatives of hazards and costs in each.

Parameters are named by their path in the specification, as in ``acceptance.t.d1.per_position[2]`` or
``models.d1.cost.fixed``; a standard error in `uncertainty` has the same path below `acceptance` or `models`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from analysis.model import Acceptance, Affine, ByDraft, Cascade, Cost, Decaying, PerPosition, check_reach, walk
from analysis.model.hazard import Hazard
from analysis.theory.taylor import Dual

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Parameter:
    """One number of a specification.

    Attributes:
        keys: Keys and indices that lead to it in the specification.
        value: Its value: a hazard or a hazard's parameter, or a cost in the specification's unit.
    """

    keys: Path
    value: float

    @property
    def path(self) -> str:
        """Where the specification has it, in one string."""
        first, *others = self.keys
        return str(first) + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in others)


class Parameters:
    """Hazards and costs of a cascade as dual numbers.

    Args:
        cascade: The cascade; every pair and every cost its draft uses must be given.
        differentiate: Whether to carry derivatives; False lists no parameters, which is faster.

    Attributes:
        listed: The parameters, in the order of the derivatives: acceptances by review, then costs by model.
    """

    def __init__(self, cascade: Cascade, *, differentiate: bool) -> None:
        check_reach(cascade)
        self._cascade = cascade
        self.listed: list[Parameter] = []
        self._index: dict[Path, int] = {}
        if differentiate:
            for path, value in _used(cascade):
                if path not in self._index:
                    self._index[path] = len(self.listed)
                    self.listed.append(Parameter(path, value))

    def hazards(self, reviewer: str, drafter: str, corrected: bool, positions: int) -> Dual:
        """Hazards at positions 0..positions - 1, shape (1 + parameters, positions)."""
        acceptance = self._cascade.pair(reviewer, drafter)
        hazard = acceptance.corrected if corrected else acceptance.accepted
        result = np.zeros((1 + len(self.listed), positions))
        result[0] = hazard.first(positions)
        if not self.listed or positions == 0:
            return result
        base = ("acceptance", reviewer, drafter, *_type_key(acceptance, corrected))
        if isinstance(hazard, PerPosition):
            entry = np.minimum(np.arange(positions), len(hazard.hazards) - 1)
            for i, (path, _) in enumerate(_hazard_paths(hazard, base)):
                result[1 + self._index[path]] = entry == i
            return result
        for name, derivative in _decaying_derivatives(hazard, positions).items():
            result[1 + self._index[*base, name]] = derivative
        return result

    def costs(self, model: str, q: Sequence[int]) -> Dual:
        """Costs of calls on q tokens each, in the specification's unit, shape (1 + parameters, len(q)).

        Of a cost by draft they are those of goes of q tokens each.
        """
        cost = self._cascade.cost(model)
        result = np.zeros((1 + len(self.listed), len(q)))
        result[0] = [cost.at(tokens) for tokens in q]
        if not self.listed:
            return result
        names = [path for path, _ in _cost_paths(cost, ("models", model, "cost"))]
        if isinstance(cost, Affine):
            result[1 + self._index[names[0]]] = 1.0
            if cost.per_token:
                result[1 + self._index[names[1]]] = q
            return result
        entry = np.minimum(np.asarray(q), len(names)) - 1
        for i, path in enumerate(names):
            result[1 + self._index[path]] = entry == i
        if cost.slope > 0:
            further = np.maximum(np.asarray(q) - len(names), 0)
            result[1 + self._index[names[-1]]] += further
            result[1 + self._index[names[-2]]] -= further
        return result

    def drafting(self, model: str, most: int) -> Dual:
        """Costs of drafting 0..most tokens in one step, shape (1 + parameters, most + 1)."""
        if not isinstance(self._cascade.cost(model), ByDraft):
            return self.costs(model, [1]) * np.arange(most + 1)
        return np.concatenate([np.zeros((1 + len(self.listed), 1)), self.costs(model, range(1, most + 1))], axis=1)


def _used(cascade: Cascade) -> list[tuple[Path, float]]:
    """(path, value) of every parameter the draft's reviews, calls and the unit of cost read."""
    found: list[tuple[Path, float]] = []
    called = [cascade.target]
    for _, reviewer, step in walk(cascade.draft, cascade.target):
        acceptance = cascade.pair(reviewer, step.by)
        for corrected in (False, True) if step.draft else (False,):
            hazard = acceptance.corrected if corrected else acceptance.accepted
            base = ("acceptance", reviewer, step.by, *_type_key(acceptance, corrected))
            found += _hazard_paths(hazard, base)
        called.append(step.by)
    for model in called:
        found += _cost_paths(cascade.cost(model), ("models", model, "cost"))
    return found


def _type_key(acceptance: Acceptance, corrected: bool) -> Path:
    if acceptance.accepted == acceptance.corrected:
        return ()
    return ("corrected",) if corrected else ("accepted",)


def _hazard_paths(hazard: Hazard, base: Path) -> list[tuple[Path, float]]:
    if isinstance(hazard, Decaying):
        return [((*base, name), getattr(hazard, name)) for name in ("initial", "decay", "floor")]
    if not hazard.is_list:
        return [(base, hazard.hazards[0])]
    return [((*base, "per_position", j), h) for j, h in enumerate(hazard.hazards)]


def _cost_paths(cost: Cost, base: Path) -> list[tuple[Path, float]]:
    if isinstance(cost, Affine):
        if not cost.per_token:
            return [(base, cost.fixed)]
        return [((*base, "fixed"), cost.fixed), ((*base, "per_token"), cost.per_token)]
    if isinstance(cost, ByDraft):
        return [((*base, "by_draft", k), t) for k, t in enumerate(cost.by_draft)]
    return [((*base, "by_tokens", i), t) for i, t in enumerate(cost.by_tokens)]


def _decaying_derivatives(hazard: Decaying, positions: int) -> dict[str, Dual]:
    """Derivatives of min(1, max(floor, initial decay^j)); where branches meet, that of initial decay^j is taken."""
    j = np.arange(positions)
    with np.errstate(over="ignore"):
        power = np.power(hazard.decay, j)
        before = np.where(j > 0, np.power(hazard.decay, np.maximum(j - 1, 0)), 0.0)
    raw = np.array([hazard.initial * p if hazard.initial else 0.0 for p in power])
    on_floor = raw < hazard.floor
    free = ~on_floor & (raw <= 1.0)
    return {
        "initial": np.where(free & np.isfinite(power), power, 0.0),
        "decay": np.where(free, hazard.initial * j * np.where(np.isfinite(before), before, 0.0), 0.0),
        "floor": on_floor.astype(float),
    }
