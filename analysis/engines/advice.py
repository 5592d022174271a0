"""How many tokens to draft, from an engine's counters and what drafting costs, and what these do not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from analysis.engines.by_length import LengthEstimate, best_of, estimates
from analysis.engines.comparison import EngineComparison
from analysis.engines.specification import step_rates
from analysis.engines.step_cost import StepCost
from analysis.model.records.engine_counters import EngineCounters
from analysis.model.records.position_rates import PositionRate, rates_of_shares

FURTHEST = 2
"""How many times as long as the longest draft in the data a guess beyond them may be."""

_ALONE = 1.5
"""Sequences at a time above which a run is no longer of one sequence."""


@dataclass(frozen=True)
class PricedLengths:
    """EWIF by draft length under one law of costs.

    Attributes:
        cost: The law.
        rows: One estimate a length, from 0 on.
        guess: The best length if acceptance went on as at the last position, and the EWIF then; None where the best
            length lies within the data, or no guess makes sense.
    """

    cost: StepCost
    rows: tuple[LengthEstimate, ...]
    guess: tuple[int, float] | None

    @property
    def best(self) -> LengthEstimate:
        """The best length, the shorter of two alike."""
        return best_of(self.rows)


@dataclass(frozen=True)
class EngineAdvice:
    """What to do with the draft length of an engine.

    Attributes:
        counters: What was read.
        rates: Acceptance by position, over all steps.
        priced: Estimates under each law of costs: one, or the two between which the truth lies.
        comparison: With a run without speculation, where there is one.
        tokens: The draft length advised: the one that loses least, in the worst of the laws, against its best.
        regret: What it loses then, as a share of that best, in [0, 1].
        unknown: What is not known, in sentences.
    """

    counters: EngineCounters
    rates: tuple[PositionRate, ...]
    priced: tuple[PricedLengths, ...]
    comparison: EngineComparison | None
    tokens: int
    regret: float
    unknown: tuple[str, ...]

    @property
    def used_length(self) -> int:
        """Draft length of the run that was read: the longest known position."""
        return len(self.rates)

    def to_json(self) -> dict[str, object]:
        """The advice as it is printed."""
        both = self.comparison
        return {
            "tokens": self.tokens,
            "regret": self.regret,
            "read": self.counters.to_json(),
            "tokens_per_step": self.counters.tokens_per_step(),
            "baseline": None if both is None else both.to_json(),
            "alpha": [asdict(rate) for rate in self.rates],
            "lengths": [
                {
                    "cost": asdict(each.cost),
                    "rows": [asdict(row) for row in each.rows],
                    "guess": None if each.guess is None else {"tokens": each.guess[0], "ewif": each.guess[1]},
                }
                for each in self.priced
            ],
            "unknown": list(self.unknown),
        }


def advice_of(
    counters: EngineCounters,
    costs: Sequence[StepCost],
    *,
    comparison: EngineComparison | None = None,
    draft_length: int | None = None,
) -> EngineAdvice:
    """Advice on the draft length.

    Args:
        counters: Of a run with speculation.
        costs: Laws of the cost of a step, at least one.
        comparison: With a run without speculation.
        draft_length: Tokens of a draft, where the counters do not tell.

    Raises:
        InputError: where the counters do not tell acceptance.
    """
    rates = step_rates(counters, draft_length)
    is_one_number = not counters.rates()
    priced = tuple(_priced(rates, cost, counters, is_one_number) for cost in costs)
    worst = [max(1 - each.rows[k].ewif / each.best.ewif for each in priced) for k in range(len(rates) + 1)]
    tokens = min(range(len(worst)), key=worst.__getitem__)
    return EngineAdvice(
        counters,
        rates,
        priced,
        comparison,
        tokens,
        worst[tokens],
        (*_unknown(counters, rates, is_one_number), *_unknown_costs(costs, counters, comparison), *counters.unknown),
    )


def _priced(
    rates: Sequence[PositionRate], cost: StepCost, counters: EngineCounters, is_one_number: bool
) -> PricedLengths:
    rows = tuple(estimates(rates, cost, is_one_number=is_one_number, by_request=counters.by_request))
    guess = None
    if best_of(rows).tokens == len(rates) and cost.rises and counters.has_one_length is not False:
        last = rates[-1].hazard
        survival = [1.0]
        for rate in rates:
            survival.append(survival[-1] * rate.hazard)
        survival += [survival[-1] * last ** (j + 1) for j in range((FURTHEST - 1) * len(rates))]
        further = best_of(estimates(tuple(rates_of_shares(survival[1:])), cost))
        guess = (further.tokens, further.ewif) if further.tokens > len(rates) else None
    return PricedLengths(cost, rows, guess)


def _unknown(counters: EngineCounters, rates: Sequence[PositionRate], is_one_number: bool) -> list[str]:
    found = []
    if is_one_number:
        found.append("Acceptance by position: one number stands for all, as the mean tells it.")
    if counters.has_one_length is False:
        found.append(
            f"Conditional acceptance: drafts end by themselves (mean {counters.mean_drafted:.3g} tokens), so a draft "
            "that ended looks like a rejection. Each length here is a limit on these drafts."
        )
        found.append(
            f"What a limit of k tokens costs: it is priced as min(k, {counters.mean_drafted:.3g}) tokens a draft, the "
            "most that it can be in the mean, so a limit may gain more than is said here."
        )
    elif counters.draft_length and len(rates) < counters.draft_length:
        found.append(f"Acceptance beyond {len(rates)} tokens: no draft got so far.")
    elif not is_one_number:
        found.append(f"Acceptance beyond {len(rates)} tokens: no longer draft was made.")
    if counters.abstained is None:
        found.append("Steps without a draft: not told apart, so they are taken to be none.")
    if rates[0].low is not None and not (counters.by_request and rates[0].weight < 1):
        found.append("How much requests differ: intervals take tokens as independent, so the truth is wider.")
    return found


def _unknown_costs(
    costs: Sequence[StepCost], counters: EngineCounters, comparison: EngineComparison | None
) -> list[str]:
    """What is not known of the costs."""
    found = []
    if not any(cost.error for cost in costs):
        found.append("How far costs are off: taken as exact (--cost-error says otherwise).")
    if comparison is not None:
        found += comparison.doubts
        found.append(
            "Whether each further token costs more than the one before, as on a device at its limit: then shorter "
            "drafts gain more than is said."
        )
    elif counters.concurrency and counters.concurrency > _ALONE:
        found.append(
            f"Whether the costs given hold at the load of this run, {counters.concurrency:.3g} sequences at a time; "
            "--baseline takes them from its clock."
        )
    return found
