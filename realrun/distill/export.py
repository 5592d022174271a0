"""A trained drafter as two files: weights in eight bits, and a card that says what it is and how to make it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor
from transformers import PreTrainedModel

from analysis.model import whole_file
from realrun.distill.student import Head, trained
from realrun.network.embedding import embedding_weight

WEIGHTS, CARD = "drafter.safetensors", "card.json"
SCHEMA = 1

_SCALE = ".scale"
_IDS, _PROBE = "head_ids", "embedding_probe"
_PROBED = 16
"""Rows of the embedding that the file keeps, to know the target by."""
_LEVELS = 127


def export(folder: Path, student: PreTrainedModel, head: Head, card: Mapping[str, object]) -> None:
    """Write weights and card; the card last, so that a folder with one is complete.

    A matrix is stored in eight bits with a scale a row: a weight is off by half a step at most, 1/254 of the greatest
    of its row. Everything else is stored in float32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {_IDS: head.ids.int().cpu(), _PROBE: probe(student, head.ids)}
    for name, weight in trained(student).items():
        tensors |= quantised(name, weight.detach().float().cpu())
    with whole_file(folder / WEIGHTS, "wb") as file:
        file.write(save(tensors, {"format": "pt"}))
    with whole_file(folder / CARD) as file:
        json.dump({"schema": SCHEMA, **card}, file, indent=1)
        file.write("\n")


def probe(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Rows of a model's embedding, of the first tokens of a head, in float16: shape (rows, width)."""
    rows = embedding_weight(model).detach()[ids[:_PROBED].to(model.device)]
    return rows.to("cpu", torch.float16)


def quantised(name: str, weight: Tensor) -> dict[str, Tensor]:
    """The tensors that stand for a weight in a file."""
    if weight.dim() != 2:
        return {name: weight.contiguous()}
    scale = weight.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / _LEVELS
    return {name: (weight / scale).round().to(torch.int8), name + _SCALE: scale}


def restored(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Weights in float32 by name, token ids of the head, and probe, from what a file holds.

    Raises:
        KeyError: where one is missing.
    """
    weights = {}
    for name, tensor in tensors.items():
        if name not in (_IDS, _PROBE) and not name.endswith(_SCALE):
            weights[name] = tensor.float() * tensors[name + _SCALE] if tensor.dtype == torch.int8 else tensor
    return weights, tensors[_IDS].long(), tensors[_PROBE]
