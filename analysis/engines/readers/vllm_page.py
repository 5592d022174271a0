"""vLLM's metrics page: counters of drafts and of tokens by position, and the clock of its decoding steps.

vLLM counts a draft only where one was made, so its mean acceptance length, 1 + accepted / drafts, leaves out the steps
in which a copier found nothing. Those are counted here: every step of a sequence is one observation of the time between
tokens. Acceptance by position is counted over all drafts: survival, not conditional acceptance.
"""

from __future__ import annotations

from analysis.engines.readers.prometheus import MetricsPage, read_page
from analysis.model import InputError
from analysis.model.records.engine_counters import EngineCounters

PREFIX = "vllm:"

CONVENTION = (
    "vLLM counts, by position, the drafts accepted up to there (survival), not conditional acceptance; accepted tokens "
    "do not count the correction or bonus token; steps without a draft are no drafts and are left out of vLLM's own "
    "mean acceptance length, but are counted here, from the observed times between tokens."
)

PLAIN = "vLLM without speculation: no drafts are counted on the page; every step writes one token."

_ITL = ("inter_token_latency_seconds", "time_per_output_token_seconds")
_FEWER = 0.02
"""Share of drafts that may lack a time between tokens: page and steps are not of one instant."""
_LOAD = (
    "How the batch was filled from moment to moment: times are means over the load of the run. Other loads may differ."
)
_NO_STEPS = (
    "How many steps had no draft, but by tokens written less those accepted: the page has no times between tokens."
)
_NO_DRAFTS = "How many drafts there were: this version counts tokens alone."
_NO_POSITIONS = "Acceptance by position: the page has no counter of it."


def read(text: str, model: str | None = None) -> EngineCounters:
    """Counters of one model; data-parallel engines of one model are added up.

    Args:
        text: The page.
        model: Its ``model_name``, where the page has several.

    Raises:
        InputError: naming the counter that is missing or cannot be.
    """
    page, name = read_page(text, PREFIX, "model_name", model)
    if page.total("spec_decode_num_emitted_tokens_total") is not None:
        raise InputError(
            "vllm:spec_decode_num_accepted_tokens_total",
            "is of vLLM's former engine (V0), which added running totals up again and again, so that it is no count; "
            "expected a page of vLLM's V1 engine, which counts spec_decode_num_drafts_total",
        )
    return _counters(page, name)


def _counters(page: MetricsPage, name: str | None) -> EngineCounters:
    drafts, drafted = page.total("spec_decode_num_drafts_total"), page.total("spec_decode_num_draft_tokens_total")
    positions = page.by_position("spec_decode_num_accepted_tokens_per_pos_total")
    steps = page.first_total(*(f"{each}_count" for each in _ITL))
    firsts = page.total("time_to_first_token_seconds_count")
    written = page.total("generation_tokens_total")
    if drafted is None and steps is None and written is None:
        raise InputError("", "no counter of vLLM on the page, expected vllm:generation_tokens_total and others")
    if drafted is None:
        drafts = 0.0
    engine_steps = page.total("iteration_tokens_total_count")
    unknown = [_LOAD]
    if steps is None:
        unknown.append(_NO_STEPS)
    if steps and drafts and steps < (1 - _FEWER) * drafts:
        unknown.append(
            f"How many steps there were, and how long they took: the page has {drafts:,.0f} drafts, but only "
            f"{steps:,.0f} times between tokens."
        )
        steps = None
    if drafted and drafts is None:
        unknown.append(_NO_DRAFTS)
    if drafted and not positions:
        unknown.append(_NO_POSITIONS)
    return EngineCounters(
        "vllm",
        PLAIN if drafted is None else CONVENTION,
        drafts=drafts,
        steps_without_draft=None if steps is None or drafts is None else max(0.0, steps - drafts),
        drafted=drafted or 0.0,
        accepted=page.total("spec_decode_num_accepted_tokens_total") or 0.0,
        accepted_by_position=positions,
        draft_length=len(positions) or None,
        tokens=None if written is None or firsts is None else max(0.0, written - firsts),
        decode_seconds=None if steps is None else page.first_total(*(f"{each}_sum" for each in _ITL)),
        engine_steps=engine_steps,
        requests=firsts,
        concurrency=steps / engine_steps if steps and engine_steps else None,
        model=name,
        unknown=tuple(unknown),
    )
