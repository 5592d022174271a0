"""Recorded agreements of the models on greedy texts, read and written: gzip JSONL, a header and one line a prompt.

Header: ``{"schema": 1, "target": ..., "reviewers": [...], "drafters": [...], "policy": "greedy", ...}``, models in the
order in which they may review each other. Then, for each prompt, ``{"id", "category", "prompt_tokens", "tokens": N,
"finish": "eos" | "length" | "context", "agree": {r: {d: "0110..."}}, "off": {r: {d: [[start, "0110"], ...]}}}``:

- character i of `agree` tells of the place behind the prompt and the first i tokens of the target's own text;
- a string of `off` belongs to r's own greedy continuation of the first `start` tokens, and begins with the first token
  after it has left the target's text.

What a character says of its place (`AGREES`, `DIFFERS`, `SILENT`): "1", the greedy next tokens of reviewer and drafter
are the same there; "0", they are not; ".", one of them proposes nothing there, which for whoever counts tokens is no
agreement, and for whoever counts proposals is no proposal. Networks always propose; a drafter that abstains does not.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from analysis.model import InputError, parse_json, read_text
from analysis.model.boundary.fields import count, inside, mapping, read_name, read_number, reject, sequence

Pair: TypeAlias = tuple[str, str]
Strings: TypeAlias = Mapping[str, str]

Finish: TypeAlias = Literal["eos", "length", "context"]

MOST_TOKENS = 10**9
SCHEMA = 1
GREEDY = "greedy"
AGREES, DIFFERS, SILENT = "1", "0", "."


@dataclass(frozen=True)
class Trace:
    """Agreements along the target's text for one prompt.

    Attributes:
        id: Of the prompt.
        category: Its domain; None where unknown.
        prompt_tokens: Length of the prompt, >= 1; 1 where the file does not tell.
        tokens: Length N of the text, >= 1.
        finish: Why the text ends: with an end-of-sequence token; at a limit on its length, also where the file does not
            tell; or at that of the context.
        agree: By (reviewer, drafter), N characters.
        off: By reviewer and by the position where its own continuation leaves the text: agreement of each drafter with
            it from the next token on.
    """

    id: str | int
    category: str | None
    prompt_tokens: int
    tokens: int
    finish: Finish
    agree: Mapping[Pair, str]
    off: Mapping[str, Mapping[int, Strings]]

    @property
    def ended(self) -> bool:
        """Whether the last token of the text ends it; otherwise there was no room for more."""
        return self.finish == "eos"

    def cut(self, tokens: int) -> Trace:
        """The same text ended after so many tokens, as a limit on its length would end it."""
        if tokens >= self.tokens:
            return self
        agree = {pair: text[:tokens] for pair, text in self.agree.items()}
        off = {
            reviewer: {start: strings for start, strings in row.items() if start < tokens}
            for reviewer, row in self.off.items()
        }
        return replace(self, tokens=tokens, finish="length", agree=agree, off=off)

    def to_json(self) -> dict[str, object]:
        """The prompt's line."""
        agree: dict[str, dict[str, str]] = {}
        for (reviewer, drafter), text in self.agree.items():
            agree.setdefault(reviewer, {})[drafter] = text
        off: dict[str, dict[str, list[list[object]]]] = {}
        for reviewer, departures in self.off.items():
            for start, strings in departures.items():
                for drafter, text in strings.items():
                    off.setdefault(reviewer, {}).setdefault(drafter, []).append([start, text])
        return {
            "id": self.id,
            "category": self.category,
            "prompt_tokens": self.prompt_tokens,
            "tokens": self.tokens,
            "finish": self.finish,
            "agree": agree,
            "off": off,
        }


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

    def file_bytes(self, loads: Mapping[str, object]) -> bytes:
        """The file, gzipped; the same bytes for the same recording.

        Args:
            loads: By model, how it was obtained.
        """
        header = {
            "schema": SCHEMA,
            "target": self.target,
            "reviewers": list(self.reviewers),
            "drafters": list(self.drafters),
            "policy": GREEDY,
            "models": dict(loads),
        }
        lines = [header, *(trace.to_json() for trace in self.traces)]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        return gzip.compress(text.encode(), mtime=0)


