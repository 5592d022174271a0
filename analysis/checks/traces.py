"""Recorded agreements of real runs: which tokens a reviewer would have accepted, at every position of many texts.

A traces file is JSONL, plain or gzipped. Its first line describes it: ``{"schema": 1, "target": "t", "reviewers":
[...], "drafters": [...], "policy": "greedy"}``. Every other line is one prompt: ``id``, ``category``, ``tokens`` and
``agree[reviewer][drafter]``, a string of that many characters. Character i is 1 where, given the prompt and the
target's first i tokens, the drafter's next token is the one the reviewer lets pass; 0 where it is another; and a full
stop where the drafter knows none. Other keys are left to other readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError, parse_json, read_text
from analysis.model.boundary.fields import inside, mapping, read_name, reject, sequence

SCHEMA = 1
ABSTAINED = -1
"""Mark of a position where the drafter knew no token."""

Bits = NDArray[np.int8]
Pair = tuple[str, str]
"""(reviewer, drafter)."""


@dataclass(frozen=True)
class PromptTrace:
    """The agreements along one text.

    Attributes:
        id: Of the prompt, unique in the file.
        category: Its domain.
        agree: By pair, one number a token of the text: 1 agreed, 0 did not, -1 the drafter abstained.
    """

    id: str
    category: str
    agree: Mapping[Pair, Bits]


@dataclass(frozen=True)
class Traces:
    """All that one file recorded.

    Attributes:
        target: The model whose texts these are.
        drafters: Names, the costliest first.
        pairs: (reviewer, drafter), the target's pairs first.
        prompts: One trace a prompt.
    """

    target: str
    drafters: tuple[str, ...]
    pairs: tuple[Pair, ...]
    prompts: tuple[PromptTrace, ...]

    def sequences(self, pair: Pair) -> list[Bits]:
        """The agreements of a pair, a text a prompt."""
        return [prompt.agree[pair] for prompt in self.prompts]

    @property
    def categories(self) -> list[str]:
        """The category of every prompt."""
        return [prompt.category for prompt in self.prompts]

    def only(self, category: str) -> Traces:
        """The prompts of one category."""
        kept = tuple(prompt for prompt in self.prompts if prompt.category == category)
        return Traces(self.target, self.drafters, self.pairs, kept)


def read_traces(path: str | Path) -> Traces:
    """Read a traces file.

    Raises:
        InputError: naming the line and the field that is wrong.
    """
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    with inside(f"{path}: line 1"):
        target, drafters = _header(mapping(parse_json(lines[0], ""), ""))
    prompts: list[PromptTrace] = []
    for number, line in enumerate(lines[1:], 2):
        with inside(f"{path}: line {number}"):
            prompt = _prompt(mapping(parse_json(line, "", number), ""))
            if prompts and set(prompt.agree) != set(prompts[0].agree):
                raise InputError("agree", "expected the same pairs as in the first prompt")
            prompts.append(prompt)
    if not prompts:
        raise InputError(str(path), "holds no prompt, expected at least one line after the first")
    ids = [prompt.id for prompt in prompts]
    twice = next((key for key in ids if ids.count(key) > 1), None)
    if twice is not None:
        raise InputError(str(path), f"the prompt {twice!r} is there twice")
    found = [pair for pair in prompts[0].agree if pair[1] in drafters]
    if not any(reviewer == target for reviewer, _ in found):
        raise InputError(f"{path}: line 2: agree.{target}", "missing, expected the target's agreement with a drafter")
    pairs = sorted(found, key=lambda pair: (pair[0] != target, found.index(pair)))
    return Traces(target, drafters, tuple(pairs), tuple(prompts))


def _header(fields: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    if fields.get("schema") != SCHEMA:
        reject("schema", fields.get("schema"), str(SCHEMA))
    target = read_name(fields.get("target"), "target")
    drafters = tuple(
        read_name(item, f"drafters[{i}]") for i, item in enumerate(sequence(fields.get("drafters"), "drafters"))
    )
    return target, drafters


def _prompt(fields: Mapping[str, object]) -> PromptTrace:
    tokens = fields.get("tokens")
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0:
        reject("tokens", tokens, "a whole number >= 0")
    agree: dict[Pair, Bits] = {}
    for reviewer, row in mapping(fields.get("agree"), "agree").items():
        for drafter, text in mapping(row, f"agree.{reviewer}").items():
            if not isinstance(text, str) or len(text) != tokens or set(text) - set("01."):
                reject(f"agree.{reviewer}.{drafter}", text, f"{tokens} characters, each 0, 1 or a full stop")
            agree[reviewer, drafter] = _bits(text)
    identity = fields.get("id")
    key = str(identity) if isinstance(identity, int) and not isinstance(identity, bool) else read_name(identity, "id")
    category = fields.get("category")
    return PromptTrace(key, "all" if category is None else read_name(category, "category"), agree)


def _bits(text: str) -> Bits:
    codes = np.frombuffer(text.encode("ascii"), dtype=np.int8)
    return np.where(codes == ord("."), ABSTAINED, codes - ord("0")).astype(np.int8)
