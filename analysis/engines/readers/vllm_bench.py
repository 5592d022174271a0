"""The report that ``vllm bench serve`` prints at its end, with or without its part on speculative decoding."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.engines.readers.matching import NUMBER, number_after
from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters

MARKS = ("Serving Benchmark Result", "Acceptance length:")

CONVENTION = (
    "vllm bench serve: acceptance by position is a share of all drafts (survival), in per cent; the acceptance length "
    "counts the bonus token and leaves out steps without a draft. Steps without a draft are worked out here from "
    "tokens written; seconds from the mean time per output token, which averages over requests and not over tokens."
)

UNKNOWN = ("How the batch was filled from moment to moment: times are means over the load of the run.",)

_POSITION = re.compile(r"^\s*Position \d+:\s+" + NUMBER, re.MULTILINE)


def read(text: str, model: str | None = None) -> EngineCounters:
    """Counters of one report.

    Args:
        text: The report.
        model: Not told by the report; must be None.

    Raises:
        InputError: naming the counter that cannot be.
    """
    if model is not None:
        raise InputError("model", "the report does not tell models apart, expected none to be asked for")
    rates = [float(each) / 100 for each in _POSITION.findall(text)]
    requests, written = number_after("Successful requests", text), number_after("Total generated tokens", text)
    tokens = None if written is None or requests is None else max(0.0, written - requests)
    if number_after("Drafts", text) is None and (rates or "Acceptance length" in text):
        return _of_rates(text, rates, tokens)
    per_token = number_after("Mean TPOT (ms)", text)
    drafts, accepted = number_after("Drafts", text) or 0.0, number_after("Accepted tokens", text) or 0.0
    return EngineCounters(
        "vllm",
        CONVENTION,
        drafts=drafts,
        steps_without_draft=None if tokens is None else max(0.0, tokens - accepted - drafts),
        drafted=number_after("Draft tokens", text) or 0.0,
        accepted=accepted,
        accepted_by_position=tuple(float(round(rate * drafts)) for rate in rates),
        draft_length=len(rates) or None,
        tokens=tokens,
        decode_seconds=None if per_token is None or tokens is None else tokens * per_token / 1000,
        requests=requests,
        concurrency=number_after("Maximum request concurrency", text),
        is_rounded=True,
        unknown=UNKNOWN,
    )


def _of_rates(text: str, rates: Sequence[float], tokens: float | None) -> EngineCounters:
    """What an excerpt without counts tells."""
    per_token = number_after("Mean TPOT (ms)", text)
    return EngineCounters(
        "vllm",
        CONVENTION,
        mean_tokens=number_after("Acceptance length", text),
        survival=tuple(rates),
        draft_length=len(rates) or None,
        tokens=tokens or (None if per_token is None else 1.0),
        decode_seconds=None if per_token is None else (tokens or 1.0) * per_token / 1000,
        concurrency=number_after("Maximum request concurrency", text),
        is_rounded=True,
        unknown=("How many drafts there were: the excerpt has no counts, so nothing has an interval.", *UNKNOWN),
    )
