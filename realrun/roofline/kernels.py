"""How long the linear layers of one call take by each kernel that torch has for a weight format."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from realrun.network.int8_linear import Int8Linear, quantised_rows, why_unavailable
from realrun.network.packed import can_pack
from realrun.roofline.formats import FORMATS
from realrun.roofline.work import DecoderWork

Q = (1, 4, 8, 16)
"""Tokens of the calls that are timed."""

_TURNS = 9
_GROUP = 32

Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Kernel:
    """One way to multiply by a weight matrix.

    Attributes:
        name: What tables call it.
        weights: Name of the weights' format, of `FORMATS`.
        inputs: Type of the activations.
        make: From a matrix in float32, shape (outputs, inputs), to the product with rows.
    """

    name: str
    weights: str
    inputs: torch.dtype
    make: Callable[[Tensor], Product]


@dataclass(frozen=True)
class KernelTimes:
    """Seconds of all linear layers of one call, one after the other.

    Attributes:
        kernel: Which.
        seconds: By number of tokens, medians.
        bytes: Of the weights.
    """

    kernel: Kernel
    seconds: dict[int, float]
    bytes: int

    def to_json(self) -> dict[str, object]:
        """As JSON."""
        return {"kernel": self.kernel.name, "weights": self.kernel.weights, "bytes": self.bytes} | {
            "seconds": {str(q): each for q, each in self.seconds.items()}
        }


def kernel_times(work: DecoderWork, device: torch.device) -> Iterator[KernelTimes]:
    """Time each kernel that there is for a device, on random weights of a model's shapes.

    A call reads every weight once and in turn, as decoding does: no matrix is in a cache that the last ones have not
    left it in.
    """
    shapes = [shape for shape, number in work.matrices.items() for _ in range(number)]
    for kernel in kernels_for(shapes, device):
        products = [kernel.make(torch.randn(shape, device=device).mul_(0.02)) for shape in shapes]
        size = sum(FORMATS[kernel.weights].matrix_bytes(*shape) for shape in shapes)
        with torch.inference_mode():
            seconds = {q: _seconds(products, shapes, q, kernel.inputs, device) for q in Q}
        yield KernelTimes(kernel, seconds, size)
        del products


def kernels_text(times: list[KernelTimes]) -> str:
    """A table of milliseconds, in Markdown."""
    head = " | ".join(f"q = {q}" for q in Q)
    lines = [
        f"| linear layers of one call, ms | {head} | read at q = 1 |",
        "| :--- | " + "---: | " * (len(Q) + 1),
    ]
    for each in times:
        cells = " | ".join(f"{each.seconds[q] * 1e3:.1f}" for q in Q)
        lines.append(f"| {each.kernel.name} | {cells} | {each.bytes / each.seconds[1] / 1e9:.1f} GB/s |")
    return "\n".join(line.rstrip() for line in lines)


def _seconds(
    products: list[Product], shapes: list[tuple[int, int]], q: int, dtype: torch.dtype, device: torch.device
) -> float:
    rows = {columns: (torch.rand(q, columns, device=device) * 2 - 1).to(dtype) for _, columns in shapes}
    found = []
    for _ in range(_TURNS):
        started = time.perf_counter()
        for product, (_, columns) in zip(products, shapes, strict=True):
            last = product(rows[columns])
        float(last.flatten()[0])  # waits for a device
        found.append(time.perf_counter() - started)
    return median(found)


def kernels_for(shapes: Sequence[tuple[int, int]], device: torch.device) -> Iterator[Kernel]:
    """The kernels that this torch has for a device and for matrices of shapes (outputs, inputs), few bits last."""
    yield Kernel("float32", "float32", torch.float32, lambda weight: _plain(weight, torch.float32))
    yield Kernel("bfloat16", "bfloat16", torch.bfloat16, lambda weight: _plain(weight, torch.bfloat16))
    if device.type != "cpu":
        return
    if can_pack(torch.nn.Linear(1, 1, dtype=torch.bfloat16)):
        yield Kernel("bfloat16, packed by oneDNN", "bfloat16", torch.bfloat16, _packed)
    if why_unavailable() is None:
        yield Kernel("int8 by int8, FBGEMM (`weights: int8`)", "int8", torch.float32, Int8Linear)
    if hasattr(torch.ops.onednn, "qlinear_prepack"):
        yield Kernel("int8 by uint8, oneDNN", "int8", torch.float32, _onednn)
    fits = all(outputs % _GROUP == inputs % _GROUP == 0 for outputs, inputs in shapes)
    if fits and hasattr(torch.ops.aten, "_weight_int4pack_mm_for_cpu"):
        yield Kernel("int4 in groups of 32 by bfloat16", "q4_1", torch.bfloat16, _int4)


def _plain(weight: Tensor, dtype: torch.dtype) -> Product:
    held = weight.to(dtype)
    return lambda rows: linear(rows, held)


def _packed(weight: Tensor) -> Product:
    ready = torch.ops.mkldnn._reorder_linear_weight(weight.bfloat16(), None)
    product = torch.ops.mkldnn._linear_pointwise
    return lambda rows: product(rows, ready, None, "none", [], "")


def _onednn(weight: Tensor) -> Product:
    steps, whole = quantised_rows(weight)
    packed, scales = torch.ops.onednn.qlinear_prepack(whole, None), steps.flatten()
    zeros, product = torch.zeros(1, dtype=torch.long), torch.ops.onednn.qlinear_pointwise
    rest: tuple[Any, ...] = (packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], "")
    return lambda rows: product((rows * 127).round_().add_(128).to(torch.uint8), 1 / 127, 128, *rest)


def _int4(weight: Tensor) -> Product:
    outputs, inputs = weight.shape
    groups = weight.view(outputs, inputs // _GROUP, _GROUP)
    low, high = groups.aminmax(dim=-1)
    steps = (high - low).clamp_min_(1e-8) / 15
    whole = ((groups - low[..., None]) / steps[..., None]).round_().clamp_(0, 15).to(torch.int32)
    offsets = torch.stack((steps, low + 8 * steps), -1).transpose(0, 1).bfloat16().contiguous()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(whole.view(outputs, inputs), 1)
    product = torch.ops.aten._weight_int4pack_mm_for_cpu
    return lambda rows: product(rows, packed, _GROUP, offsets)
