"""What the target thinks along the conversations: its last hidden states, from which any part of its law follows.

One pass computes them, many epochs use them. A state takes two bytes a dimension; its law over the vocabulary would
take a hundred times as much.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from analysis.model import InputError, progress
from realrun.distill.dataset import Conversation, batches
from realrun.distill.notes import damaged, read_note, write_note
from realrun.network.embedding import embedding_weight

STATES, NOTE = "states.bin", "states.json"
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
    key = f"{fingerprint(target)} {weights_digest(target)} {_digest(conversations)}"
    plan = batches([len(c.ids) for c in conversations], _TOKENS, seed=0)
    done = _progress(folder, key, shape, len(plan))
    states = torch.from_numpy(_room(folder, shape)).view(torch.bfloat16)
    known = [states[starts[i] : starts[i + 1]] for number in range(done) for i in plan[number]]
    if not all(bool(part.view(torch.int16).any(dim=1).all()) for part in known):  # no state of a model is all zeros
        print(f"{folder / STATES}: lacks states that were there, they are computed anew", file=sys.stderr)
        done = 0
    with torch.inference_mode():
        for number in progress(range(done, len(plan)), "teacher", initial=done, total=len(plan)):
            chosen = [conversations[i] for i in plan[number]]
            hidden = target.base_model(input_ids=padded([c.ids for c in chosen], target.device), use_cache=False)
            for i, conversation, found in zip(plan[number], chosen, hidden.last_hidden_state, strict=True):
                wanted = found[len(conversation.prompt) - 1 : len(conversation.ids)]
                states[starts[i] : starts[i + 1]] = wanted.to("cpu", torch.bfloat16)
            if (number + 1) % _KEPT == 0 or number == len(plan) - 1:
                _flush(folder)
                write_note(folder / NOTE, {"key": key, "shape": shape, "batches": number + 1})
    return Lessons(states, starts[:-1], key)


def fingerprint(target: PreTrainedModel) -> str:
    """SHA-256 of the target's embedding and output layer, as bfloat16: what a drafter shares with it."""
    digest = hashlib.sha256()
    for table in (embedding_weight(target), target.get_output_embeddings().weight):
        weight = table.detach().to("cpu", torch.bfloat16).contiguous()
        digest.update(repr(tuple(weight.shape)).encode())
        digest.update(weight.view(torch.int16).numpy().data)
    return digest.hexdigest()


def weights_digest(target: PreTrainedModel) -> str:
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


def _progress(folder: Path, key: str, shape: tuple[int, int], batches: int) -> int:
    """Number of batches that the folder holds."""
    note = read_note(folder / NOTE)
    if note is None:
        return 0
    if not isinstance(note, dict) or note.keys() != {"key", "shape", "batches"}:
        raise damaged(folder / NOTE, "no note of states")
    if (note["key"], note["shape"]) != (key, list(shape)):
        raise InputError(str(folder), "holds states of another target, dtype or samples, expected an empty folder")
    done = note["batches"]
    if isinstance(done, bool) or not isinstance(done, int) or not 0 <= done <= batches:
        raise damaged(folder / NOTE, f"batches is {done!r}")
    return done


def _room(folder: Path, shape: tuple[int, int]) -> NDArray[np.int16]:
    """The file of states as an array, with all its room on the disk: where that ran out later, it would be a crash.

    What the file lacks is zero.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, size = folder / STATES, shape[0] * shape[1] * np.dtype(np.int16).itemsize
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            os.ftruncate(descriptor, size)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise InputError(str(path), f"cannot take its {size} bytes: {error.strerror}") from None
    return np.memmap(path, np.int16, "r+", shape=shape)


def _flush(folder: Path) -> None:
    """Wait until the disk has the states."""
    descriptor = os.open(folder / STATES, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
