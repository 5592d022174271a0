"""SGLang's log, its answer to ``/get_server_info`` and its metrics page: means of accept length, without counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from analysis.engines.readers.matching import demand_no_model, number_after
from analysis.engines.readers.prometheus import read_page
from analysis.model import InputError
from analysis.model.boundary.fields import mapping, read_number, reject, sequence
from analysis.model.records.engine_counters import EngineCounters

PREFIX = "sglang:"

CONVENTION = (
    "SGLang's accept length is a mean over steps, bonus token counted; every step verifies, so steps whose drafter "
    "found nothing count. Its accept rate is a share of drafted tokens, not alpha."
)

NO_COUNTS = "How many steps the mean was taken over, so that it has no interval."
NO_POSITIONS = "Acceptance by position: only the histogram in `meta_info` of SGLang's answers tells it."
LAST_MOMENT = "The gauge is of the last steps before the page was taken, not of the whole run."
TREES = "Whether drafts were trees (--speculative-eagle-topk above 1)."

_DECODE = re.compile(r"Decode batch[.,].*")


def read_log(text: str, model: str | None = None) -> EngineCounters:
    """Means of the lines ``Decode batch``, each with the weight of its running requests.

    Args:
        text: The log, other lines included.
        model: Not told by the log; must be None.

    Raises:
        InputError: where no line is of use.
    """
    demand_no_model(model)
    lines = [_line(found[0]) for found in _DECODE.finditer(text)]
    used = [line for line in lines if line[0] > 0 and line[2] > 0]
    if not used:
        raise InputError("", "no line 'Decode batch' has running requests and a throughput")
    speculative = [line for line in used if line[1] is not None]
    used = speculative or used
    running = sum(line[0] for line in used)
    mean = sum(line[0] * (line[1] or 1.0) for line in used) / running
    seconds = sum(line[0] * (line[1] or 1.0) * line[0] / line[2] for line in used)
    rates = [(line[1], line[3]) for line in used if line[1] and line[3]]
    return EngineCounters(
        "sglang",
        CONVENTION,
        drafts=None if speculative else 0.0,
        steps_without_draft=0.0 if speculative else None,
        tokens=mean * running,
        decode_seconds=seconds,
        concurrency=running / len(used),
        mean_tokens=mean if speculative else None,
        draft_length=_length_of(rates),
        is_rounded=True,
        unknown=(
            *((NO_COUNTS, NO_POSITIONS, TREES) if speculative else ()),
            "Tokens and seconds are in proportion only: a line does not say how many steps it sums up.",
        ),
    )


def _line(line: str) -> tuple[float, float | None, float, float | None]:
    """(running requests, accept length, tokens a second, accept rate) of one line."""
    running = number_after("#running-req", line) or 0.0
    speed = number_after("gen throughput (token/s)", line) or 0.0
    return running, number_after("accept len", line), speed, number_after("accept rate", line)


def _length_of(rates: Sequence[tuple[float, float]]) -> int | None:
    """Draft length where all lines agree on it: the accept rate is (accept length - 1) / length, bonus counted once."""
    found = {round((mean - 1) / rate) for mean, rate in rates if mean > 1}
    return found.pop() if len(found) == 1 else None


def read_info(value: object) -> EngineCounters:
    """The mean of the server since it started.

    Args:
        value: The JSON of ``/get_server_info``.

    Raises:
        InputError: where the mean is missing, or drafts are trees.
    """
    fields = mapping(value, "server info")
    states = [mapping(each, "internal_states") for each in sequence(fields["internal_states"], "internal_states")]
    means = [
        read_number(each["avg_spec_accept_length"], "avg_spec_accept_length", 1)
        for each in states
        if each.get("avg_spec_accept_length") is not None
    ]
    if not means:
        raise InputError("avg_spec_accept_length", "missing: this server does not speculate, or has not yet decoded")
    return _of_mean(sum(means) / len(means), _asked_length(fields), None, None, None, (NO_COUNTS, NO_POSITIONS, TREES))


def _asked_length(fields: Mapping[str, object]) -> int | None:
    """Tokens of a draft as the server's arguments have it; of a tree the mean tells nothing of one sequence."""
    steps, tokens = fields.get("speculative_num_steps"), fields.get("speculative_num_draft_tokens")
    breadth = fields.get("speculative_eagle_topk")
    if isinstance(breadth, int) and breadth > 1:
        reject("speculative_eagle_topk", breadth, "1: drafts are trees, which tell no acceptance of one sequence")
    if isinstance(steps, int) and steps > 0:
        return steps
    return tokens - 1 if isinstance(tokens, int) and tokens > 1 else None


def read_metrics(text: str, model: str | None = None) -> EngineCounters:
    """What the metrics page tells: a gauge of the accept length, and counters of tokens and seconds.

    Args:
        text: The page.
        model: Its ``model_name``, where the page has several.

    Raises:
        InputError: naming the counter that is missing or cannot be.
    """
    page, name = read_page(text, PREFIX, "model_name", model)
    written = page.total("generation_tokens_total")
    if written is None:
        raise InputError("sglang:generation_tokens_total", "missing, expected it on the page")
    firsts = page.total("time_to_first_token_seconds_count") or 0.0
    tokens = max(0.0, written - firsts)
    seconds = page.total("inter_token_latency_seconds_sum")
    mean = page.mean("spec_accept_length")
    if not mean:
        return EngineCounters(
            "sglang",
            CONVENTION,
            drafts=0.0,
            steps_without_draft=tokens,
            drafted=0.0,
            accepted=0.0,
            tokens=tokens,
            decode_seconds=seconds,
            requests=firsts,
            model=name,
        )
    unknown = (LAST_MOMENT, NO_COUNTS, NO_POSITIONS, TREES)
    return _of_mean(mean, None, tokens, seconds, name, unknown)


def _of_mean(
    mean: float,
    length: int | None,
    tokens: float | None,
    seconds: float | None,
    name: str | None,
    unknown: tuple[str, ...],
) -> EngineCounters:
    return EngineCounters(
        "sglang",
        CONVENTION,
        steps_without_draft=0.0,
        draft_length=length,
        tokens=tokens,
        decode_seconds=seconds,
        mean_tokens=mean,
        is_rounded=True,
        model=name,
        unknown=unknown,
    )
