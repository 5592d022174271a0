"""Why speculation gained or lost: the factors of the speedup, what each part loses, and what would break even."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from analysis.engines.advice import EngineAdvice, advice_of
from analysis.engines.comparison import EngineComparison
from analysis.engines.cost_laws import laws_of_runs


@dataclass(frozen=True)
class TokensOfAStep:
    """From the most that a step could write to what it wrote, in tokens.

    Attributes:
        possible: 1 + draft length: every step drafts, and every token is accepted; None where the length is unknown.
        shorter: Lost because drafts are shorter than the longest.
        abstained: Lost because steps have no draft.
        rejected: Lost because tokens are rejected, or follow a rejected one.
        cut: Lost because ends of texts cut off accepted tokens; what remains of rounding too.
        written: What a step wrote.
    """

    possible: float | None
    shorter: float | None
    abstained: float | None
    rejected: float | None
    cut: float
    written: float


@dataclass(frozen=True)
class CostOfAStep:
    """What a step costs, in steps without speculation.

    Attributes:
        whole: Seconds of a step over seconds of one without speculation.
        drafting: Of that beyond 1, what drafting costs, where it is measured or given; None where unknown.
        rest: Review and overhead together, drafting too where it is unknown; may be negative.
        per_drafted: All beyond 1, over the tokens drafted in a step; None where these are unknown.
        most_per_drafted: What that may be at most, at this acceptance, for speculation to gain.
    """

    whole: float
    drafting: float | None
    rest: float
    per_drafted: float | None
    most_per_drafted: float | None


@dataclass(frozen=True)
class Explanation:
    """Why two runs differ.

    Attributes:
        comparison: The two runs.
        tokens: What a step writes.
        cost: What it costs.
        lengths: What other draft lengths would do; None where acceptance by length is not told.
        unknown: What is not known, in sentences.
    """

    comparison: EngineComparison
    tokens: TokensOfAStep
    cost: CostOfAStep
    lengths: EngineAdvice | None
    unknown: tuple[str, ...]

    @property
    def cannot_gain(self) -> bool:
        """Whether not even accepting every drafted token would pay for the cost of a step."""
        most = self.tokens.possible
        return most is not None and self.cost.whole >= most

    def to_json(self) -> dict[str, object]:
        """The explanation as it is printed."""
        return {
            **self.comparison.to_json(),
            "tokens_of_a_step": asdict(self.tokens),
            "cost_of_a_step": asdict(self.cost),
            "cannot_gain": self.cannot_gain,
            "lengths": None if self.lengths is None else self.lengths.to_json()["lengths"],
            "unknown": list(self.unknown),
        }


def explained(comparison: EngineComparison, draft_cost: float | None = None) -> Explanation:
    """Explain a comparison.

    Args:
        comparison: Of a run with speculation and one without.
        draft_cost: Cost of drafting one token, in one-token calls of the target, where it is known from elsewhere; the
            engine's own measurement comes first.

    Raises:
        InputError: where drafting would cost more than the clock leaves for it.

    >>> from analysis.engines.comparison import compared
    >>> from analysis.model.records.engine_counters import EngineCounters
    >>> fast = EngineCounters("plain", "counts", drafts=80, steps_without_draft=20, drafted=240, accepted=160,
    ...                       draft_length=3, tokens=260, decode_seconds=3.0)
    >>> slow = EngineCounters("plain", "counts", drafts=0, steps_without_draft=300, accepted=0, tokens=300,
    ...                       decode_seconds=6.0)
    >>> found = explained(compared(fast, slow))
    >>> found.tokens.possible, round(found.tokens.abstained, 3), round(found.tokens.rejected, 3), found.tokens.written
    (4.0, 0.6, 0.8, 2.6)
    """
    counters = comparison.speculative
    laws = laws_of_runs(comparison, draft_cost if comparison.draft_share is None else None)
    return Explanation(
        comparison,
        _tokens(comparison),
        _cost(comparison, draft_cost),
        advice_of(counters, laws, comparison=comparison) if counters.rates() else None,
        _unknown(comparison, draft_cost),
    )


def _tokens(comparison: EngineComparison) -> TokensOfAStep:
    counters = comparison.speculative
    written, expected = comparison.tokens_per_step, counters.tokens_per_step()
    cut = (expected or written) - written
    length, drafted = counters.draft_length, comparison.draft_length
    if length is None or expected is None:
        return TokensOfAStep(None, None, None, None, cut, written)
    share = 1 - (counters.abstained or 0.0)
    drafted = share * length if drafted is None else drafted
    return TokensOfAStep(
        possible=1.0 + length,
        shorter=share * length - drafted,
        abstained=(1 - share) * length,
        rejected=drafted - (expected - 1),
        cut=cut,
        written=written,
    )


def _cost(comparison: EngineComparison, draft_cost: float | None) -> CostOfAStep:
    drafted = comparison.draft_length
    drafting = comparison.draft_share
    if drafting is None and draft_cost is not None and drafted is not None:
        drafting = draft_cost * drafted
    gained = comparison.tokens_per_step - 1
    return CostOfAStep(
        whole=comparison.step_cost,
        drafting=drafting,
        rest=comparison.beyond - (drafting or 0.0),
        per_drafted=comparison.beyond / drafted if drafted else None,
        most_per_drafted=gained / drafted if drafted else None,
    )


def _unknown(comparison: EngineComparison, draft_cost: float | None) -> tuple[str, ...]:
    found = [*comparison.doubts]
    if comparison.draft_share is None and draft_cost is None:
        found.append(
            "How the cost beyond a plain step divides into drafting, review and overhead: two runs tell the sum alone "
            "(--draft-cost, or a run at another draft length, would tell more)."
        )
    else:
        found.append("How what remains divides into review and overhead.")
    if comparison.loads_differ:
        found.append("How much of the difference in time is load: the runs had batches of different size.")
    if comparison.speculative.abstained is None:
        found.append("How many steps had no draft: they are taken to be none.")
    return (*found, *dict.fromkeys((*comparison.speculative.unknown, *comparison.plain.unknown)))
