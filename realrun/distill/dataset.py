"""Conversations that a target wrote, as the token ids that its engine would feed it."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from analysis.model import InputError, parse_json, read_text
from realrun.runs.prompts import Prompt, encode

HELD_OUT = 32
"""One user turn in so many is held out, with all its answers."""


@dataclass(frozen=True)
class Conversation:
    """One user turn and the target's answer.

    Attributes:
        prompt: Token ids up to where the answer begins.
        answer: Token ids of the answer, the end-of-text token included where the target ended it.
        greedy: Whether the answer is the target's greedy one, so that each token is its most probable.
        held_out: Whether it is kept from training.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    greedy: bool
    held_out: bool

    @property
    def ids(self) -> tuple[int, ...]:
        """All tokens that predict some token of the answer."""
        return self.prompt + self.answer[:-1]


def read_samples(path: Path, tokenizer: PreTrainedTokenizerBase, context: int) -> list[Conversation]:
    """Read conversations: one JSON object a line with `user`, `assistant`, `mode` (greedy or other), `eos` and `end`.

    `eos` says whether the target ended its answer, and `end`, which may be missing, the id of the token it ended it by;
    without it that is the tokenizer's.

    Args:
        path: A JSONL file, gzipped where its name ends in .gz.
        tokenizer: The target's; `user` goes through its chat template as the engine's prompts do.
        context: Conversations with more tokens than that are left out.

    Raises:
        InputError: naming the file, the line, and what is wrong there; or where nothing is left.
    """
    found = []
    for number, line in enumerate(_lines(path), start=1):
        row = parse_json(line, str(path), first_line=number)
        where = f"{path}, line {number}"
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("user", "assistant")):
            raise InputError(where, "expected an object with texts `user` and `assistant`")
        prompt = encode(Prompt(number, row["user"]), tokenizer)
        answer = list(tokenizer(row["assistant"], add_special_tokens=False)["input_ids"])
        if row.get("eos"):
            answer += _end(row, tokenizer, where)
        if answer and len(prompt) + len(answer) <= context:
            greedy = row.get("mode") == "greedy"
            found.append(Conversation(tuple(prompt), tuple(answer), greedy, is_held_out(row["user"])))
    if not any(c.greedy and c.held_out for c in found) or all(c.held_out for c in found):
        raise InputError(
            str(path), f"got {len(found)} usable conversations, expected some to train on and some to test"
        )
    return found


def _end(row: Mapping[str, object], tokenizer: PreTrainedTokenizerBase, where: str) -> list[int]:
    """The token that ended an answer; none where neither the row nor the tokenizer knows it."""
    end = row.get("end")
    if end is None:
        return [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    if isinstance(end, bool) or not isinstance(end, int) or end < 0:
        raise InputError(f"{where}, end", f"got {end!r}, expected the id of a token")
    return [end]


def is_held_out(user: str) -> bool:
    """Whether the conversations with this user turn are held out: by its hash, so that equal turns stay together."""
    return hashlib.sha256(user.encode()).digest()[0] % HELD_OUT == 0


def frequent_tokens(conversations: Iterable[Conversation], size: int, vocabulary: int) -> list[int]:
    """The `size` most frequent token ids of the answers, in falling order; unseen ones follow by their id."""
    counts = Counter(token for conversation in conversations for token in conversation.answer)
    return sorted(range(vocabulary), key=lambda token: (-counts[token], token))[:size]


def batches(lengths: Sequence[int], tokens: int, seed: int) -> list[list[int]]:
    """Indices in batches of sequences of like length, in random order.

    Args:
        lengths: Of the sequences.
        tokens: Greatest number of tokens in a batch, padding included; a longer sequence is a batch by itself.
        seed: Of the order, and of which sequences of nearly one length come together.
    """
    rng = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i] * rng.uniform(0.95, 1.05), i))
    result: list[list[int]] = []
    widest = 0
    for i in order:
        widest = max(widest, lengths[i])
        if not result or widest * (len(result[-1]) + 1) > tokens:
            result.append([])
            widest = lengths[i]
        result[-1].append(i)
    rng.shuffle(result)
    return result


def _lines(path: Path) -> Iterator[str]:
    if path.suffix != ".gz":
        yield from (line for line in read_text(path).split("\n") if line.strip())
        return
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from (line for line in file if line.strip())
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"cannot be read: {error}") from None
