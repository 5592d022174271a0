"""Laws of a step's cost for one drafter: from costs that are given, or between the extremes that two runs leave."""

from __future__ import annotations

from dataclasses import replace

from analysis.engines.comparison import EngineComparison
from analysis.engines.step_cost import StepCost
from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters

_ROUNDING = 1e-9


def given_law(counters: EngineCounters, draft_cost: float, review_cost: float = 0.0, error: float = 0.0) -> StepCost:
    """The law of costs by token that are known from elsewhere.

    Args:
        counters: Tell how many steps have a draft, and how long drafts are that end by themselves.
        draft_cost: Cost of each drafted token, in one-token calls of the target.
        review_cost: What each further token adds to the target's call, in the same unit.
        error: Relative standard error of the costs.
    """
    share = 1 - (counters.abstained or 0.0)
    words = f"a drafted token costs {draft_cost:g}"
    words += f" and its review {review_cost:g}" if review_cost else ", its review nothing"
    return StepCost(words, 0.0, share * (draft_cost + review_cost), counters.own_length, error)


def extreme_laws(comparison: EngineComparison, error: float = 0.0) -> tuple[StepCost, StepCost]:
    """The two laws between which the truth lies, where only a step's whole cost is known, at one draft length.

    Drafting and reviewing k tokens costs beyond a plain step what was measured at the run's own length. At one extreme
    it is in proportion to the tokens, at the other it is the same for every length. A cost that rises with the tokens,
    but with each further one by no more than with those before, lies between them.

    Args:
        comparison: Of the run with one without speculation.
        error: Relative standard error of the cost beyond a plain step.
    """
    counters = comparison.speculative
    beyond = max(0.0, comparison.beyond)
    longest = counters.own_length
    drafted = longest or counters.draft_length or counters.mean_drafted or 1.0
    by_token = StepCost("all of it in proportion to the tokens drafted", 0.0, beyond / drafted, longest, error)
    fixed = StepCost("all of it the same for every length", beyond, 0.0, longest, error)
    return by_token, fixed


def laws_of_runs(
    comparison: EngineComparison, draft_cost: float | None = None, error: float = 0.0
) -> tuple[StepCost, StepCost]:
    """The extremes that two runs leave, with the cost of drafting taken out where it is given or the engine times it.

    Args:
        comparison: Of the run with one without speculation.
        draft_cost: Cost of each drafted token, in one-token calls of the target; None where it is not known.
        error: Relative standard error of the costs.

    Raises:
        InputError: where drafting would cost more than the clock leaves for it.
    """
    if draft_cost is None and comparison.draft_share is not None and comparison.draft_length:
        draft_cost = min(comparison.draft_share, max(0.0, comparison.beyond)) / comparison.draft_length
    return extreme_laws(comparison, error) if draft_cost is None else measured_drafting(comparison, draft_cost, error)


def measured_drafting(comparison: EngineComparison, draft_cost: float, error: float = 0.0) -> tuple[StepCost, StepCost]:
    """The extremes where the cost of a drafted token is known: the rest, review and overhead, is not split further.

    Args:
        comparison: Of the run with one without speculation.
        draft_cost: Cost of each drafted token, in one-token calls of the target.
        error: Relative standard error of the costs.

    Raises:
        InputError: where drafting would cost more than the clock leaves for it.
    """
    counters = comparison.speculative
    drafting = given_law(counters, draft_cost)
    longest = counters.own_length
    drafted = longest or counters.draft_length or counters.mean_drafted or 1.0
    rest = comparison.beyond - drafting.per_token * drafted
    if rest < -_ROUNDING:
        raise InputError(
            "draft_cost",
            f"got {draft_cost:g}: drafting would cost {drafting.per_token * drafted:.3g} of a plain step in each step, "
            f"more than the {max(0.0, comparison.beyond):.3g} that all beyond a plain step takes by the clock",
        )
    rest = max(0.0, rest)
    by_token = replace(
        drafting,
        words=f"a drafted token costs {draft_cost:.4g}, and what remains is in proportion to the tokens",
        per_token=drafting.per_token + rest / drafted,
        error=error,
    )
    fixed = replace(
        drafting,
        words=f"a drafted token costs {draft_cost:.4g}, and what remains is the same for every length",
        fixed=rest,
        error=error,
    )
    return by_token, fixed
