"""Drafters that propose only the frequent tokens, and need not compute the others' logits."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel


def narrow_head(network: PreTrainedModel, size: int) -> torch.Tensor:
    """Let a model's output layer keep the `size` lowest token ids.

    A review corrects what a drafter can't say, so a narrow head loses nothing but some acceptance. In a small model
    the output layer is a large part of a call: 21 % of the weights of SmolLM2-135M.

    Args:
        network: Changed in place; its embedding stays, also where it was tied to the output layer.
        size: 1..number of output columns.

    Returns:
        Token id of every column that is left.
    """
    whole = network.get_output_embeddings()
    network.set_output_embeddings(rows_of(whole, slice(size), size))
    shift = getattr(network, "final_logits_bias", None)  # BART and its kin add it to the output layer's columns
    if shift is not None:
        network.final_logits_bias = shift[..., :size]
    return torch.arange(size, device=whole.weight.device)


def rows_of(whole: nn.Linear, rows: slice | torch.Tensor, count: int) -> nn.Linear:
    """An output layer of some rows of another: a view of its weights for a slice, a copy for token ids.

    Args:
        whole: The layer.
        rows: Which.
        count: How many these are.
    """
    with torch.device("meta"):
        narrow = nn.Linear(whole.in_features, count, bias=whole.bias is not None)
    narrow.weight = nn.Parameter(whole.weight.detach()[rows], requires_grad=False)
    if whole.bias is not None:
        narrow.bias = nn.Parameter(whole.bias.detach()[rows], requires_grad=False)
    return narrow
