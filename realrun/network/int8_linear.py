"""Linear layers of 8-bit weights: integer products, with one scale for each output channel and one for each token.

A sum of integer products is exact in whatever order it is taken. So a token's result is the same, to the bit, whether
it is computed alone or beside others, which floating-point kernels do not give: a call on n tokens says what n calls on
one token would have said. The products are FBGEMM's, as torch ships them.
"""

from __future__ import annotations

import functools
import warnings

import numpy as np
import torch
from torch import Tensor

from realrun.network.int8_rows import Floats

WEIGHT_LEVELS = 127
"""Weights are whole numbers in -127..127 times their channel's scale."""

_SMALLEST = 1e-30


@functools.cache
def why_unavailable() -> str | None:
    """Why this machine's torch has no such products; None where it has."""
    if "fbgemm" not in torch.backends.quantized.supported_engines or not hasattr(torch.ops.quantized, _PRODUCT):
        return "torch has no FBGEMM here, which int8 weights need (x86-64 builds have it)"
    return None


@functools.cache
def token_levels() -> int:
    """Greatest whole number that stands for a token's greatest absolute entry: 127, or 63 on old processors.

    Without the VNNI instructions FBGEMM adds pairs of products in 16 bits, which 8-bit numbers can exceed: sums would
    be clipped. One product with the greatest possible sum tells. Entries are shifted by one more than the greatest of
    them to be positive, so with 63 a pair of products is 2 * 127 * 127 at most, which 16 bits hold.
    """
    width = 64
    extreme = Int8Linear(torch.full((16, width), 1.0), levels=127)
    found = extreme(torch.full((1, width), 1.0))
    return 127 if bool((found - width).abs().max() < 0.01 * width) else 63


class Int8Linear:
    """A linear layer in 8-bit integers.

    Args:
        weight: Shape (out_features, in_features), finite.
        bias: Shape (out_features,), for whoever adds it.
        levels: As `token_levels` says, where it is None.

    Attributes:
        bias: In float32, empty where there is none.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, levels: int | None = None) -> None:
        steps, whole = quantised_rows(weight)
        zeros = torch.zeros(len(whole), dtype=torch.long)
        with warnings.catch_warnings():  # torch deprecates these tensors, not the products
            warnings.simplefilter("ignore")
            packable = torch._make_per_channel_quantized_tensor(whole, steps.flatten().double(), zeros, 0)
            self._packed = torch.ops.quantized.linear_prepack(packable, None)
        most = levels or token_levels()
        self._step, self._zero = 1 / most, most + 1
        self.bias: Floats = np.empty(0, np.float32) if bias is None else array_of(bias)

    def __call__(self, unit: Tensor) -> Tensor:
        """The product with unit rows, without the bias.

        Args:
            unit: Entries in -1..1, shape (tokens, in_features), float32; each is rounded to a multiple of
                1 / `token_levels`.

        Returns:
            Shape (tokens, out_features).
        """
        result: Tensor = _product()(unit, self._step, self._zero, self._packed)
        return result


class Int8Embedding:
    """Rows of an embedding in 8-bit integers, one scale a row.

    Args:
        weight: Shape (rows, width).
    """

    def __init__(self, weight: Tensor) -> None:
        self._steps, self._whole = quantised_rows(weight)

    def __call__(self, ids: Tensor) -> Tensor:
        """Rows of token ids of shape (tokens,), in float32, shape (tokens, width)."""
        return self._whole[ids].float().mul_(self._steps[ids])


def quantised_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Steps, shape (rows, 1), float32, and whole numbers of these steps, int8, that are nearest to a matrix.

    >>> steps, whole = quantised_rows(torch.tensor([[2.54, -1.0], [0.0, 0.0]]))
    >>> (steps[0] * whole[0]).tolist(), whole.tolist()
    ([2.5399999618530273, -1.0], [[127, -50], [0, 0]])
    """
    weight = weight.detach().float()
    steps = weight.abs().amax(-1, True).clamp_min_(_SMALLEST) / WEIGHT_LEVELS
    return steps, (weight / steps).round_().to(torch.int8)


def array_of(values: Tensor) -> Floats:
    """A copy in float32."""
    copied: Floats = values.detach().float().cpu().numpy().copy()
    return copied


_PRODUCT = "linear_with_input_q_dq_qweight_dq_output_fp32"


@functools.cache
def _product() -> torch._ops.OpOverload:
    """FBGEMM's product of 8-bit weights and of rows that it rounds to 8 bits by a given step."""
    overload: torch._ops.OpOverload = getattr(torch.ops.quantized, _PRODUCT).default
    return overload
