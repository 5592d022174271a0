"""A cascade whose numbers stay the fractions they were given as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from analysis.derive import draft_cost, gain, repeated
from analysis.model import Cascade, Draft, walk
from analysis.theory import exact


@dataclass(frozen=True)
class ExactCascade:
    """A draft with acceptances and costs; the target is "t" and its one-token call costs 1 unless given.

    Attributes:
        draft: The steps of a cycle.
        alphas: ``alphas[reviewer, drafter]``: a fraction, or an `acceptance` entry with fractions in it.
        costs: Cost by model: a fraction, or a `cost` entry with fractions in it.
    """

    draft: Draft
    alphas: Mapping[tuple[str, str], Any]
    costs: Mapping[str, Any]

    def ewif(self) -> Fraction | float:
        """EWIF: an exact fraction for `tokens` and `rounds` with constant numbers, a float otherwise."""
        constant = all(isinstance(v, (int, Fraction)) for v in (*self.alphas.values(), *self.costs.values()))
        if not constant or any(step.until is not None for _, _, step in walk(self.draft, "t")):
            return exact.ewif(self.cascade())
        steps = repeated(self.draft)
        target = self.costs.get("t", 1)
        tokens = 1 + gain(steps, "t", lambda r, d: self.alphas[r, d])
        cost: Fraction = 1 + draft_cost(steps, lambda d: Fraction(self.costs[d]) / target)
        return Fraction(tokens) / cost

    def spec(self) -> dict[str, object]:
        """The specification, its fractions rounded to floats."""
        acceptance: dict[str, dict[str, object]] = {}
        for (reviewer, drafter), entry in self.alphas.items():
            acceptance.setdefault(reviewer, {})[drafter] = _plain(entry)
        costs = {"t": 1} | dict(self.costs)
        return {
            "target": "t",
            "models": {name: {"cost": _plain(entry)} for name, entry in costs.items()},
            "acceptance": acceptance,
            "draft": [step.to_json() for step in self.draft],
        }

    def cascade(self) -> Cascade:
        """The cascade, its fractions rounded to floats."""
        return Cascade.from_json(self.spec())


def _plain(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {key: _plain(value) for key, value in entry.items()}
    if isinstance(entry, (list, tuple)):
        return [_plain(value) for value in entry]
    return entry if isinstance(entry, str) else float(entry)
