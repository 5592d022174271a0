"""vLLM's log line ``SpecDecoding metrics: ...``, one for every ten seconds or so; all lines of a log are added up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.engines.readers.matching import demand_no_model, drafts_of_rates, listed_rates, number_after, summed
from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters

MARK = "SpecDecoding metrics:"

CONVENTION = (
    "vLLM's log: acceptance by position is a share of all drafts (survival); the mean acceptance length counts the "
    "bonus token and leaves out steps without a draft. Counts are worked out from rates of three decimals."
)

EARLY = (
    "vLLM's log before it told positions (0.8): accepted and drafted tokens, correction and bonus tokens not counted."
)

EARLY_UNKNOWN = (
    "How many drafts there were: taken as the drafted tokens over the draft length.",
    "Acceptance by position: these versions do not log it.",
)

FORMER_MARK = "Speculative metrics:"

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
    marked = [line for line in text.splitlines() if MARK in line]
    if not any(_RATES.search(line) for line in marked):
        return _read_early(marked)
    found = [_line(line) for line in marked]
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


def read_former(text: str, model: str | None = None) -> EngineCounters:
    """Refuse the log of vLLM's former engine.

    Raises:
        InputError: always.
    """
    raise InputError(
        FORMER_MARK.removesuffix(":"),
        "are of vLLM's former engine (V0), which added running totals up again; expected 'SpecDecoding metrics'",
    )


def _read_early(lines: Sequence[str]) -> EngineCounters:
    """Counters of lines without acceptance by position."""
    accepted = drafted = 0.0
    for line in lines:
        gained, offered = number_after("Accepted", line), number_after("Drafted", line)
        if gained is None or offered is None:
            raise InputError(MARK.removesuffix(":"), f"got {_shown(line)}, expected Accepted and Drafted in it")
        accepted, drafted = accepted + gained, drafted + offered
    if not drafted:
        raise InputError("", f"no line of the log with {MARK!r} has drafts")
    return EngineCounters("vllm", EARLY, drafted=drafted, accepted=accepted, unknown=(*EARLY_UNKNOWN, *UNKNOWN))


def _shown(line: str) -> str:
    return repr(line[line.index(MARK) :][:60])


def _line(line: str) -> tuple[float, float, float, tuple[float, ...]]:
    """(drafts, drafted, accepted, accepted by position) of one line."""
    accepted, drafted = number_after("Accepted", line), number_after("Drafted", line)
    rates = _RATES.search(line)
    if accepted is None or drafted is None or rates is None:
        raise InputError(MARK.removesuffix(":"), f"got {_shown(line)}, expected Accepted, Drafted and rates in it")
    shares = listed_rates(rates[1], "Per-position acceptance rate")
    drafts = _drafts(accepted, drafted, number_after("Mean acceptance length", line), shares)
    return drafts, drafted, accepted, tuple(float(round(share * drafts)) for share in shares)


def _drafts(accepted: float, drafted: float, mean: float | None, shares: list[float]) -> float:
    """Drafts of full length where that agrees with the printed mean, else what the rates say."""
    full = drafted / len(shares) if shares else 0.0
    if full and full.is_integer() and (mean is None or abs(1 + accepted / full - mean) <= 0.0051):
        return full
    return drafts_of_rates(accepted, shares) or full
