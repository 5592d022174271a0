"""SGLang's answers: the ``meta_info`` of requests, with counts of verifications and the histogram of accepted tokens.

The histogram has at index i the steps that accepted i drafted tokens; some versions count the bonus token in the index.
Which it is follows from the printed counts, and a histogram that fits neither is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.engines.readers.matching import summed
from analysis.model import InputError
from analysis.model.boundary.fields import inside, read_number, sequence
from analysis.model.records.engine_counters import EngineCounters

CONVENTION = (
    "SGLang's answers: every step verifies, so a step whose drafter found nothing counts as a draft with nothing "
    "accepted; accept length is tokens written over steps, bonus and first token counted; the histogram counts steps "
    "by tokens accepted, from which survival follows."
)

NO_HISTOGRAM = "Acceptance by position: the answers have no histogram of accepted tokens."
TREES = "Whether drafts were trees (--speculative-eagle-topk above 1): counts are of the accepted path."
LONGEST = "How long drafts were: the answers do not say; the longest accepted one is taken."
TIMES = "How long steps took: the answers do not say."

_ACCEPTED = ("spec_num_correct_drafts", "spec_accepted_drafts", "spec_accept_token_num")
_PROPOSED = ("spec_num_proposed_drafts", "spec_proposed_drafts")
_HISTOGRAM = ("spec_correct_drafts_histogram", "spec_accept_histogram")


def read_answers(rows: Sequence[Mapping[str, object]]) -> EngineCounters:
    """Counters of the ``meta_info`` of one or more requests.

    Args:
        rows: The objects under ``meta_info``.

    Raises:
        InputError: naming the request and what is wrong with it.
    """
    parts = []
    for i, row in enumerate(rows):
        with inside(f"meta_info[{i}]"):
            parts.append(_request(row))
    steps, accepted, proposed, tokens, seconds, histograms = zip(*parts, strict=True)
    complete = all(part[-1] for part in parts if part[0])
    by_position = _survival(summed(histograms), sum(accepted)) if complete else ()
    drafted = sum(each for each in proposed if each is not None) if None not in proposed else None
    return EngineCounters(
        "sglang",
        CONVENTION,
        drafts=sum(steps),
        steps_without_draft=0.0 if sum(steps) else sum(tokens),
        drafted=drafted,
        accepted=sum(accepted),
        accepted_by_position=by_position,
        draft_length=_length(drafted, sum(steps), len(by_position)),
        tokens=sum(tokens),
        decode_seconds=sum(each for each in seconds if each is not None) if None not in seconds else None,
        requests=float(len(rows)),
        unknown=(
            TREES,
            *((NO_HISTOGRAM,) if not by_position else ()),
            *((LONGEST,) if drafted is None else ()),
            *((TIMES,) if None in seconds else ()),
        ),
        by_request=tuple((each[0], *_survival(each[-1], each[1])) for each in parts if each[0]) if by_position else (),
    )


_Request = tuple[float, float, float | None, float, float | None, tuple[float, ...]]


def _request(row: Mapping[str, object]) -> _Request:
    """(steps, accepted, proposed, tokens, seconds, histogram) of one request."""
    steps = read_number(row.get("spec_verify_ct", 0), "spec_verify_ct", 0)
    tokens = max(0.0, read_number(row.get("completion_tokens"), "completion_tokens", 0) - 1)
    proposed = _first(row, _PROPOSED)
    listed = next((row[name] for name in _HISTOGRAM if row.get(name)), ())
    histogram = tuple(
        read_number(value, f"spec_accept_histogram[{j}]", 0)
        for j, value in enumerate(sequence(listed, "spec_accept_histogram"))
    )
    if histogram and sum(histogram) != steps:
        raise InputError(
            "spec_accept_histogram", f"counts {sum(histogram):g} steps, expected {steps:g} as in spec_verify_ct"
        )
    accepted = _first(row, _ACCEPTED)
    if accepted is None:
        accepted = max(0.0, tokens - steps) if steps else 0.0
    speed = row.get("decode_throughput")
    seconds = tokens / read_number(speed, "decode_throughput", 1e-9) if speed is not None else None
    bonus = _bonus(histogram, steps, accepted)
    return steps, accepted, proposed, tokens, seconds, histogram[bonus:]


def _bonus(histogram: Sequence[float], steps: float, accepted: float) -> int:
    """1 where the histogram's index counts the bonus token, else 0."""
    total = sum(i * count for i, count in enumerate(histogram))
    if not histogram or abs(total - accepted) <= 1:
        return 0
    if histogram[0] == 0 and abs(total - steps - accepted) <= 1:
        return 1
    raise InputError(
        "spec_accept_histogram",
        f"adds up to {total:g} tokens in {steps:g} steps, expected {accepted:g} (the accepted drafts) or "
        f"{accepted + steps:g} (with bonus tokens)",
    )


def _survival(histogram: Sequence[float], accepted: float) -> tuple[float, ...]:
    """Steps that accepted at least j + 1 tokens, from steps by accepted tokens."""
    return tuple(sum(histogram[j + 1 :]) for j in range(len(histogram) - 1)) if accepted else ()


def _length(drafted: float | None, steps: float, seen: int) -> int | None:
    """Longest draft: the mean one where every draft has it, else the longest accepted."""
    if drafted and steps and (drafted / steps).is_integer():
        return max(int(drafted / steps), seen)
    return seen or None


def _first(row: Mapping[str, object], names: Sequence[str]) -> float | None:
    for name in names:
        if row.get(name) is not None:
            return read_number(row[name], name, 0)
    return None
