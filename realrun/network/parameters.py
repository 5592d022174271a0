"""How many weights a call of a model multiplies by: the measure of size that parameter-ratio costs stand on."""

from __future__ import annotations

import re

from torch import nn
from transformers import PreTrainedModel

from realrun.network.packed import PackedLinear

_KEPT = re.compile(r"(EncDecAttention\.[kv]|encoder_attn\.[kv]_proj)$")
"""What makes the keys and values of an encoder's states, which are kept from the prefill on."""


def multiplied_parameters(network: PreTrainedModel) -> int:
    """Parameters that a decoding call computes with: not an encoder's, and no embeddings, which it only looks up.

    An embedding that also is the output layer counts once, as that layer; so does an output layer cut short, with the
    columns that are left. A drafter that shares its target's embedding is thus counted by what it computes.
    """
    encoder = set(network.get_encoder().modules()) if network.config.is_encoder_decoder else set()
    modules = [m for name, m in network.named_modules() if m not in encoder and not _KEPT.search(name)]
    looked_up = {id(m.weight) for m in modules if isinstance(m, nn.Embedding)}
    counts = {id(p): p.numel() for m in modules for p in m.parameters(recurse=False) if id(p) not in looked_up}
    counts |= {id(m.weight): m.in_features * m.out_features for m in modules if isinstance(m, PackedLinear)}
    weight = getattr(network.get_output_embeddings(), "weight", None)
    if weight is not None and id(weight) in looked_up:
        counts[id(weight)] = weight.numel()
    return sum(counts.values())
