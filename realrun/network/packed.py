"""Linear layers with weights in the order that the CPU's matrix units read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

DTYPES = (torch.bfloat16, torch.float16)
"""Types of weights that gain. float32 stays as it is: its products are what transformers' own would be, to the bit."""


class PackedLinear(nn.Module):
    """A linear layer that multiplies by a weight packed by oneDNN.

    torch's own layer packs the weight anew in every call, or reads it in an order that suits many rows. With a few
    rows, which is what drafting and reviewing call on, a product only reads weights, and reading them packed takes
    about two thirds of the time. A whole call of SmolLM2-135M in bfloat16, on a CPU with AMX and with 512 tokens held,
    takes .78 of the time on 1 token and .82 on 8.

    Args:
        weight: As `torch.ops.mkldnn._reorder_linear_weight` returns it; of use here only, and for its type.
        bias: Shape (out_features,).
        in_features: Width of the input.
        out_features: Width of the output.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = weight
        self.bias = bias

    def forward(self, states: Tensor) -> Tensor:
        """``states @ weight.T + bias``, shape (..., out_features)."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(states, self.weight, self.bias, "none", [], "")
        return product


def can_pack(model: nn.Module) -> bool:
    """Whether packing helps here: a CPU that oneDNN computes the model's type on."""
    weight = next(model.parameters())
    return (
        weight.device.type == "cpu"
        and weight.dtype in DTYPES
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and (weight.dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported())
        and (weight.dtype != torch.float16 or torch.ops.mkldnn._is_mkldnn_fp16_supported())
    )


def pack(models: Iterable[nn.Module]) -> None:
    """Replace the linear layers of models in place; a weight that several models share stays shared.

    A weight that something else holds on to, such as an embedding tied to the output layer, is kept beside the packed
    one. The models must not be trained or saved afterwards.
    """
    places: dict[tuple[object, ...], list[tuple[nn.Module, str]]] = defaultdict(list)
    for model in models:
        for parent in model.modules():
            for name, layer in parent.named_children():
                if type(layer) is nn.Linear:
                    bias = None if layer.bias is None else layer.bias.data_ptr()
                    places[layer.weight.data_ptr(), layer.weight.shape, bias].append((parent, name))
    for sharing in places.values():
        parent, name = sharing[0]
        layer = parent.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), None)
        replacement = PackedLinear(weight, layer.bias, layer.in_features, layer.out_features)
        for parent, name in sharing:
            setattr(parent, name, replacement)
