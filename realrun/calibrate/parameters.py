"""How many weights a call of a model multiplies by: the measure of size that parameter-ratio costs stand on."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from realrun.packed import PackedLinear


def multiplied_parameters(network: PreTrainedModel) -> int:
    """Parameters of a model without the embeddings that a call only looks up.

    An embedding that also is the output layer counts once, as that layer; so does an output layer cut short, with the
    columns that are left. A drafter that shares its target's embedding is thus counted by what it computes.
    """
    looked_up = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    total = sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in looked_up)
    packed = {id(module.weight): module for module in network.modules() if isinstance(module, PackedLinear)}
    total += sum(module.in_features * module.out_features for module in packed.values())
    head = network.get_output_embeddings()
    if head is not None and id(head.weight) in looked_up:
        total += head.weight.numel()
    return total
