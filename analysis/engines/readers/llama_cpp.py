"""llama.cpp's server: the ``timings`` of its answers, the lines of its log, and its metrics page.

The first token of an answer is written by the prompt's call, and its time is not in ``predicted_ms``; so neither is
counted here. Each step writes the accepted tokens and one more, so steps are tokens - accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from analysis.engines.readers.matching import (
    NUMBER,
    demand_no_model,
    drafts_of_rates,
    listed_rates,
    number_after,
    summed,
)
from analysis.engines.readers.prometheus import read_page
from analysis.model import InputError
from analysis.model.boundary.fields import inside, read_number
from analysis.model.records.engine_counters import EngineCounters

PREFIX = "llamacpp:"

CONVENTION = (
    "llama.cpp: accepted over generated is a share of drafted tokens; mean lengths count the bonus token; rates by "
    "position are shares of all drafts (survival). Steps without a draft are in no rate; steps are counted here as "
    "tokens written less tokens accepted."
)

NO_POSITIONS = "Acceptance by position: only its log at -lv 4, or newer versions, tell it."
NO_DRAFTS = "How many steps had a draft, and how long drafts were: timings do not say."
LOAD = "How many slots decoded at the same time."

_EVAL = re.compile(r"(prompt )?eval time\s*=\s*" + NUMBER + r" ms /\s*(\d+) tokens")
_REQUEST = re.compile(r"draft acceptance(?: rate)?\s*=.*?\(\s*(\d+) accepted\s*/\s*(\d+) generated\s*\)(.*)")
_TUPLE = re.compile(r"rate(?: per position|/pos)\s*=\s*\(([^)]*)\)")
_TOTALS = re.compile(r"statistics\s+(\S+):.*?#gen drafts\s*=\s*(\d+).*")


def read_timings(rows: Sequence[Mapping[str, object]]) -> EngineCounters:
    """Counters of the ``timings`` of one or more answers.

    Args:
        rows: The objects under ``timings``.

    Raises:
        InputError: naming the row and what is wrong with it.
    """
    tokens = seconds = drafted = accepted = 0.0
    for i, row in enumerate(rows):
        with inside(f"timings[{i}]"):
            written = read_number(row.get("predicted_n"), "predicted_n", 0)
            tokens += max(0.0, written - 1)
            seconds += read_number(row.get("predicted_ms"), "predicted_ms", 0) / 1000
            offered = read_number(row.get("draft_n", 0), "draft_n", 0)
            drafted += offered
            accepted += read_number(row.get("draft_n_accepted", 0), "draft_n_accepted", 0, offered)
    return EngineCounters(
        "llama.cpp",
        CONVENTION,
        drafts=None if drafted else 0.0,
        steps_without_draft=None if drafted else tokens,
        drafted=drafted,
        accepted=accepted,
        tokens=tokens,
        decode_seconds=seconds,
        requests=float(len(rows)),
        unknown=(NO_POSITIONS, NO_DRAFTS, LOAD) if drafted else (LOAD,),
    )


def read_log(text: str, model: str | None = None) -> EngineCounters:
    """Counters of a server's log, all requests together.

    Args:
        text: The log, other lines included.
        model: Not told by the log; must be None.

    Raises:
        InputError: where no request is in it.
    """
    demand_no_model(model)
    evals = [found for found in _EVAL.finditer(text) if not found[1]]
    requests = [_request(found) for found in _REQUEST.finditer(text)]
    if not evals and not requests:
        raise InputError("", "no request in the log, expected lines with 'eval time' and 'draft acceptance'")
    tokens = sum(max(0.0, float(found[3]) - 1) for found in evals)
    accepted, drafted = sum(each[0] for each in requests), sum(each[1] for each in requests)
    totals = {found[1]: found[0] for found in _TOTALS.finditer(text)}
    drafts, positions = _drafts(requests, totals)
    return EngineCounters(
        "llama.cpp",
        CONVENTION,
        drafts=0.0 if not drafted else drafts,
        steps_without_draft=None if not evals or drafts is None else max(0.0, tokens - accepted - drafts),
        drafted=drafted,
        accepted=accepted,
        accepted_by_position=positions,
        draft_length=len(positions) or None,
        tokens=tokens if evals else None,
        decode_seconds=sum(float(found[2]) for found in evals) / 1000 if evals else None,
        draft_seconds=_draft_seconds(totals, drafts),
        requests=float(len(evals) or len(requests)),
        is_rounded=True,
        unknown=(LOAD, *((NO_POSITIONS,) if drafted and not positions else ())),
    )


def _request(found: re.Match[str]) -> tuple[float, float, float | None, tuple[float, ...]]:
    """(accepted, drafted, drafts, accepted by position) of one request's line."""
    accepted, drafted, rest = float(found[1]), float(found[2]), found[3]
    listed = _TUPLE.search(rest)
    rates = listed_rates(listed[1], "acceptance rate per position") if listed else []
    mean = number_after("mean len", rest) or number_after("mean acceptance length", rest)
    drafts = drafts_of_rates(accepted, rates)
    if drafts is None and mean is not None and mean > 1:
        drafts = float(round(accepted / (mean - 1)))
    return accepted, drafted, drafts, tuple(float(round(rate * drafts)) for rate in rates) if drafts else ()


