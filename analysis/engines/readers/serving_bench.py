"""Reports of the load generators ``vllm bench serve`` and SGLang's ``bench_serving``: printed, or as JSON results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.engines.readers.matching import NUMBER, demand_no_model, listed_rates, number_after
from analysis.model.boundary.fields import read_number, sequence
from analysis.model.records.engine_counters import EngineCounters

MARKS = ("Serving Benchmark Result", "Acceptance length:")
JSON_MARKS = ("mean_tpot_ms", "spec_decode_acceptance_length")

VLLM = (
    "vllm bench serve: acceptance by position is a share of all drafts (survival); the acceptance length counts the "
    "bonus token and leaves out steps without a draft. Steps without a draft are worked out here from tokens written; "
    "seconds from the mean time per output token, which averages over requests and not over tokens."
)
SGLANG = (
    "SGLang's bench_serving: the accept length is the server's mean since it started, bonus token counted; every step "
    "verifies, so steps whose drafter found nothing count. Seconds are from the mean time per output token, which "
    "averages over requests and not over tokens."
)

LOAD = "How the batch was filled from moment to moment: times are means over the load of the run."
NO_COUNTS = "How many drafts there were: the report has no counts of them, so nothing has an interval."
NO_POSITIONS = "Acceptance by position: only the histogram in `meta_info` of SGLang's answers tells it."

_POSITION = re.compile(r"^\s*Position \d+:\s+" + NUMBER, re.MULTILINE)


@dataclass(frozen=True)
class _Report:
    """The numbers of a report, None where it does not have them; shares of drafts by position in [0, 1]."""

    requests: float | None
    written: float | None
    per_token_ms: float | None
    drafts: float | None
    drafted: float | None
    accepted: float | None
    mean: float | None
    accept_length: float | None
    concurrency: float | None
    shares: tuple[float, ...]
    is_sglang: bool

    @property
    def tokens(self) -> float | None:
        """Tokens written behind the first of every request."""
        if self.written is None or self.requests is None:
            return None
        return max(0.0, self.written - self.requests)


def read(text: str, model: str | None = None) -> EngineCounters:
    """Counters of a printed report, or of the part of one that tells acceptance.

    Args:
        text: The report.
        model: Not told by the report; must be None.

    Raises:
        InputError: naming the counter that cannot be.
    """
    demand_no_model(model)
    return _counters(
        _Report(
            requests=number_after("Successful requests", text),
            written=number_after("Total generated tokens", text),
            per_token_ms=number_after("Mean TPOT (ms)", text),
            drafts=number_after("Drafts", text),
            drafted=number_after("Draft tokens", text),
            accepted=number_after("Accepted tokens", text),
            mean=number_after("Acceptance length", text),
            accept_length=number_after("Accept length", text),
            concurrency=number_after("Concurrency", text) or number_after("Maximum request concurrency", text),
            shares=tuple(listed_rates(",".join(_POSITION.findall(text)), "Position", 100)),
            is_sglang=re.search(r"^\s*Backend:\s*sglang", text, re.MULTILINE) is not None or "Accept length:" in text,
        )
    )


def read_result(value: Mapping[str, object]) -> EngineCounters:
    """Counters of a result that was saved as JSON.

    Raises:
        InputError: naming the counter that cannot be.
    """

    def number(name: str) -> float | None:
        return None if value.get(name) is None else read_number(value[name], name, 0)

    name = "spec_decode_per_position_acceptance_rates"
    shares = sequence(value.get(name) or (), name)
    return _counters(
        _Report(
            requests=number("completed"),
            written=number("total_output_tokens"),
            per_token_ms=number("mean_tpot_ms"),
            drafts=number("spec_decode_num_drafts"),
            drafted=number("spec_decode_draft_tokens"),
            accepted=number("spec_decode_accepted_tokens"),
            mean=number("spec_decode_acceptance_length"),
            accept_length=number("accept_length"),
            concurrency=number("concurrency") or number("max_concurrency"),
            shares=tuple(read_number(share, f"{name}[{j}]", 0, 1) for j, share in enumerate(shares)),
            is_sglang=str(value.get("backend")).startswith("sglang") or "accept_length" in value,
        )
    )


def _counters(report: _Report) -> EngineCounters:
    if report.drafts is None and (report.mean is not None or report.accept_length or report.shares):
        return _of_means(report)
    tokens, drafts, accepted = report.tokens, report.drafts or 0.0, report.accepted or 0.0
    return EngineCounters(
        "sglang" if report.is_sglang else "vllm",
        SGLANG if report.is_sglang else VLLM,
        drafts=drafts,
        steps_without_draft=None if tokens is None else max(0.0, tokens - accepted - drafts),
        drafted=report.drafted or 0.0,
        accepted=accepted,
        accepted_by_position=tuple(float(round(share * drafts)) for share in report.shares),
        draft_length=len(report.shares) or None,
        tokens=tokens,
        decode_seconds=_seconds(report, tokens),
        requests=report.requests,
        concurrency=report.concurrency,
        is_rounded=True,
        unknown=(LOAD,),
    )


def _of_means(report: _Report) -> EngineCounters:
    """What a report without counts of drafts tells; without tokens, time is that of one token."""
    tokens = report.tokens or (None if report.per_token_ms is None else 1.0)
    return EngineCounters(
        "sglang" if report.is_sglang else "vllm",
        SGLANG if report.is_sglang else VLLM,
        steps_without_draft=0.0 if report.is_sglang else None,
        mean_tokens=report.accept_length or report.mean,
        survival=report.shares,
        draft_length=len(report.shares) or None,
        tokens=tokens,
        decode_seconds=_seconds(report, tokens),
        requests=report.requests,
        concurrency=report.concurrency,
        is_rounded=True,
        unknown=(NO_COUNTS, *((NO_POSITIONS,) if report.is_sglang else ()), LOAD),
    )


def _seconds(report: _Report, tokens: float | None) -> float | None:
    return None if tokens is None or report.per_token_ms is None else tokens * report.per_token_ms / 1000
