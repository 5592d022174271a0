"""Input embedding of a network: its table of weights and the number of token ids that it holds."""

from __future__ import annotations

from torch import Tensor
from transformers import PreTrainedModel


def embedding_rows(network: PreTrainedModel) -> int:
    """Number of token ids that a model can read."""
    rows: object = network.get_input_embeddings().num_embeddings
    assert isinstance(rows, int)
    return rows


def embedding_weight(network: PreTrainedModel) -> Tensor:
    """The table, shape (rows, width)."""
    weight: object = network.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return weight
