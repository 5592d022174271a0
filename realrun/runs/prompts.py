"""Prompt files: one JSON object a line, with `id` and `turns` (the first is used) or `prompt`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model import InputError, advise, parse_json, read_bytes, text_of
from realrun.engine.running_text import special_tokens
from realrun.runs.chat_template import render_chat

if TYPE_CHECKING:  # transformers takes a second
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    Attributes:
        id: Its name, a string or a whole number, given back with the results.
        text: What the user says.
        category: Its domain, where the file tells.
        answer: The right one, where the file tells, as it tells it (see `realrun.runs.answers`).
        choices: What it lets one choose from, where the file tells; they are not in the text.
    """

    id: str | int
    text: str
    category: str | None = None
    answer: object = None
    choices: tuple[str, ...] = ()


def shipped_prompts() -> Path:
    """The prompts that come with the package: 36 of our own over 12 domains, each third of the file covers all."""
    return Path(str(resources.files("realrun") / "data" / "prompts.jsonl"))


@dataclass(frozen=True)
class PromptFile:
    """What a prompt file holds.

    Attributes:
        path: Its name.
        prompts: Its prompts in order.
        sha256: Hash of its bytes, unpacked.
    """

    path: str
    prompts: list[Prompt]
    sha256: str


def read_prompts(path: str | Path) -> list[Prompt]:
    """The prompts of a file, as `read_prompt_file` reads them."""
    return read_prompt_file(path).prompts


def read_prompt_file(path: str | Path) -> PromptFile:
    """Read a prompt file, or a pipe, once; blank lines and unknown keys are ignored.

    No two ids may be the same text: 1 and "1" are.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    prompts = []
    lines: dict[str, int] = {}
    data = read_bytes(path)
    for i, line in enumerate(text_of(data, path).split("\n"), start=1):
        if line.strip():
            where = f"{path}, line {i}"
            prompt = _prompt(parse_json(line, str(path), first_line=i), where)
            first = lines.setdefault(str(prompt.id), i)
            if first != i:
                raise InputError(f"{where}, id", f"got {prompt.id!r} as in line {first}, expected another one")
            prompts.append(prompt)
    return PromptFile(str(path), prompts, hashlib.sha256(data).hexdigest())


def _prompt(row: object, where: str) -> Prompt:
    if not isinstance(row, dict):
        raise InputError(where, "expected an object with `id` and `turns` or `prompt`")
    key = row.get("id")
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError(f"{where}, id", f"got {key!r}, expected a string or a whole number")
    turns = row.get("turns")
    text = turns[0] if isinstance(turns, list) and turns else row.get("prompt")
    if not isinstance(text, str) or not text:
        raise InputError(where, "expected `turns`, a list of texts, or `prompt`, a text, not empty")
    category = row.get("category")
    choices = row.get("choices")
    listed = choices if isinstance(choices, list) and all(isinstance(choice, str) for choice in choices) else []
    return Prompt(key, text, category if isinstance(category, str) else None, row.get("answer"), tuple(listed))


def encode(prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Token ids of a prompt, in the chat template where the tokenizer has one.

    The text is read as transformers and vLLM read it: the name of a special token in it is that token. That is said,
    since a turn of the chat may thereby end, and so is a first token that the tokenizer puts before one in the text.

    Raises:
        InputError: where the template refuses it or no token comes out.
    """
    where = f"prompt {prompt.id}"
    if tokenizer.chat_template:
        return encode_chat([{"role": "user", "content": prompt.text}], tokenizer, where)
    _tell_special_tokens(prompt.text.removeprefix(tokenizer.bos_token or ""), tokenizer, where)
    ids = list(tokenizer(prompt.text)["input_ids"])
    if not ids:
        raise InputError(where, "has no tokens")
    if tokenizer.bos_token_id is not None and ids[:2] == [tokenizer.bos_token_id] * 2:
        advise(
            f"{where}: begins with {tokenizer.bos_token!r}, which the tokenizer adds too: the model reads it twice, "
            "leave it out of the text"
        )
    return ids


def encode_chat(chat: Sequence[Mapping[str, str]], tokenizer: PreTrainedTokenizerBase, where: str) -> list[int]:
    """Token ids of the turns of a chat in the tokenizer's template, up to where the answer begins.

    Raises:
        InputError: where the template refuses them or is itself wrong, or no token comes out.
    """
    for message in chat:
        _tell_special_tokens(message.get("content"), tokenizer, where)
    ids = list(tokenizer(render_chat(chat, tokenizer, where), add_special_tokens=False)["input_ids"])
    if not ids:
        raise InputError(where, "has no tokens")
    return ids


def _tell_special_tokens(text: object, tokenizer: PreTrainedTokenizerBase, where: str) -> None:
    found = [name for name in special_tokens(tokenizer) if name in text] if isinstance(text, str) else []
    if found:
        listed = ", ".join(map(repr, found[:3]))
        advise(
            f"{where}: holds {listed}: in a text it is read as the special token, as in transformers and vLLM, and may "
            "end the turn"
        )
