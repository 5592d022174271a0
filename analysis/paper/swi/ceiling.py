"""What theory says any cascade of calibrated models could gain over speculative decoding with the best one drafter.

Theory counts a drafter's abstaining as a rejection, and knows no cascade in which another drafter falls in then: the
models must be without drafters that abstain, and cascades with them may gain more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace

from analysis.model import Affine, Cascade, Draft, InputError, Step
from analysis.optimum import Problem, optimise
from analysis.theory.exact import ewif

MAX_DEPTH = 3


@dataclass(frozen=True)
class Possible:
    """The greatest gain at one kind of costs.

    Attributes:
        costs: Name of the costs.
        speculative: Draft of the best speculative decoding.
        speculative_ewif: Its EWIF.
        optimum: Best draft found.
        optimum_ewif: Its EWIF.
        upper_bound: No cascade of that length and depth has a greater EWIF.
        alpha_bound: 1 / (1 - greatest hazard of any drafter at the target): the bound at free drafting; None where that
            hazard is 1.
        max_tokens: Greatest length of a draft.
    """

    costs: str
    speculative: Draft
    speculative_ewif: float
    optimum: Draft
    optimum_ewif: float
    upper_bound: float
    alpha_bound: float | None
    max_tokens: int

    @property
    def additional(self) -> float:
        """Predicted gain of the best cascade found over speculative decoding."""
        return self.optimum_ewif / self.speculative_ewif - 1

    @property
    def at_most(self) -> float:
        """No cascade of these models gains more."""
        return self.upper_bound / self.speculative_ewif - 1

    def to_json(self) -> dict[str, object]:
        """All of it; drafts as in a specification."""
        drafts = {key: [step.to_json() for step in getattr(self, key)] for key in ("speculative", "optimum")}
        return asdict(self) | drafts | {"additional": self.additional, "at_most": self.at_most}


def with_costs(models: Cascade, costs: Mapping[str, float]) -> Cascade:
    """The models with one number a call from a table; drafters that are not in it are free."""
    changed = {name: replace(model, cost=Affine(costs.get(name, 0.0))) for name, model in models.models.items()}
    return replace(models, models=changed, uncertainty=None)


def possible(kind: str, models: Cascade, neural: Collection[str], max_tokens: int) -> Possible:
    """The optimum and its bound beside the best speculative decoding.

    Args:
        kind: Name of the costs.
        models: Calibrated models that never abstain, without a draft.
        neural: The drafters that speculative decoding may use.
        max_tokens: Greatest length of a draft, at every level.

    Raises:
        InputError: where no neural drafter has an acceptance by the target.
    """
    target = models.target
    row = models.acceptance.get(target, {})
    singles = [(Step(name, tokens=k),) for name in neural if name in row for k in range(1, max_tokens + 1)]
    if not singles:
        raise InputError(f"acceptance.{target}", "has no neural drafter, expected one for speculative decoding")
    speculative = max(singles, key=lambda draft: ewif(models.with_draft(draft)))
    found = optimise(Problem(models.with_draft(()), max_tokens, MAX_DEPTH))
    greatest = max(row[name].at(j, corrected) for name in row for j in range(max_tokens) for corrected in (False, True))
    return Possible(
        kind,
        speculative,
        ewif(models.with_draft(speculative)),
        found.draft,
        found.ewif,
        found.certificate.upper_bound,
        None if greatest == 1 else 1 / (1 - greatest),
        max_tokens,
    )