def _drafts(
    requests: Sequence[tuple[float, float, float | None, tuple[float, ...]]], totals: Mapping[str, str]
) -> tuple[float | None, tuple[float, ...]]:
    """Drafts of all requests, and accepted tokens by position where every request has them.

    Where requests do not tell their drafts, they are those of the running totals, in proportion to drafted tokens.
    """
    if not requests:
        return 0.0, ()
    accepted = sum(each[0] for each in requests)
    if all(each[2] is not None for each in requests if each[0]):
        drafts = sum(each[2] or 0.0 for each in requests)
        positions = summed(each[3] for each in requests)
        return drafts or None, positions if sum(positions) >= 0.98 * accepted else ()
    counted = sum(number_after("#gen drafts", line) or 0.0 for line in totals.values())
    tokens = sum(number_after("#gen tokens", line) or 0.0 for line in totals.values())
    return (counted * sum(each[1] for each in requests) / tokens if tokens else None), ()


def _draft_seconds(totals: Mapping[str, str], drafts: float | None) -> float | None:
    """Seconds of drafting, from the running totals' milliseconds for each draft."""
    milliseconds = counted = 0.0
    for line in totals.values():
        spent = re.search(r"dur\(b,g,a\)\s*=\s*[\d.]+,\s*" + NUMBER, line)
        if spent is None:
            return None
        milliseconds += float(spent[1])
        counted += number_after("#gen drafts", line) or 0.0
    return milliseconds / 1000 * drafts / counted if counted and drafts else None


def read_metrics(text: str, model: str | None = None) -> EngineCounters:
    """Counters of the server's metrics page.

    Args:
        text: The page.
        model: Its ``model``, where the page has several.

    Raises:
        InputError: naming the counter that is missing or cannot be.
    """
    page, name = read_page(text, PREFIX, "model", model)
    tokens = page.total("tokens_predicted_total")
    if tokens is None:
        raise InputError(PREFIX + "tokens_predicted_total", "missing, expected it on the page")
    drafts = page.total("spec_decode_num_drafts_total")
    accepted = page.total("spec_decode_num_accepted_tokens_total") or 0.0
    positions = page.by_position("spec_decode_num_accepted_tokens_per_pos_total")
    return EngineCounters(
        "llama.cpp",
        CONVENTION,
        drafts=drafts or 0.0,
        steps_without_draft=max(0.0, tokens - accepted - (drafts or 0.0)),
        drafted=page.total("spec_decode_num_draft_tokens_total") or 0.0,
        accepted=accepted,
        accepted_by_position=positions,
        draft_length=len(positions) or None,
        tokens=tokens,
        decode_seconds=page.total("tokens_predicted_seconds_total"),
        engine_steps=page.total("n_decode_total"),
        model=name,
        unknown=(
            LOAD,
            "How many requests there were: the first token of each is among the tokens written.",
            *(() if drafts is not None else ("Whether it speculated: older versions have no counters of it.",)),
        ),
    )
