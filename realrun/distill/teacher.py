"""What the target thinks along the conversations: its last hidden states, from which any part of its law follows.

One pass computes them, many epochs use them. A state takes two bytes a dimension; its law over the vocabulary would
take a hundred times as much.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel

from analysis.model import InputError, whole_file
from realrun.distill.dataset import Conversation, batches

_TOKENS = 2048
"""In a batch of the pass."""
_KEPT = 50
"""Batches between two notes of how far the pass is."""
_LOOKED_AT = 1024
"""Values of every weight, at least where it has so many, by which a target is known again."""


@dataclass(frozen=True)
class Lessons:
    """The target's states at every position that predicts a token of an answer.

    Attributes:
        states: bfloat16, shape (answer tokens, width), in the order of the conversations.
        starts: Row of the first answer token of each conversation.
        key: Tells target, its type and the conversations from others.
    """

    states: Tensor
    starts: tuple[int, ...]
    key: str

    def of(self, index: int, conversation: Conversation) -> Tensor:
        """States that predict the answer of the conversation of this index, shape (answer tokens, width)."""
        return self.states[self.starts[index] : self.starts[index] + len(conversation.answer)]


def padded(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Token ids padded on the right, where a causal model's earlier positions do not see them."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for place, row in zip(ids, rows, strict=True):
        place[: len(row)] = torch.tensor(row)
    return ids.to(device)


def learn(target: PreTrainedModel, conversations: Sequence[Conversation], folder: Path) -> Lessons:
    """The target's states along the conversations, from the folder as far as it has them.

    Args:
        target: In the type and on the device that it is to compute in.
        conversations: All of them, held-out ones included.
        folder: Takes states.bin and states.json; a pass that was interrupted goes on where it was.

    Raises:
        InputError: where the folder holds states of something else.
    """
    starts = tuple(accumulate((len(c.answer) for c in conversations), initial=0))
    shape = (starts[-1], target.get_output_embeddings().in_features)
    key = f"{fingerprint(target)} {_weights_digest(target)} {_digest(conversations)}"
    plan = batches([len(c.ids) for c in conversations], _TOKENS, seed=0)
    done = _progress(folder, key, shape)
    folder.mkdir(parents=True, exist_ok=True)
    raw = np.memmap(folder / "states.bin", np.int16, "r+" if (folder / "states.bin").exists() else "w+", shape=shape)
    states = torch.from_numpy(raw).view(torch.bfloat16)
    with torch.inference_mode():
        for number in tqdm(range(done, len(plan)), "teacher", initial=done, total=len(plan), delay=2):
            chosen = [conversations[i] for i in plan[number]]
            hidden = target.base_model(input_ids=padded([c.ids for c in chosen], target.device), use_cache=False)
            for i, conversation, found in zip(plan[number], chosen, hidden.last_hidden_state, strict=True):
                wanted = found[len(conversation.prompt) - 1 : len(conversation.ids)]
                states[starts[i] : starts[i + 1]] = wanted.to("cpu", torch.bfloat16)
            if (number + 1) % _KEPT == 0 or number == len(plan) - 1:
                raw.flush()
                _note(folder, key, shape, number + 1)
    return Lessons(states, starts[:-1], key)


def fingerprint(target: PreTrainedModel) -> str:
    """SHA-256 of the target's embedding and output layer, as bfloat16: what a drafter shares with it."""
    digest = hashlib.sha256()
    for layer in (target.get_input_embeddings(), target.get_output_embeddings()):
        weight = layer.weight.detach().to("cpu", torch.bfloat16).contiguous()
        digest.update(repr(tuple(weight.shape)).encode())
        digest.update(weight.view(torch.int16).numpy().data)
    return digest.hexdigest()


def _weights_digest(target: PreTrainedModel) -> str:
    """SHA-256 of the type and some values of every weight: cheap, and another one for almost every fine-tune."""
    digest = hashlib.sha256()
    for name, weight in target.named_parameters():
        some = weight.detach().reshape(-1)[:: max(1, weight.numel() // _LOOKED_AT)]
        digest.update(f"{name} {weight.dtype}".encode())
        digest.update(some.cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _digest(conversations: Sequence[Conversation]) -> str:
    """SHA-256 of all tokens."""
    digest = hashlib.sha256()
    for conversation in conversations:
        digest.update(repr((conversation.prompt, conversation.answer)).encode())
    return digest.hexdigest()


def _progress(folder: Path, key: str, shape: tuple[int, int]) -> int:
    """Number of batches that the folder holds."""
    try:
        note = json.loads((folder / "states.json").read_text())
    except FileNotFoundError:
        return 0
    if (note["key"], tuple(note["shape"])) != (key, shape):
        raise InputError(str(folder), "holds states of another target, dtype or samples, expected an empty folder")
    return int(note["batches"])


def _note(folder: Path, key: str, shape: tuple[int, int], done: int) -> None:
    with whole_file(folder / "states.json") as file:
        json.dump({"key": key, "shape": shape, "batches": done}, file)
