"""Distilled drafters from their folders: what training made of a target's layers, put beside that target."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.model import InputError, parse_json, read_text
from realrun.distill.export import CARD, SCHEMA, WEIGHTS, probe, restored
from realrun.distill.student import build, give_weights
from realrun.loading.checkpoint import listing
from realrun.loading.options import DISTILLED, Source
from realrun.loading.transformers_models import cached, quantised, wants_int8
from realrun.network.cached_model import CachedModel
from realrun.network.embedding import embedding_rows
from realrun.network.head import rows_of
from realrun.network.lean import LeanModel, is_lean
from realrun.network.limits import limits_of

_NEAR = 0.01
"""Greatest difference of embeddings, as a share of the greatest entry: rounding, and not another target."""


class SpreadHead(nn.Module):
    """An output layer of few columns that gives logits for the whole vocabulary, minus infinity where it has none.

    Args:
        narrow: The layer.
        ids: Token id of each of its columns.
        vocabulary: Number of columns to give.
    """

    def __init__(self, narrow: nn.Module, ids: Tensor, vocabulary: int) -> None:
        super().__init__()
        self.narrow, self.ids, self.out_features = narrow, ids, vocabulary

    def forward(self, states: Tensor) -> Tensor:
        """Logits, shape (..., vocabulary)."""
        logits: Tensor = self.narrow(states)
        whole = logits.new_full((*logits.shape[:-1], self.out_features), -torch.inf)
        whole[..., self.ids] = logits
        return whole


def folder_of(source: Source) -> Path | None:
    """The folder of a distilled drafter, shipped with the package or the user's; None where the source is none."""
    if source.name in DISTILLED:
        return Path(str(resources.files("realrun") / "data" / source.name))
    folder = Path(source.name).expanduser()
    return folder if (folder / CARD).is_file() and (folder / WEIGHTS).is_file() else None


def load_distilled(
    source: Source,
    folder: Path,
    target: PreTrainedModel,
    tokenizer: str,
    dtype: torch.dtype,
    texts: Sequence[Sequence[int]],
) -> CachedModel:
    """Load a drafter for its target, whose embedding and output layer it shares.

    Args:
        source: What to load.
        folder: Where it is.
        target: The target, not packed yet; its type and device are the drafter's too.
        tokenizer: Fingerprint of the target's tokenizer.
        dtype: Of the run.
        texts: Token ids to find outliers along, where it is run in 8-bit integers.

    Raises:
        InputError: where the folder is broken, or was made for another target.
    """
    source.only("head", "packed", "lean", "spread", "weights")
    layers, made_for = _card(source, folder)
    try:
        weights, ids, rows = restored(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise source.reject(f"cannot be read: {error}") from None
    other = source.reject(f"was distilled for another target, {made_for.get('name')!r}")
    if made_for.get("tokenizer") != tokenizer:
        raise other
    _demand_ids(source, ids, target)
    if not _same_embedding(target, ids, rows):
        raise other
    broken = [name for name, weight in weights.items() if not bool(torch.isfinite(weight).all())]
    if broken:
        raise source.reject(f"has weights that are NaN or infinite: {listing(broken, 1)}")
    try:
        network = build(target, layers, target.dtype)
        give_weights(network, weights)
    except (RuntimeError, IndexError, ValueError) as error:
        raise source.reject(f"does not fit its target: {error}") from None
    ids = ids[: source.whole("head", 1, len(ids), len(ids))].to(target.device)
    network.requires_grad_(False).eval()
    narrow = rows_of(network.get_output_embeddings(), ids, len(ids))
    packed = source.flag("packed", True)
    in_int8 = wants_int8(source, dtype)
    if source.flag("spread", False):
        if in_int8:
            raise InputError(
                f"{source.field}.spread",
                'got true in int8, expected "weights": "float" beside it: it is for programs that do not run int8',
            )
        network.set_output_embeddings(SpreadHead(narrow, ids, target.get_output_embeddings().out_features))
        return cached(network)
    network.set_output_embeddings(narrow)
    if in_int8:
        return quantised(source, network, texts, ids)
    if source.flag("lean", True) and is_lean(network):
        return LeanModel(network, ids, limits_of(network), packed)
    return cached(network, ids)


def wants_packing(source: Source, model: CachedModel) -> bool:
    """Whether the network of a drafter is still to be packed; our own forward passes have their own weights."""
    return type(model) is CachedModel and source.flag("packed", True) and not source.flag("spread", False)


def _card(source: Source, folder: Path) -> tuple[list[int], dict[str, object]]:
    """Layers and target that the card tells of."""
    card = parse_json(read_text(folder / CARD), str(folder / CARD))
    if not isinstance(card, dict) or card.get("schema") != SCHEMA:
        raise source.reject(f"has a card of another form, expected `schema` {SCHEMA}")
    layers, target = card.get("layers"), card.get("target")
    if not isinstance(layers, list) or not layers or not all(type(i) is int and i >= 0 for i in layers):
        raise source.reject("has a card without the numbers of its layers")
    if not isinstance(target, dict):
        raise source.reject("has a card without its target")
    return layers, target


def _demand_ids(source: Source, ids: Tensor, target: PreTrainedModel) -> None:
    """Refuse token ids of a head that name a token twice, which has two probabilities then, or none of the target."""
    columns = target.get_output_embeddings().out_features
    if ids.dim() != 1 or not len(ids) or int(ids.min()) < 0 or int(ids.max()) >= columns:
        raise source.reject(f"has `head_ids` that are not a list of numbers in 0..{columns - 1}")
    if len(ids.unique()) < len(ids):
        raise source.reject("has `head_ids` that name a token twice, expected different ones")


def _same_embedding(target: PreTrainedModel, ids: Tensor, rows: Tensor) -> bool:
    if int(ids.max()) >= embedding_rows(target):
        return False
    found, expected = probe(target, ids).float(), rows.float()
    return found.shape == expected.shape and bool((found - expected).abs().max() <= _NEAR * expected.abs().max())
