"""Spec-Bench's answer files: one question a line, with the tokens that every step wrote (``accept_lengths``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.model import MAX_DRAFT_LENGTH, InputError
from analysis.model.boundary.fields import inside, mapping, read_number, sequence
from analysis.model.records.engine_counters import EngineCounters

CONVENTION = (
    "Spec-Bench lists the tokens that each step wrote, correction or bonus token counted; a step whose drafter found "
    "nothing is a step that wrote one token, so it counts as a draft with nothing accepted."
)

UNKNOWN = (
    "Which steps had no draft, and how long drafts were: rejections, ends of drafts and abstentions look alike.",
    "Wall time includes the prompt.",
)


def read_answers(rows: Sequence[Mapping[str, object]]) -> EngineCounters:
    """Counters of all questions together.

    Args:
        rows: One object a question, with ``choices`` or with ``accept_lengths`` itself.

    Raises:
        InputError: naming the question and what is wrong with it.
    """
    requests: list[list[int]] = []
    seconds = 0.0
    timed = True
    for i, row in enumerate(rows):
        with inside(f"[{i}]"):
            for choice in _choices(row):
                requests.append(_lengths(choice))
                timed = timed and "wall_time" in choice
                seconds += sum(_numbers(choice.get("wall_time", ()), "wall_time"))
    lengths = [length for request in requests for length in request]
    if not lengths:
        raise InputError("accept_lengths", "no step in the file, expected lists of tokens by step")
    longest = max(lengths) - 1
    positions = _survival(lengths, longest)
    return EngineCounters(
        "spec-bench",
        CONVENTION,
        drafts=float(len(lengths)) if positions else 0.0,
        steps_without_draft=0.0 if positions else float(len(lengths)),
        drafted=None if positions else 0.0,
        accepted=float(sum(lengths) - len(lengths)),
        accepted_by_position=positions,
        draft_length=len(positions) or None,
        tokens=float(sum(lengths)),
        decode_seconds=seconds if timed and seconds else None,
        requests=float(len(requests)),
        concurrency=1.0,
        unknown=UNKNOWN,
        by_request=tuple((float(len(each)), *_survival(each, longest)) for each in requests if each),
    )


def _survival(lengths: Sequence[int], longest: int) -> tuple[float, ...]:
    """Steps that accepted at least j + 1 tokens."""
    return tuple(float(sum(n > j + 1 for n in lengths)) for j in range(longest))


def _choices(row: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    if "choices" not in row:
        return [row]
    return [mapping(each, f"choices[{i}]") for i, each in enumerate(sequence(row["choices"], "choices"))]


def _lengths(choice: Mapping[str, object]) -> list[int]:
    found = []
    for j, value in enumerate(sequence(choice.get("accept_lengths"), "accept_lengths")):
        length = read_number(value, f"accept_lengths[{j}]", 0, MAX_DRAFT_LENGTH)
        if length != int(length):
            raise InputError(f"accept_lengths[{j}]", f"got {length:g}, expected a whole number of tokens")
        if length:  # some methods list 0 for the step that found the end of the text
            found.append(int(length))
    return found


def _numbers(value: object, field: str) -> list[float]:
    listed = [value] if isinstance(value, (int, float)) else sequence(value, field)
    return [read_number(each, f"{field}[{j}]", 0) for j, each in enumerate(listed)]
