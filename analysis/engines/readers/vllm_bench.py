"""The report that ``vllm bench serve`` prints at its end, with or without its part on speculative decoding."""

from __future__ import annotations

import re

from analysis.engines.readers.matching import NUMBER, number_after
from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters

MARK = "Serving Benchmark Result"

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
        InputError: where a counter is missing or cannot be.
    """
    if model is not None:
        raise InputError("model", "the report does not tell models apart, expected none to be asked for")
    requests = _demanded("Successful requests", text)
    tokens = max(0.0, _demanded("Total generated tokens", text) - requests)
    per_token = number_after("Mean TPOT (ms)", text)
    drafts = number_after("Drafts", text) or 0.0
    accepted = number_after("Accepted tokens", text) or 0.0
    rates = [float(each) / 100 for each in _POSITION.findall(text)]
    return EngineCounters(
        "vllm",
        CONVENTION,
        drafts=drafts,
        steps_without_draft=max(0.0, tokens - accepted - drafts),
        drafted=number_after("Draft tokens", text) or 0.0,
        accepted=accepted,
        accepted_by_position=tuple(float(round(rate * drafts)) for rate in rates),
        draft_length=len(rates) or None,
        tokens=tokens,
        decode_seconds=None if per_token is None else tokens * per_token / 1000,
        requests=requests,
        concurrency=number_after("Maximum request concurrency", text),
        is_rounded=True,
        unknown=UNKNOWN,
    )


def _demanded(label: str, text: str) -> float:
    found = number_after(label, text)
    if found is None:
        raise InputError(label, "missing, expected it in the report")
    return found
