"""The models of a specification and who accepts whose tokens how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from analysis.model.boundary.fields import inside, mapping, only_keys, read_name
from analysis.model.cost import Affine, Cost, read_cost
from analysis.model.hazard import Acceptance, read_acceptance

Load: TypeAlias = str | Mapping[str, object]
Acceptances: TypeAlias = Mapping[str, Mapping[str, Acceptance]]


@dataclass(frozen=True)
class Model:
    """One model of a cascade.

    Attributes:
        cost: Cost of a call on q tokens, normally in units of a one-token target call; None only with `load`.
        load: How a real run obtains the model: a known name, a folder, a hub id, or an object with options.
    """

    cost: Cost | None = None
    load: Load | None = None

    def to_json(self) -> dict[str, object]:
        """The specification with absent parts left out."""
        result: dict[str, object] = {}
        if self.cost is not None:
            result["cost"] = self.cost.to_json()
        if self.load is not None:
            result["load"] = self.load if isinstance(self.load, str) else dict(self.load)
        return result


def read_models(value: object) -> dict[str, Model]:
    """Read the models of a specification, by name."""
    models = {}
    for key, item in mapping(value, "").items():
        read_name(key, "")
        with inside(key):
            fields = mapping(item, "")
            only_keys(fields, ("cost", "load"))
            cost = None
            if "cost" in fields:
                with inside("cost"):
                    cost = read_cost(fields["cost"])
            models[key] = Model(cost, _read_load(fields["load"]) if "load" in fields else None)
    return models


def _read_load(value: object) -> Load:
    if isinstance(value, dict):
        return mapping(value, "load")
    return read_name(value, "load")


def acceptances(value: object) -> dict[str, dict[str, Acceptance]]:
    """Read the acceptances of a specification: ``[reviewer][drafter]``."""
    result: dict[str, dict[str, Acceptance]] = {}
    for reviewer, row in mapping(value, "").items():
        result[reviewer] = {}
        with inside(reviewer):
            for drafter, item in mapping(row, "").items():
                with inside(drafter):
                    result[reviewer][drafter] = read_acceptance(item)
    return result


def scalar_models(costs: Mapping[str, float]) -> dict[str, Model]:
    """Models with one constant cost each, for building cascades in code."""
    return {key: Model(Affine(c)) for key, c in costs.items()}
