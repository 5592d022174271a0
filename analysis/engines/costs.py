"""Costs of an engine's target and drafter as they come from outside: the record, and the cascade that it prices.

Costs are in plain steps: a step of the same engine without speculation, on the same machine under the same load, with
all that the engine does around the target's call. So EWIF by these costs is the speedup over that engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.model import Affine, Cascade, Cost

TARGET, DRAFTER = "target", "draft"
"""Names of the two models in a priced cascade."""


@dataclass(frozen=True)
class EngineCosts:
    """What verification and drafting cost in an engine.

    Attributes:
        target: Cost of a step's verification on q tokens, in plain steps; 1 for one token.
        drafter: Cost of the drafter: of each token as a number, or of k tokens in one go.
        source: Where they come from, in words.
        errors: Standard errors in the shape of a cost, by "target" and "draft"; without a key, none is known.
        assumed: What had to be assumed to tell the two apart, in sentences.
        unknown: What the source cannot tell, in sentences.
    """

    target: Cost
    drafter: Cost
    source: str
    errors: Mapping[str, object] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def cascade(self, acceptance: object, tokens: int, acceptance_error: object = None) -> Cascade:
        """Speculative decoding at these costs, with their standard errors as its `uncertainty`.

        `analysis.theory.sensitivity.standard_error` of it is the error of its EWIF by the delta method.

        Args:
            acceptance: Of the drafter's tokens, as a specification has it: a number, ``{"per_position": [...]}`` ...
            tokens: Tokens drafted in a step, >= 0.
            acceptance_error: Its standard errors in the same shape; None where none is known.

        Raises:
            InputError: naming the field, its value and what is allowed.

        Example:
            >>> costs = EngineCosts(Affine(1.0), Affine(0.069), "measured", {"draft": 0.002})
            >>> from analysis import ewif
            >>> from analysis.theory.sensitivity import standard_error
            >>> it = costs.cascade(0.8, 3)
            >>> round(ewif(it), 3), round(standard_error(it), 3)
            (2.446, 0.012)
        """
        spec: dict[str, object] = {
            "target": TARGET,
            "models": {TARGET: {"cost": self.target.to_json()}, DRAFTER: {"cost": self.drafter.to_json()}},
            "acceptance": {TARGET: {DRAFTER: acceptance}},
            "draft": [{"by": DRAFTER, "tokens": tokens}] if tokens else [],
            "meta": {"costs": self.source},
        }
        uncertainty: dict[str, object] = {}
        if acceptance_error is not None:
            uncertainty["acceptance"] = {TARGET: {DRAFTER: acceptance_error}}
        if self.errors:
            uncertainty["models"] = {name: {"cost": error} for name, error in self.errors.items()}
        return Cascade.from_json(spec | ({"uncertainty": uncertainty} if uncertainty else {}))

    def to_json(self) -> dict[str, object]:
        """The costs as they are printed."""
        return {
            "target": self.target.to_json(),
            "drafter": self.drafter.to_json(),
            "errors": dict(self.errors),
            "source": self.source,
            "assumed": list(self.assumed),
            "unknown": list(self.unknown),
        }


def per_drafted_token(cost: float) -> EngineCosts:
    """The costs of a user who knows one number: verification as dear as a plain step, so much for a drafted token."""
    assumed = ("verifying a draft costs what a plain step costs",)
    return EngineCosts(
        Affine(1.0), Affine(cost), f"{cost:g} of a plain step for a drafted token, as given", {}, assumed
    )