def read_traces(path: str | Path, *, consistent: bool = True) -> Recording:
    """Read a file of traces, gzip or plain.

    Args:
        path: The file.
        consistent: Whether pairs must not contradict each other, which those of greedy tokens cannot; whoever looks at
            one pair at a time need not mind.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    lines = [line for line in read_text(path).split("\n") if line.strip()]
    head = parse_json(lines[0], str(path)) if lines else None
    with inside(f"{path}, line 1"):
        header = mapping(head, "")
        if header.get("schema") != SCHEMA:
            raise InputError("schema", f"got {header.get('schema')!r}, expected {SCHEMA}")
        if header.get("policy", GREEDY) != GREEDY:
            raise InputError("policy", f"got {header['policy']!r}, expected greedy: only then texts can be replayed")
        target = read_name(header.get("target"), "target")
        listed = {"reviewers": header.get("reviewers", [target]), "drafters": header.get("drafters")}
        reviewers, drafters = (
            tuple(read_name(each, key) for each in sequence(item, key)) for key, item in listed.items()
        )
        if target not in reviewers:
            raise InputError("reviewers", f"expected the target {target!r} among them")
    traces = []
    for i, line in enumerate(lines[1:], start=2):
        value = parse_json(line, str(path), first_line=i)
        with inside(f"{path}, line {i}"):
            trace = _read_trace(mapping(value, ""), target)
            if consistent:
                _demand_consistency(trace.agree)
            traces.append(trace)
    if not traces:
        raise InputError(str(path), "holds no trace")
    return Recording(target, reviewers, drafters, tuple(traces))


def _read_trace(fields: Mapping[str, object], target: str) -> Trace:
    tokens = count(fields.get("tokens"), "tokens", MOST_TOKENS)
    finish = fields.get("finish", "length")
    if finish not in get_args(Finish):
        reject("finish", finish, "eos, length or context")
    agree: dict[Pair, str] = {}
    for reviewer, row in mapping(fields.get("agree"), "agree").items():
        for drafter, text in mapping(row, f"agree.{reviewer}").items():
            agree[reviewer, drafter] = _characters(text, f"agree.{reviewer}.{drafter}", tokens)
    off = {}
    for reviewer, row in mapping(fields.get("off", {}), "off").items():
        with inside(f"off.{reviewer}"):
            if (target, reviewer) not in agree:
                raise InputError("", f"expected agree.{target}.{reviewer} also")
            off[reviewer] = _by_departure(mapping(row, ""), agree[target, reviewer])
    key = fields.get("id")
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        reject("id", key, "a string or a whole number")
    category = fields.get("category")
    return Trace(
        id=key,
        category=category if isinstance(category, str) else None,
        prompt_tokens=count(fields.get("prompt_tokens", 1), "prompt_tokens", MOST_TOKENS),
        tokens=tokens,
        finish=finish,  # type: ignore[arg-type]
        agree=agree,
        off=off,
    )


def _characters(text: object, field: str, length: int | None = None) -> str:
    known = {AGREES, DIFFERS, SILENT}
    if not isinstance(text, str) or set(text) - known or (length is not None and len(text) != length):
        wanted = "a string" if length is None else f"a string of {length}"
        reject(field, text, f"{wanted} of the characters 0, 1 and .")
    return text


def _demand_consistency(agree: Mapping[Pair, str]) -> None:
    """Of three models, two pairs cannot agree where the third pair does not."""
    for (first, second), text in agree.items():
        for third in {drafter for reviewer, drafter in agree if reviewer == second and (first, drafter) in agree}:
            texts = text, agree[second, third], agree[first, third]
            for i, characters in enumerate(zip(*texts, strict=True)):
                if characters.count(AGREES) == 2 and SILENT not in characters:
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
            left = own.find(DIFFERS, int(read_number(pair[0], drafter, 0)))
            if left >= 0 and len(text) > len(found.setdefault(left, {}).get(drafter, "")):
                found[left][drafter] = text
    return {left: strings for left, strings in found.items() if strings}
