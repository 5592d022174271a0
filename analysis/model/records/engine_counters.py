"""What a serving engine counted while it decoded, with or without speculation: one record for every engine.

Engines print different numbers under the same names. Here every number has one meaning, and `convention` says in words
what the engine itself prints, so that a reader can check the translation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from analysis.model.boundary.fields import InputError, count, read_number, reject
from analysis.model.records.counter_checks import check_falling, check_most, difference, difference_of_lists
from analysis.model.records.position_rates import (
    PositionRate,
    rates_of_counts,
    rates_of_requests,
    rates_of_shares,
)
from analysis.model.step import MAX_DRAFT_LENGTH

LEAST_REQUESTS = 10
"""Least number of requests whose spread tells how far acceptance may be off."""

SLACK = 1e-3
"""Share by which accepted tokens and their sum over positions may differ: they are not read at one instant."""


@dataclass(frozen=True)
class EngineCounters:
    """Counters of one engine over one stretch of time, as differences of two readings or from its start.

    A step is one call of the target on one sequence (a batch of 8 sequences makes 8 steps at once). It writes the
    accepted tokens and one more, the correction or bonus token. Positions are counted from 0.

    Attributes:
        engine: "vllm", "sglang", "llama.cpp", "tensorrt-llm", "transformers", "spec-bench" or "plain".
        convention: What the engine's own numbers mean, in sentences.
        drafts: Steps that had a draft; 0 without speculation, None where unknown.
        steps_without_draft: Steps that had none, as where a copier abstained; None where the engine does not say.
        drafted: Tokens drafted; None where unknown.
        accepted: Drafted tokens that were accepted, corrections and bonus tokens not counted; None where unknown.
        accepted_by_position: Drafts whose first j + 1 tokens were all accepted (survival counts), j = 0, 1, ...
        offered_by_position: Drafts that had a token at position j, where the engine says so.
        draft_length: Tokens of the longest draft that was asked for, or that is seen; None where unknown.
        tokens: Tokens written by steps: without the first of every request, which its prompt's call writes.
        decode_seconds: Seconds between the first and the last token of a request, summed over requests.
        draft_seconds: Seconds spent on drafting, counted as `decode_seconds` are, where the engine measures them.
        engine_steps: Calls of the target on whole batches.
        requests: Requests that began.
        concurrency: Mean number of sequences in a batch.
        mean_tokens: Tokens of a step with a draft, correction or bonus counted, where that mean is all that is known.
        survival: Share of drafts whose first j + 1 tokens were accepted, where shares are all that is known.
        is_rounded: Whether counts were worked out from rounded rates.
        model: What the engine calls its model.
        unknown: What these counters cannot tell, in sentences.
        by_request: Drafts of each request and, behind them, its accepted by position, where requests are told apart.

    Raises:
        InputError: naming the counter that cannot be, with its value and its range.

    >>> seen = EngineCounters("plain", "counts", drafts=1000, drafted=3000, accepted=1950, draft_length=3,
    ...                       accepted_by_position=(820, 650, 480))
    >>> seen.tokens_per_draft(), [round(rate.hazard, 3) for rate in seen.rates()]
    (2.95, [0.82, 0.793, 0.738])
    """

    engine: str
    convention: str
    drafts: float | None = None
    steps_without_draft: float | None = None
    drafted: float | None = None
    accepted: float | None = None
    accepted_by_position: tuple[float, ...] = ()
    offered_by_position: tuple[float, ...] = ()
    draft_length: int | None = None
    tokens: float | None = None
    decode_seconds: float | None = None
    draft_seconds: float | None = None
    engine_steps: float | None = None
    requests: float | None = None
    concurrency: float | None = None
    mean_tokens: float | None = None
    survival: tuple[float, ...] = ()
    is_rounded: bool = False
    model: str | None = None
    unknown: tuple[str, ...] = ()
    by_request: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in (*_COUNTS, "concurrency"):
            if (value := getattr(self, name)) is not None:
                read_number(value, name, 0)
        if self.draft_length is not None:
            count(self.draft_length, "draft_length", MAX_DRAFT_LENGTH)
        for name in _LISTS:
            if len(getattr(self, name)) > MAX_DRAFT_LENGTH:
                reject(name, f"{len(getattr(self, name))} positions", f"at most {MAX_DRAFT_LENGTH}")
            for j, value in enumerate(getattr(self, name)):
                read_number(value, f"{name}[{j}]", 0)
        check_falling("accepted_by_position", self.accepted_by_position, self.drafts, "drafts", self._slack)
        check_falling("offered_by_position", self.offered_by_position, self.drafts, "drafts", self._slack)
        check_falling("survival", self.survival, 1.0, "1", 0.0)
        for i, (drafts, *accepted) in enumerate(self.by_request):
            check_falling(f"by_request[{i}]", accepted, drafts, "its drafts", 0.0)
        self._check_totals()

    @property
    def is_speculative(self) -> bool:
        """Whether anything was drafted."""
        return bool(self.drafts or self.mean_tokens is not None or self.survival)

    @property
    def steps(self) -> float | None:
        """Steps with and without a draft; None where unknown.

        Where steps without a draft are not counted, each step wrote one token more than it accepted: tokens - accepted,
        which is too few by the accepted tokens that ends of texts cut off.
        """
        if self.drafts is not None and self.steps_without_draft is not None:
            return self.drafts + self.steps_without_draft
        if self.tokens is not None and self.accepted is not None:
            return max(self.tokens - self.accepted, self.drafts or 0.0)
        return None

    @property
    def has_one_length(self) -> bool | None:
        """Whether all drafts were `draft_length` long, up to ends of texts; None where unknown.

        Where they were not, survival counts do not tell a rejected token from a draft that ended. Where drafts are
        not counted, every step is taken to have one.
        """
        mean = self.mean_drafted
        if mean is None or self.draft_length is None:
            return None
        return mean >= (1 - _ENDS_OF_TEXTS) * self.draft_length

    @property
    def positions(self) -> int:
        """Number of positions up to the last at which a token was accepted; 0 where positions are not told apart."""
        listed = self.accepted_by_position or self.survival
        return max((j + 1 for j, value in enumerate(listed) if value > 0), default=0)

    @property
    def mean_drafted(self) -> float | None:
        """Mean tokens of a draft, or of a step where drafts are not counted; None where unknown."""
        drafts = self.steps if self.drafts is None else self.drafts
        return self.drafted / drafts if drafts and self.drafted is not None else None

    @property
    def own_length(self) -> float | None:
        """Mean tokens of drafts that end by themselves; None where all are as long as they may be, or it is unknown."""
        return self.mean_drafted if self.has_one_length is False else None

    @property
    def acceptance_rate(self) -> float | None:
        """Accepted over drafted tokens, in [0, 1]: an average over positions, not alpha."""
        return self.accepted / self.drafted if self.drafted and self.accepted is not None else None

    @property
    def abstained(self) -> float | None:
        """Share of steps without a draft, in [0, 1]; None where unknown."""
        if not self.steps or self.drafts is None:
            return self.steps_without_draft if self.steps_without_draft == 0 else None
        return 1 - self.drafts / self.steps

    @property
    def seconds_per_step(self) -> float | None:
        """Mean seconds of a step; None where unknown."""
        if self.steps and self.decode_seconds is not None:
            return self.decode_seconds / self.steps
        tokens = self.tokens_per_step()
        return tokens / self.tokens_per_second if tokens and self.tokens_per_second else None

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens of one sequence in a second of decoding; None where unknown."""
        return self.tokens / self.decode_seconds if self.decode_seconds and self.tokens is not None else None

    @property
    def undrafted(self) -> float | None:
        """Steps without a draft, as counted, or else from tokens written less those accepted; None where unknown."""
        if self.steps_without_draft is not None or self.drafts is None or self.steps is None:
            return self.steps_without_draft
        return self.steps - self.drafts

    def tokens_per_draft(self, *, bonus: bool = True) -> float | None:
        """Mean tokens of the steps that had a draft: what most engines call acceptance length.

        Args:
            bonus: Whether the correction or bonus token of every step is counted.
        """
        if self.drafts and self.accepted is not None:
            return self.accepted / self.drafts + bonus
        if self.mean_tokens is not None:
            return self.mean_tokens - (not bonus)
        return sum(self.survival) + bonus if self.survival else None

    def tokens_per_step(self, *, bonus: bool = True) -> float | None:
        """Mean tokens of all steps, those without a draft too; None where unknown.

        Args:
            bonus: Whether the correction or bonus token of every step is counted.
        """
        if self.steps and self.accepted is not None:
            return self.accepted / self.steps + bonus
        if not self.is_speculative and self.drafts == 0:
            return 1.0 * bonus
        per_draft = self.tokens_per_draft(bonus=bonus)
        return per_draft if self.steps_without_draft == 0 else None

    def rates(self) -> tuple[PositionRate, ...]:
        """Acceptance by position with 95 % intervals, those of Jeffreys: Beta(accepted + 1/2, rejected + 1/2).

        Where ten requests or more are told apart, their spread makes the interval. Elsewhere tokens are taken to be
        independent given their position; where requests differ, truth is wider.

        Examined are the drafts whose tokens before were all accepted, so drafts that ended there count as rejected,
        unless `offered_by_position` tells them apart. Positions that no draft reached are left out, and so, where
        drafts differ in length, are those behind the last token that was ever accepted.
        """
        if not self.accepted_by_position or not self.drafts:
            return tuple(rates_of_shares(self.survival))
        accepted = self.accepted_by_position
        if self.has_one_length is False:
            accepted = accepted[: self.positions]
        if len(self.by_request) >= LEAST_REQUESTS and not self.steps_without_draft:
            return tuple(rates_of_requests(self.by_request, len(accepted)))
        return tuple(rates_of_counts(self.drafts, accepted, self.offered_by_position))

    def with_draft_length(self, length: int | None) -> EngineCounters:
        """The same, with the length of drafts where the engine does not tell it.

        Where neither drafts nor steps are counted, all drafts are taken to be that long.

        Args:
            length: Tokens of the longest draft that was asked for; None leaves all as it is.

        Raises:
            InputError: where the engine tells another, or more was drafted than that.

        >>> seen = EngineCounters("llama.cpp", "counts", drafted=140, accepted=84, tokens=127, requests=1)
        >>> round(seen.with_draft_length(5).own_length, 2)
        3.26
        """
        if length is None or length == self.draft_length:
            return self
        if self.draft_length is not None:
            reject("draft_length", length, f"{self.draft_length}, which the engine tells")
        steps = self.steps if self.drafts is None else self.drafts
        if self.drafted and steps and self.drafted > length * (steps + length * (self.requests or 0.0)):
            reject("draft_length", length, f"at least {self.drafted / steps:.3g}, the tokens drafted in a step")
        drafts = self.drafted / length if self.drafted and not steps else self.drafts
        return replace(self, draft_length=length, drafts=drafts)

    def since(self, start: EngineCounters) -> EngineCounters:
        """What was counted after an earlier reading of the same engine.

        Args:
            start: The earlier reading.

        Raises:
            InputError: where the readings are not of one engine and model, or a counter fell.
        """
        for name in ("engine", "model"):
            if getattr(self, name) != getattr(start, name):
                found = f"got {getattr(start, name)!r} at the start and {getattr(self, name)!r} at the end"
                raise InputError(name, f"{found}, expected two readings of one engine")
        if self.mean_tokens is not None or self.survival:
            raise InputError("start", "these are means, which cannot be subtracted, expected counters")
        changes: dict[str, object] = {
            name: difference(name, getattr(self, name), getattr(start, name)) for name in _COUNTS
        }
        for name in ("accepted_by_position", "offered_by_position"):
            changes[name] = difference_of_lists(name, getattr(self, name), getattr(start, name))
        result = replace(self, concurrency=None, by_request=(), **changes)  # type: ignore[arg-type]
        if result.engine_steps and result.steps is not None:
            return replace(result, concurrency=result.steps / result.engine_steps)
        return result

    def to_json(self) -> dict[str, object]:
        """All that is known, as JSON has it."""
        listed = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in listed.items() if v is not None and v != ()}

    @property
    def _slack(self) -> float:
        """Counts by which rounding may break an order: none where nothing was rounded."""
        return 2.0 + _ROUNDED * (self.drafts or 0.0) if self.is_rounded else 0.0

    def _check_totals(self) -> None:
        accepted, drafted, drafts = self.accepted, self.drafted, self.drafts
        if accepted is not None and drafted is not None:
            check_most("accepted", accepted, drafted, "drafted", 0.0)
        if drafted is not None and drafts is not None and self.draft_length is not None:
            check_most("drafted", drafted, drafts * self.draft_length, "drafts times draft_length", self._slack)
        if self.accepted_by_position and accepted is not None:
            total = sum(self.accepted_by_position)
            if abs(total - accepted) > self._slack * len(self.accepted_by_position) + SLACK * accepted:
                problem = f"got {total:g} in all, expected {accepted:g}, the accepted tokens"
                raise InputError("accepted_by_position", problem)
        if self.tokens is not None and accepted is not None:
            lost = 2.0 * self.tokens
            if self.requests is not None and self.draft_length is not None:
                lost = self.tokens + self.requests * self.draft_length
            check_most("accepted", accepted, lost, "the tokens written and what ends of texts cut off", self._slack)
        if self.mean_tokens is not None:
            high = self.draft_length + 1 if self.draft_length is not None else float("inf")
            read_number(self.mean_tokens, "mean_tokens", 1, high)


_COUNTS = (
    "drafts",
    "steps_without_draft",
    "drafted",
    "accepted",
    "tokens",
    "decode_seconds",
    "draft_seconds",
    "engine_steps",
    "requests",
)
_LISTS = ("accepted_by_position", "offered_by_position", "survival")
_ROUNDED = 0.02
"""Share of drafts by which counts may be off that were worked out from rates of two or three decimals."""
_ENDS_OF_TEXTS = 0.02
"""Share of drafted tokens that ends of texts may cut from drafts of one length."""
