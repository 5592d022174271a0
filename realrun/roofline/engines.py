"""How far measured calls and generations are from the least times of their calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.model import InputError
from analysis.model.records.call_times import CallTimes
from analysis.model.records.runs import MeasuredRun
from realrun.roofline.bound import CallBound


@dataclass(frozen=True)
class CallShare:
    """A timed call beside its least time.

    Attributes:
        q: Tokens of the call.
        held: Tokens held before it.
        seconds: Measured.
        least: By the roofline.
    """

    q: int
    held: int
    seconds: float
    least: float

    @property
    def share(self) -> float:
        """Least over measured seconds; above 1 the machine did more than the rates that were measured."""
        return self.least / self.seconds

    def to_json(self) -> dict[str, object]:
        """All of it."""
        return {"q": self.q, "held": self.held, "seconds": self.seconds, "least": self.least, "share": self.share}


def call_shares(times: CallTimes, bound: CallBound) -> list[CallShare]:
    """Every entry of a table of measured calls; one that took no time by its clock is left out."""
    return [
        CallShare(q, held, seconds, bound.least(q, held))
        for held, row in zip(times.contexts, times.seconds, strict=True)
        for q, seconds in zip(times.sizes, row, strict=True)
        if seconds > 0
    ]


@dataclass(frozen=True)
class MethodShare:
    """All runs of one method beside the least times of the target's calls.

    Attributes:
        method: Its name.
        weights: Format of the target's weights; None where neither rows nor options tell one that is known.
        tokens_per_second: Tokens over seconds of decoding, of all runs.
        of_plain: That over the greatest speed without speculation: above 1 only where drafts are accepted, or where the
            machine did more than the rates that were measured. None without a format.
        of_calls: Least seconds of the target's calls that were made over all seconds of decoding, drafters and loop
            included. None without a format, or where rows do not tell the sizes of these calls.
        drafts: Whether it speculates.
    """

    method: str
    weights: str | None
    tokens_per_second: float
    of_plain: float | None
    of_calls: float | None
    drafts: bool

    @property
    def exceeded(self) -> bool:
        """Whether a limit was passed that the rates, were they the machine's greatest, would not let anything pass."""
        return any(share is not None and share > 1 for share in (self.of_calls, None if self.drafts else self.of_plain))

    def to_json(self) -> dict[str, object]:
        """All of it."""
        return {
            "method": self.method,
            "weights": self.weights,
            "tokens_per_second": self.tokens_per_second,
            "of_plain": self.of_plain,
            "of_calls": self.of_calls,
            "drafts": self.drafts,
        }


def method_shares(
    runs: Sequence[MeasuredRun], bounds: Mapping[str, CallBound], weights: str | None = None
) -> list[MethodShare]:
    """Each method of some rows, the fastest first.

    A program's first token comes from its reading of the prompt, whose seconds do not count; neither does that token.

    Args:
        runs: Of any methods.
        bounds: By the name of the format; that of a GGUF file is ``gguf``.
        weights: Format of all that run no file of their own, instead of what their rows say.
    """
    by_method: dict[str, list[MeasuredRun]] = {}
    for run in runs:
        by_method.setdefault(run.method, []).append(run)
    found = [_shares(name, each, bounds, weights) for name, each in by_method.items()]
    return sorted(found, key=lambda share: -share.tokens_per_second)


def _shares(
    name: str, runs: Sequence[MeasuredRun], bounds: Mapping[str, CallBound], weights: str | None
) -> MethodShare:
    told = {run.weights for run in runs}
    if len(told) > 1:
        listed = ", ".join(sorted(map(str, told)))
        raise InputError("measured", f"got rows of {name!r} with different weights ({listed}), expected one format")
    (named,) = told
    form = "gguf" if named is not None and named.endswith(".gguf") else weights or named
    bound = bounds.get(form or "")
    seconds = sum(run.seconds for run in runs)
    drafts = any(not _is_plain(run) for run in runs)
    plain = calls = None
    if bound is not None:
        plain = sum(_decoded(run) * bound.least(1, _held(run)) for run in runs) / seconds
        least = [_least_of_calls(run, bound) for run in runs]
        calls = None if None in least else sum(filter(None, least)) / seconds
    tokens = sum(map(_decoded, runs))
    return MethodShare(name, form if bound else None, tokens / seconds, plain, calls, drafts)


def _decoded(run: MeasuredRun) -> int:
    """Tokens that its seconds of decoding gave."""
    return run.tokens if run.is_cascade else run.tokens - 1


def _held(run: MeasuredRun) -> int:
    """Tokens held in the middle of the text."""
    return run.prompt_tokens + run.tokens // 2


def _is_plain(run: MeasuredRun) -> bool:
    """Whether every token took a cycle of its own."""
    return not run.draft and (run.is_cascade or run.cycle_count >= _decoded(run))


def _least_of_calls(run: MeasuredRun, bound: CallBound) -> float | None:
    sizes = run.sizes.get(run.target)
    if sizes:
        return sum(number * bound.least(q, _held(run)) for q, number in sizes.items())
    return _decoded(run) * bound.least(1, _held(run)) if _is_plain(run) else None
