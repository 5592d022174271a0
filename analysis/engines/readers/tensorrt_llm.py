"""TensorRT-LLM's statistics by iteration (the JSON of ``get_stats`` and of ``/metrics``) and its Prometheus page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.engines.readers.prometheus import read_page
from analysis.model import InputError
from analysis.model.boundary.fields import inside, mapping, read_number
from analysis.model.records.engine_counters import EngineCounters

PREFIX = "trtllm_"

CONVENTION = (
    "TensorRT-LLM counts, by iteration, requests that had a draft, tokens drafted and accepted; its acceptance length "
    "counts the bonus token and leaves out requests without a draft. Iterations that also read prompts are counted "
    "for acceptance, but not for time."
)

LAST_MOMENT = "The acceptance length is a gauge of the last iteration, not a mean of the run."
UNKNOWN = ("Acceptance by position: the statistics do not tell it.",)


def read_iterations(rows: Sequence[Mapping[str, object]]) -> EngineCounters:
    """Counters of all iterations together.

    Args:
        rows: One object an iteration, with ``specDecodingStats`` and ``inflightBatchingStats``.

    Raises:
        InputError: naming the iteration and what is wrong with it.
    """
    drafts = drafted = accepted = without = 0.0
    timed = seconds = drafting = 0.0
    longest = 0.0
    for i, row in enumerate(rows):
        with inside(f"[{i}]"):
            spec = mapping(row.get("specDecodingStats") or {}, "specDecodingStats")
            batch = mapping(row.get("inflightBatchingStats") or {}, "inflightBatchingStats")
            having = read_number(spec.get("numRequestsWithDraftTokens", 0), "numRequestsWithDraftTokens", 0)
            offered = read_number(spec.get("numDraftTokens", 0), "numDraftTokens", 0)
            gained = read_number(spec.get("numAcceptedTokens", 0), "numAcceptedTokens", 0, offered)
            generating = read_number(batch.get("numGenRequests", having), "numGenRequests", 0)
            drafts, drafted, accepted = drafts + having, drafted + offered, accepted + gained
            without += max(0.0, generating - having)
            longest = max(longest, offered / having if having else 0.0)
            if generating and not batch.get("numContextRequests") and row.get("iterLatencyMS") is not None:
                latency = read_number(row["iterLatencyMS"], "iterLatencyMS", 0)
                timed += generating
                seconds += generating * latency / 1000
                drafting += generating * read_number(spec.get("iterLatencyMS", 0), "iterLatencyMS", 0) / 1000
    steps = drafts + without
    share = steps / timed if timed else 0.0
    return EngineCounters(
        "tensorrt-llm",
        CONVENTION,
        drafts=drafts,
        steps_without_draft=without,
        drafted=drafted,
        accepted=accepted,
        draft_length=round(longest) if longest and abs(longest - round(longest)) < 1e-9 else None,
        tokens=accepted + steps,
        decode_seconds=seconds * share if timed else None,
        draft_seconds=drafting * share if drafting else None,
        engine_steps=float(len(rows)),
        concurrency=steps / len(rows) if rows else None,
        unknown=UNKNOWN,
    )


def read_metrics(text: str, model: str | None = None) -> EngineCounters:
    """What the Prometheus page tells: tokens drafted and accepted, and a gauge of the acceptance length.

    Args:
        text: The page.
        model: Its ``model_name``, where the page has several.

    Raises:
        InputError: naming the counter that is missing or cannot be.
    """
    page, name = read_page(text, PREFIX, "model_name", model)
    drafted = page.total("spec_decode_num_draft_tokens_total")
    if drafted is None:
        raise InputError("trtllm_spec_decode_num_draft_tokens_total", "missing: speculation was off, or not counted")
    return EngineCounters(
        "tensorrt-llm",
        CONVENTION,
        drafted=drafted,
        accepted=page.total("spec_decode_num_accepted_tokens_total"),
        mean_tokens=page.mean("spec_decode_acceptance_length") or None,
        is_rounded=True,
        model=name,
        unknown=(LAST_MOMENT, *UNKNOWN),
    )
