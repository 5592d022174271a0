"""Text from nothing but a target: it invents user turns after its own chat prefix, and answers them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from analysis.model import InputError, progress
from realrun.bench.transformers_decoders import generated, only_settings
from realrun.distill.dataset import Conversation
from realrun.engine.running_text import decoded
from realrun.loading.transformers_models import context_of, eos_of
from realrun.runs.prompts import Prompt, encode, encode_chat

_ANSWERED = 12
"""Prompts answered at a time."""
_MARK = "\x00user\x00"
"""Stands for the user's words while the template's are looked at."""


@dataclass(frozen=True)
class SampleSize:
    """How much text is sampled.

    Attributes:
        conversations: User turns, each with one answer: every other batch greedy, the others at temperature 1.
        user_tokens: Greatest length of a user turn.
        answer_tokens: Greatest length of an answer.
        batch: Conversations at a time.
        seed: Of all of them.
    """

    conversations: int
    user_tokens: int = 96
    answer_tokens: int = 160
    batch: int = 32
    seed: int = 0


def sample(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, plan: SampleSize, path: Path) -> None:
    """Write conversations to a JSONL file as they come, for `read_samples`; the same call goes on where one was killed.

    Args:
        model: Who talks to itself.
        tokenizer: Its tokenizer.
        plan: How much.
        path: The file; whole batches that it has are kept.
    """
    done = _kept_batches(path, plan)
    ends, context = eos_of(model, tokenizer), context_of(model)
    prefix, closing = _prefix(tokenizer)
    count = -(-plan.conversations // plan.batch)
    for number in progress(range(done, count), "samples", "batch", initial=done, total=count):
        size = min(plan.batch, plan.conversations - number * plan.batch)
        mode = "t1" if number % 2 else "greedy"
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(plan.seed * 1_000_003 + number)
            turns = _continued(
                model, [prefix] * size, min(plan.user_tokens, context // 4), closing | ends, sampled=True
            )
            users = [decoded(tokenizer, turn).strip() for turn, _ in turns]
            users = [user or "." for user in users]
            prompts = [encode(Prompt(0, user), tokenizer) for user in users]
            room = max(1, min(plan.answer_tokens, context - max(map(len, prompts))))
            replies = _continued(model, prompts, room, ends, sampled=mode == "t1")
        with path.open("a", encoding="utf-8") as file:
            rows = [
                {"user": user, "assistant": decoded(tokenizer, ids), "mode": mode}
                | ({"eos": False} if end is None else {"eos": True, "end": end})
                for user, (ids, end) in zip(users, replies, strict=True)
            ]
            file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())


def answers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], limit: int
) -> list[Conversation]:
    """A target's greedy answers to prompts, of so many tokens at most; an empty answer is left out."""
    ends = eos_of(model, tokenizer)
    encoded = sorted((encode(prompt, tokenizer) for prompt in prompts), key=len)
    found = []
    for start in progress(range(0, len(encoded), _ANSWERED), "answers", "batch"):
        part = encoded[start : start + _ANSWERED]
        for prompt, (answer, _) in zip(part, _continued(model, part, limit, ends, sampled=False), strict=True):
            found += [Conversation(tuple(prompt), tuple(answer), greedy=True, held_out=True)] if answer else []
    return found


def _prefix(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], frozenset[int]]:
    """Token ids up to where the user speaks, and the ids that end the user's turn."""
    if not tokenizer.chat_template:
        first = [i for i in (tokenizer.bos_token_id, tokenizer.eos_token_id) if i is not None][:1]
        if not first:
            raise InputError(
                "samples", "missing, and the tokenizer has neither chat template nor first token to sample from"
            )
        return first, frozenset()
    text = tokenizer.decode(encode_chat([{"role": "user", "content": _MARK}], tokenizer, "the chat template"))
    assert isinstance(text, str)
    before, mark, after = text.partition(_MARK)
    if not mark:
        raise InputError("samples", "missing, and the chat template changes the user's words, so none can be sampled")
    closing = tokenizer(after, add_special_tokens=False)["input_ids"][:1]
    return tokenizer(before, add_special_tokens=False)["input_ids"], frozenset(closing)


@torch.inference_mode()
def _continued(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], limit: int, ends: frozenset[int], sampled: bool
) -> list[tuple[list[int], int | None]]:
    """Continuations by the model's own law or greedily, and the token that ended each, not part of it, if one did."""
    widest = max(map(len, prompts))
    pad = min(ends, default=0)
    ids = torch.tensor([[pad] * (widest - len(p)) + list(p) for p in prompts], device=model.device)
    mask = torch.tensor([[0] * (widest - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    with only_settings(model):
        found = generated(
            model,
            ids,
            attention_mask=mask,
            max_new_tokens=limit,
            do_sample=sampled,
            **({"top_k": 0} if sampled else {}),
            eos_token_id=sorted(ends) or None,
            pad_token_id=pad,
        )[:, widest:].tolist()
    result = []
    for row in found:
        length = next((i for i, token in enumerate(row) if token in ends), len(row))
        result.append((row[:length], row[length] if length < len(row) else None))
    return result


def _kept_batches(path: Path, plan: SampleSize) -> int:
    """Number of whole batches in the file, which is cut to them."""
    try:
        *lines, torn = path.read_bytes().split(b"\n")  # not where other separators of lines stand in a text
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return 0
    if b"\0" in b"".join(lines[-1:]):  # where power was lost; a text has its NULs escaped
        lines.pop()
    if len(lines) >= plan.conversations and not torn:
        return -(-plan.conversations // plan.batch)
    kept = lines[: min(len(lines), plan.conversations) // plan.batch * plan.batch]
    os.truncate(path, sum(len(line) + 1 for line in kept))
    return len(kept) // plan.batch
