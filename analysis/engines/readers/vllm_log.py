"""vLLM's log line ``SpecDecoding metrics: ...``, one for every ten seconds or so; all lines of a log are added up."""

from __future__ import annotations

import re

from analysis.engines.readers.matching import demand_no_model, drafts_of_rates, listed_rates, number_after, summed
from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters

MARK = "SpecDecoding metrics:"

CONVENTION = (
    "vLLM's log: acceptance by position is a share of all drafts (survival); the mean acceptance length counts the "
    "bonus token and leaves out steps without a draft. Counts are worked out from rates of three decimals."
)

UNKNOWN = (
    "How many steps had no draft, and how long steps took: the log line does not say; the metrics page does.",
    "How the batch was filled while it was logged.",
)

_RATES = re.compile(r"Per-position acceptance rate:\s*([0-9.,\s]+)")


def read(text: str, model: str | None = None) -> EngineCounters:
    """Counters of all lines together.

    Args:
        text: The log, other lines included.
        model: Not told by the log; must be None.

    Raises:
        InputError: where a line lacks its counts.
    """
    demand_no_model(model)
    found = [_line(line) for line in text.splitlines() if MARK in line]
    lines = [line for line in found if line[0] > 0]
    if not lines:
        raise InputError("", f"no line of the log with {MARK!r} has drafts")
    drafts, drafted, accepted, positions = zip(*lines, strict=True)
    by_position = summed(positions)
    return EngineCounters(
        "vllm",
        CONVENTION,
        drafts=sum(drafts),
        drafted=sum(drafted),
        accepted=sum(accepted),
        accepted_by_position=by_position,
        draft_length=len(by_position) or None,
        is_rounded=True,
        unknown=UNKNOWN,
    )


def _line(line: str) -> tuple[float, float, float, tuple[float, ...]]:
    """(drafts, drafted, accepted, accepted by position) of one line."""
    accepted, drafted = number_after("Accepted", line), number_after("Drafted", line)
    rates = _RATES.search(line)
    if accepted is None or drafted is None or rates is None:
        got = f"got {line[line.index(MARK) :][:60]!r}"
        raise InputError(MARK.removesuffix(":"), f"{got}, expected Accepted, Drafted and rates in it")
    shares = listed_rates(rates[1], "Per-position acceptance rate")
    drafts = _drafts(accepted, drafted, number_after("Mean acceptance length", line), shares)
    return drafts, drafted, accepted, tuple(float(round(share * drafts)) for share in shares)


def _drafts(accepted: float, drafted: float, mean: float | None, shares: list[float]) -> float:
    """Drafts of full length where that agrees with the printed mean, else what the rates say."""
    full = drafted / len(shares) if shares else 0.0
    if full and full.is_integer() and (mean is None or abs(1 + accepted / full - mean) <= 0.0051):
        return full
    return drafts_of_rates(accepted, shares) or full
