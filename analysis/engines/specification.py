"""From an engine's counters to what the other commands take: counts for `fit`, a specification for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.engines.step_cost import StepCost
from analysis.fitting import MeanLength
from analysis.fitting.summary import fit_mean_length
from analysis.model import Cascade, InputError
from analysis.model.records.engine_counters import EngineCounters
from analysis.model.records.position_rates import PositionRate


def per_step(counters: EngineCounters) -> EngineCounters:
    """The counters with steps without a draft counted as drafts with nothing accepted.

    So survival is a share of all steps, and tokens of a step are 1 + the sum of survivals, whatever abstained. Where
    neither the engine nor the tokens written tell how many steps had no draft, they are as they were.

    >>> copier = EngineCounters("plain", "counts", drafts=60, steps_without_draft=40, accepted_by_position=(45, 30))
    >>> [round(rate.hazard, 3) for rate in per_step(copier).rates()]
    [0.45, 0.667]
    """
    if not counters.undrafted or counters.drafts is None:
        return counters
    return replace(counters, drafts=counters.drafts + counters.undrafted, steps_without_draft=0.0)


def step_rates(counters: EngineCounters, draft_length: int | None = None) -> tuple[PositionRate, ...]:
    """Acceptance by position, over all steps; from a mean alone it is one number for all positions.

    Args:
        counters: Of a run with speculation.
        draft_length: Tokens of a draft, where the counters do not tell and only a mean is known.

    Raises:
        InputError: where nothing was drafted, or a mean comes without a draft length.
    """
    if not counters.is_speculative and not counters.drafted:
        raise InputError("drafts", "got 0: speculation was off, or nothing was drafted")
    found = per_step(counters).rates()
    return found or _of_mean(counters, draft_length)


def _of_mean(counters: EngineCounters, draft_length: int | None) -> tuple[PositionRate, ...]:
    mean = counters.tokens_per_step() or counters.tokens_per_draft()
    length = counters.draft_length or draft_length
    if length is None and (mean is not None or counters.accepted is not None):
        raise InputError("draft_length", "is not told by the engine, expected the tokens of a draft to be given")
    if mean is None or length is None:
        raise InputError("accepted", "missing, expected accepted tokens, their mean, or acceptance by position")
    if mean > length + 1:
        raise InputError(
            "draft_length", f"got {length}, expected at least {mean - 1:.3g}, the tokens accepted in a step"
        )
    seen = MeanLength(mean, length, counters.steps or counters.drafts)
    alpha, error = fit_mean_length(seen)
    low, high = (None, None) if error is None else (max(0.0, alpha - 1.96 * error), min(1.0, alpha + 1.96 * error))
    examined = 0.0 if error is None else alpha * (1 - alpha) / error**2
    return tuple(PositionRate(j, examined, alpha * examined, alpha, low, high) for j in range(length))


def fit_counts(counters: EngineCounters) -> dict[str, object]:
    """What `analysis.fit` and ``cascade-ewif fit`` take: "rows", "survival" or "mean_length".

    Raises:
        InputError: where nothing tells acceptance.

    >>> seen = EngineCounters("plain", "counts", drafts=1000, accepted_by_position=(820, 650))
    >>> fit_counts(seen)
    {'rows': [{'examined': [1000, 820], 'accepted': [820, 650]}]}
    """
    if counters.survival:
        return {"survival": list(counters.survival)}
    rates = counters.rates()
    if counters.by_request and not counters.steps_without_draft:
        return {"rows": [_row(i, counts) for i, counts in enumerate(counters.by_request) if counts[0] > 0]}
    if rates:
        row = {"examined": [rate.examined for rate in rates], "accepted": [rate.accepted for rate in rates]}
        return {"rows": [row]}
    mean = counters.tokens_per_draft()
    if mean is None or counters.draft_length is None:
        raise InputError("counters", "tell neither acceptance by position nor a mean with the length of drafts")
    found: dict[str, object] = {"mean_length": mean, "draft_length": counters.draft_length, "bonus_counted": True}
    return found | ({"cycles": counters.drafts} if counters.drafts else {})


def _row(request: int, counts: Sequence[float]) -> dict[str, object]:
    """Counts of one request, as far as its drafts got."""
    reached = [j for j in range(len(counts) - 1) if counts[j] > 0]
    return {
        "prompt": f"request {request + 1}",
        "examined": [counts[j] for j in reached],
        "accepted": [counts[j + 1] for j in reached],
    }


def specification(rates: Sequence[PositionRate], law: StepCost, tokens: int) -> Cascade:
    """The drafter as a specification, which ends where the counters do and carries the standard errors.

    Its EWIF is that of `analysis.engines.by_length.estimates`: drafting, review and overhead are all put into the
    drafter's cost, since only their sum is known.

    Args:
        rates: Acceptance by position, over all steps.
        law: Of the cost of a step.
        tokens: Draft length, from 0 to as many as positions are known.
    """
    errors = [rate.error for rate in rates]
    acceptance = {"per_position": [rate.hazard for rate in rates], "beyond": "refuse"}
    costs = law.engine_costs(len(rates))
    return costs.cascade(acceptance, tokens, None if None in errors else {"per_position": errors})
