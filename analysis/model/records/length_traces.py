"""Acceptance lengths recorded from every place of a text, as SpecDecode-Bench publishes them: JSONL, plain or gzip.

One line for each text: ``{"id", "prompt_token_ids": [...], "generated_token_ids": [...], "acc_NAME": {"acc_len":
[...]}, ...}``. Entry i of a drafter's `acc_len` counts the tokens that one step would write if it began where i tokens
of the text have been written: the drafted tokens that would be accepted and the one behind them, so 1 where none would.
An engine that drafts at most 20 tokens records at most 21.

A drafter's list may also stand there by itself. The format is that of https://github.com/SpecDecode-Bench/simulator
(arXiv 2601.11580).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.model.boundary.fields import InputError, inside, mapping, sequence, shown
from analysis.model.boundary.reading import parse_json, read_text

PREFIX, LENGTHS = "acc_", "acc_len"
MOST_LENGTH = 4097
"""Tokens that one step can write at most: the longest draft that the project knows, and one."""


@dataclass(frozen=True)
class LengthTrace:
    """One text, and how far each drafter would have been accepted from every place of it.

    Attributes:
        id: Of the text.
        prompt: Token ids of the prompt, at least one.
        text: Token ids written after it, at least one.
        lengths: By drafter, tokens that a step would write from each place, each >= 1. A drafter's list may be shorter
            or longer than the text.
    """

    id: str
    prompt: tuple[int, ...]
    text: tuple[int, ...]
    lengths: Mapping[str, tuple[int, ...]]

    def is_of_this_text(self, drafter: str) -> bool:
        """Whether a drafter's list has as many entries as the text.

        Where it has not, it was recorded while another text was written: greedy texts of one model part where numbers
        are rounded differently, and behind that place the list tells nothing of this one.
        """
        return len(self.lengths[drafter]) == len(self.text)


def read_length_traces(path: str | Path) -> tuple[LengthTrace, ...]:
    """Read a file of texts, all with the same drafters.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    found: dict[str, LengthTrace] = {}
    for i, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        value = parse_json(line, str(path), first_line=i)
        with inside(f"{path}, line {i}"):
            trace = _read(mapping(value, ""))
            if trace.id in found:
                raise InputError("id", f"{trace.id!r} is there twice")
            if found and set(trace.lengths) != set(next(iter(found.values())).lengths):
                raise InputError("", f"has the drafters {', '.join(trace.lengths)}, other lines have others")
            found[trace.id] = trace
    return tuple(found.values())


def _read(fields: Mapping[str, object]) -> LengthTrace:
    key = fields.get("id")
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError("id", f"got {shown(key)}, expected a string or a whole number")
    lengths = {}
    for name, item in fields.items():
        if name.startswith(PREFIX):
            with inside(name):
                if isinstance(item, list):
                    lengths[name.removeprefix(PREFIX)] = _whole(item, "", 1, MOST_LENGTH)
                else:
                    lengths[name.removeprefix(PREFIX)] = _whole(mapping(item, "").get(LENGTHS), LENGTHS, 1, MOST_LENGTH)
    if not lengths:
        raise InputError("", f"no drafter, expected a key {PREFIX}NAME with {LENGTHS}")
    prompt, text = (_whole(fields.get(name), name, 0) for name in ("prompt_token_ids", "generated_token_ids"))
    for name, ids in (("prompt_token_ids", prompt), ("generated_token_ids", text)):
        if not ids:
            raise InputError(name, "is empty, expected at least one token")
    return LengthTrace(str(key), prompt, text, lengths)


def _whole(value: object, field: str, low: int, high: int = 2**31 - 1) -> tuple[int, ...]:
    items: Sequence[object] = sequence(value, field)
    for i, item in enumerate(items):
        if type(item) is not int or not low <= item <= high:
            raise InputError(f"{field}[{i}]", f"got {shown(item)}, expected a whole number in {low}..{high}")
    return tuple(items)  # type: ignore[arg-type]
