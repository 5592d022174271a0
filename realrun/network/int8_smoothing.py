"""Outliers of activations moved into weights, so that 8 bits hold both (SmoothQuant, arXiv 2211.10438).

A few columns of a decoder's activations are far greater than the rest, and set each token's scale. Such a column is
divided by a factor and the weights that read it are multiplied by it: the same function, and finer steps for all other
columns. The division costs nothing: it becomes part of the norm before the layer, or of the layer before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

BEHIND_NORMS = 0.65
"""How much of an outlier goes into the weights, 0 to 1, where a norm stands before the layer."""

BEHIND_GATES = 0.5
"""The same for the layer behind the gated part, whose outliers are those of single tokens."""


@dataclass(frozen=True)
class Smoothing:
    """Factors by which columns of weights are multiplied.

    They are whole powers of 2^(1/4), so that they hardly ever depend on how a machine rounds.

    Attributes:
        read: By layer, of what attention reads, shape (width,).
        up: By layer, of what the gated part reads, shape (width,).
        down: By layer, of what the gated part hands on, shape (inner width,).
        head: Of what the output layer reads, shape (width,).
    """

    read: Sequence[Tensor]
    up: Sequence[Tensor]
    down: Sequence[Tensor]
    head: Tensor

    @classmethod
    def none(cls, network: PreTrainedModel) -> Smoothing:
        """Factors of one."""
        model: Any = network.model
        inner = [torch.ones(layer.mlp.down_proj.weight.shape[1]) for layer in model.layers]
        outer = [torch.ones(network.config.hidden_size)] * len(inner)
        return cls(outer, outer, inner, torch.ones(network.config.hidden_size))

    @classmethod
    def of(cls, network: PreTrainedModel, texts: Sequence[Sequence[int]]) -> Smoothing:
        """Factors by the greatest activations along some texts.

        Args:
            network: A model of the architectures that can be run in 8-bit integers.
            texts: Token ids, at least one text of at least one token.
        """
        model: Any = network.model
        layers = model.layers
        read = [[x.self_attn.q_proj, x.self_attn.k_proj, x.self_attn.v_proj] for x in layers]
        up = [[x.mlp.gate_proj, x.mlp.up_proj] for x in layers]
        down = [[x.mlp.down_proj] for x in layers]
        head: list[Any] = [network.lm_head]
        peaks = _peaks(network, [group[0] for group in (*read, *up, *down, head)], texts)

        def factors(group: Sequence[Any], share: float) -> Tensor:
            return _factors(peaks[group[0]], [layer.weight for layer in group], share)

        return cls(
            [factors(group, BEHIND_NORMS) for group in read],
            [factors(group, BEHIND_NORMS) for group in up],
            [factors(group, BEHIND_GATES) for group in down],
            factors(head, BEHIND_NORMS),
        )


def _peaks(
    network: PreTrainedModel, layers: Sequence[nn.Module], texts: Sequence[Sequence[int]]
) -> dict[nn.Module, Tensor]:
    """Greatest absolute entry of each column that each layer reads along some texts."""
    found: dict[nn.Module, Tensor] = {}

    def record(layer: nn.Module) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            peaks = inputs[0].detach().float().abs().flatten(0, -2).amax(0)
            found[layer] = torch.maximum(found[layer], peaks) if layer in found else peaks

        return hook

    handles = [layer.register_forward_pre_hook(record(layer)) for layer in layers]
    try:
        with torch.inference_mode():
            for text in texts:
                network(input_ids=torch.tensor([list(text)]), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _factors(peaks: Tensor, weights: Sequence[Tensor], share: float) -> Tensor:
    """Factors near ``peaks^share / greatest weight^(1 - share)`` of each column, around 1."""
    most = torch.stack([weight.detach().float().abs().amax(0) for weight in weights]).amax(0)
    logs = share * peaks.clamp_min(1e-6).log2() - (1 - share) * most.clamp_min(1e-6).log2()
    return torch.exp2(((logs - logs.mean()) * 4).round().clamp(-40, 40) / 4).clone()
