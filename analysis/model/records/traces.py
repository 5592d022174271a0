"""Recorded agreements of the models on greedy texts: gzip JSONL, a header and one line a prompt.

Header: ``{"schema": 1, "target": ..., "reviewers": [...], "drafters": [...], "policy": "greedy", ...}``, models in the
order in which they may review each other. Then, for each prompt, ``{"id", "category", "prompt_tokens", "tokens": N,
"finish": "eos" | "length", "agree": {r: {d: "0110..."}}, "off": {r: {d: [[start, "0110"], ...]}}}``:

- character i of `agree` tells whether, after the prompt and the first i tokens of the target's own text, the greedy
  next tokens of r and d are equal; "." where d abstains;
- a string of `off` belongs to r's own greedy continuation of the first `start` tokens, and begins with the first token
  after it has left the target's text: whether d's greedy next token is then r's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from analysis.model import InputError, parse_json, read_text
from analysis.model.boundary.fields import count, inside, mapping, read_name, read_number, sequence

Pair: TypeAlias = tuple[str, str]
Strings: TypeAlias = Mapping[str, str]

MOST_TOKENS = 10**9
SCHEMA = 1


@dataclass(frozen=True)
class Trace:
    """Agreements along the target's text for one prompt.

    Attributes:
        id: Of the prompt.
        category: Its domain; None where unknown.
        prompt_tokens: Length of the prompt, >= 1.
        tokens: Length N of the text, >= 1.
        ended: Whether the last token of the text ends it; otherwise there was no room for more.
        agree: By (reviewer, drafter), N characters.
        off: By reviewer and by the position where its own continuation leaves the text: agreement of each drafter with
            it from the next token on.
    """

    id: str | int
    category: str | None
    prompt_tokens: int
    tokens: int
    ended: bool
    agree: Mapping[Pair, str]
    off: Mapping[str, Mapping[int, Strings]]

    def cut(self, tokens: int) -> Trace:
        """The same text ended after so many tokens, as a limit on its length would end it."""
        if tokens >= self.tokens:
            return self
        agree = {pair: text[:tokens] for pair, text in self.agree.items()}
        off = {
            reviewer: {start: strings for start, strings in row.items() if start < tokens}
            for reviewer, row in self.off.items()
        }
        return replace(self, tokens=tokens, ended=False, agree=agree, off=off)


@dataclass(frozen=True)
class Recording:
    """All traces of one file.

    Attributes:
        target: Name of the target.
        reviewers: Models that can review, the target first.
        drafters: Models that can draft, in the order of their reviews.
        traces: One a prompt, at least one.
    """

    target: str
    reviewers: tuple[str, ...]
    drafters: tuple[str, ...]
    traces: tuple[Trace, ...]

    def cut(self, tokens: int) -> Recording:
        """The same with no text longer than so many tokens."""
        return replace(self, traces=tuple(trace.cut(tokens) for trace in self.traces))


def read_traces(path: str | Path) -> Recording:
    """Read a file of traces, gzip or plain.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    lines = [line for line in read_text(path).split("\n") if line.strip()]
    head = parse_json(lines[0], str(path)) if lines else None
    with inside(f"{path}, line 1"):
        header = mapping(head, "")
        if header.get("schema") != SCHEMA:
            raise InputError("schema", f"got {header.get('schema')!r}, expected {SCHEMA}")
        if header.get("policy", "greedy") != "greedy":
            raise InputError("policy", f"got {header['policy']!r}, expected greedy: only then texts can be replayed")
        target = read_name(header.get("target"), "target")
        reviewers, drafters = (
            tuple(read_name(each, key) for each in sequence(header.get(key), key)) for key in ("reviewers", "drafters")
        )
        if target not in reviewers:
            raise InputError("reviewers", f"expected the target {target!r} among them")
    traces = []
    for i, line in enumerate(lines[1:], start=2):
        value = parse_json(line, str(path), first_line=i)
        with inside(f"{path}, line {i}"):
            traces.append(_read_trace(mapping(value, ""), target))
    if not traces:
        raise InputError(str(path), "holds no trace")
    return Recording(target, reviewers, drafters, tuple(traces))


def _read_trace(fields: Mapping[str, object], target: str) -> Trace:
    tokens = count(fields.get("tokens"), "tokens", MOST_TOKENS)
    finish = fields.get("finish")
    if finish not in ("eos", "length", "context"):
        raise InputError("finish", f"got {finish!r}, expected eos, length or context")
    agree: dict[Pair, str] = {}
    for reviewer, row in mapping(fields.get("agree"), "agree").items():
        for drafter, text in mapping(row, f"agree.{reviewer}").items():
            agree[reviewer, drafter] = _characters(text, f"agree.{reviewer}.{drafter}", tokens)
    _demand_consistency(agree)
    off = {}
    for reviewer, row in mapping(fields.get("off", {}), "off").items():
        with inside(f"off.{reviewer}"):
            if (target, reviewer) not in agree:
                raise InputError("", f"expected agree.{target}.{reviewer} also")
            off[reviewer] = _by_departure(mapping(row, ""), agree[target, reviewer])
    key = fields.get("id")
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError("id", f"got {key!r}, expected a string or a whole number")
    category = fields.get("category")
    return Trace(
        id=key,
        category=category if isinstance(category, str) else None,
        prompt_tokens=count(fields.get("prompt_tokens"), "prompt_tokens", MOST_TOKENS),
        tokens=tokens,
        ended=finish == "eos",
        agree=agree,
        off=off,
    )


def _characters(text: object, field: str, length: int | None = None) -> str:
    if not isinstance(text, str) or set(text) - {"0", "1", "."} or (length is not None and len(text) != length):
        wanted = "a string" if length is None else f"a string of {length}"
        raise InputError(field, f"expected {wanted} of the characters 0, 1 and .")
    return text


def _demand_consistency(agree: Mapping[Pair, str]) -> None:
    """Of three models, two pairs cannot agree where the third pair does not."""
    for (first, second), text in agree.items():
        for third in {drafter for reviewer, drafter in agree if reviewer == second and (first, drafter) in agree}:
            texts = text, agree[second, third], agree[first, third]
            for i, characters in enumerate(zip(*texts, strict=True)):
                if characters.count("1") == 2 and "." not in characters:
                    raise InputError("agree", f"{first}, {second} and {third} contradict each other at token {i}")


def _by_departure(row: Mapping[str, object], own: str) -> dict[int, dict[str, str]]:
    """Strings by where the reviewer leaves the target's text: all starts before it share one continuation.

    Args:
        row: By drafter, [start, string] for some starts.
        own: Where the reviewer agrees with the target.
    """
    found: dict[int, dict[str, str]] = {}
    for drafter, items in row.items():
        for item in sequence(items, drafter):
            pair = sequence(item, drafter)
            if len(pair) != 2:
                raise InputError(drafter, "expected pairs of a start and a string")
            text = _characters(pair[1], drafter)
            left = own.find("0", int(read_number(pair[0], drafter, 0)))
            if left >= 0 and len(text) > len(found.setdefault(left, {}).get(drafter, "")):
                found[left][drafter] = text
    return {left: strings for left, strings in found.items() if strings}
