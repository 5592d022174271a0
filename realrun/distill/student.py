"""A drafter made of a target: some of its layers, trained; its embedding and rows of its output layer, shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel

from analysis.model import InputError
from realrun.network.skip import skip_layers

_PROBE = 6
_CLOSE = 0.02
"""Greatest difference of logits, as a share of the greatest, between a target and its output layer taken by itself."""


@dataclass(frozen=True)
class Head:
    """The rows of a target's output layer that a drafter keeps.

    Attributes:
        ids: Token id of every column, shape (columns,).
        weight: Shape (columns, width).
        bias: Shape (columns,), or None.
    """

    ids: Tensor
    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, target: PreTrainedModel, ids: Sequence[int], dtype: torch.dtype) -> Head:
        """Copy rows of the target's output layer."""
        whole = target.get_output_embeddings()
        chosen = torch.tensor(ids, device=whole.weight.device)
        bias = None if whole.bias is None else whole.bias.detach()[chosen].to(dtype)
        return cls(chosen, whole.weight.detach()[chosen].to(dtype), bias)

    def logits(self, states: Tensor) -> Tensor:
        """Logits of last hidden states, shape (positions, columns), in float32."""
        return linear(states, self.weight, self.bias).float()


def build(target: PreTrainedModel, layers: Sequence[int], dtype: torch.dtype) -> PreTrainedModel:
    """A model of these layers of the target, with weights of its own in them; the embedding stays the target's.

    Whatever its architecture drops out in training stays: a small model has nothing to spare, and a training that goes
    on after an interruption would be another one.

    Args:
        target: Whose layers.
        layers: Their numbers, in the order in which they run.
        dtype: Of the weights that are its own.
    """
    student = skip_layers(target, len(layers), layers)
    shared = {id(parameter): parameter for parameter in _shared(student)}
    for module in student.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            own = shared.get(id(parameter))
            if own is None:
                own = nn.Parameter(parameter.detach().to(dtype, copy=True))
            setattr(module, name, own.requires_grad_(id(own) not in shared))
    return student


def trained(student: PreTrainedModel) -> dict[str, nn.Parameter]:
    """The weights of a drafter that are not its target's, by name."""
    shared = {id(parameter) for parameter in _shared(student)}
    return {name: p for name, p in student.named_parameters() if id(p) not in shared}


def give_weights(student: PreTrainedModel, weights: Mapping[str, Tensor]) -> None:
    """Set the weights of a drafter that are not its target's.

    Raises:
        ValueError: where these are not the ones that it has, by name and shape.
    """
    own = trained(student)
    if set(own) != set(weights):
        raise ValueError(f"it has weights of {len(weights)} names, expected the {len(own)} of its layers")
    for name, weight in own.items():
        if weight.shape != weights[name].shape:
            raise ValueError(f"{name} has shape {tuple(weights[name].shape)}, expected {tuple(weight.shape)}")
        weight.data.copy_(weights[name])


def demand_distillable(target: PreTrainedModel, name: str) -> None:
    """Refuse by name a target that no drafter can be made of this way.

    Raises:
        InputError: where it is no decoder-only model, its layers can't be found, or its logits are not what its output
            layer makes of its last hidden states.
    """
    if target.config.is_encoder_decoder:
        raise InputError("target", f"{name!r} is an encoder-decoder model, expected a decoder-only one")
    skip_layers(target, 1, [0])
    ids = torch.arange(_PROBE, device=target.device)[None]
    with torch.inference_mode():
        whole = target(input_ids=ids, use_cache=False).logits.float()
        head = target.get_output_embeddings()
        states = target.base_model(input_ids=ids, use_cache=False).last_hidden_state
        found = linear(states, head.weight, head.bias).float()
    if whole.shape != found.shape or float((whole - found).abs().max()) > _CLOSE * float(whole.abs().max()):
        raise InputError("target", f"{name!r} does more to its logits than its output layer, expected a plain one")


def _shared(model: PreTrainedModel) -> list[nn.Parameter]:
    layers = (model.get_input_embeddings(), model.get_output_embeddings())
    return [parameter for layer in layers for parameter in layer.parameters()]
