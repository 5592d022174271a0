"""A network of a given shape with random weights, after a check that it fits into memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    T5Config,
)
from transformers.initialization import no_init_weights

from analysis.model import InputError
from realrun.network.attention import group_heads
from realrun.network.embedding import embedding_weight
from realrun.network.packed import DTYPES as PACKED_TYPES
from realrun.network.packed import can_pack, pack
from realrun.network.parameters import multiplied_parameters
from realrun.shapes.catalogue import Shape

HEAD_WIDTH_T5 = 64
BUILT_ENCODER_LAYERS = 1
WORKING_BYTES = 2**29
"""Allowance for activations, logits and what libraries keep."""

_BUILT_FOR_INT8 = torch.bfloat16
_TILE = 2**20
"""Weights repeat after so many values: random to every cache and vector unit, and as quick to write as a copy."""

_MEMORY = Path("/proc/meminfo")
_MEMORY_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


@dataclass(frozen=True)
class Sizes:
    """Parameters of a network.

    Attributes:
        all: All of them, shared ones once.
        read: Those that a decoding call reads: what it multiplies by, and the decoder's table of relative positions.
        linear: Of the greatest linear layer.
        vectors: Those that are no matrix's: biases and gains.
        rows: Rows of all matrices.
    """

    all: int
    read: int
    linear: int
    vectors: int
    rows: int

    def bytes(self, dtype: torch.dtype) -> int:
        """Bytes of all parameters in a type.

        Args:
            dtype: A floating-point type, or int8: a byte for each entry of a matrix, and four for the scale of each of
                its rows and for each entry of a vector.
        """
        if dtype != torch.int8:
            return self.all * dtype.itemsize
        return self.all - self.vectors + torch.float32.itemsize * (self.rows + self.vectors)


def config_of(shape: Shape, encoder_layers: int | None = None) -> PreTrainedConfig:
    """The shape as transformers has it, with its own number of encoder layers or another one.

    Special tokens are of no account here.
    """
    if shape.kind == "t5":
        return T5Config(
            d_model=shape.hidden,
            d_kv=HEAD_WIDTH_T5,
            d_ff=shape.feed_forward,
            num_layers=shape.layers if encoder_layers is None else encoder_layers,
            num_decoder_layers=shape.layers,
            num_heads=shape.heads,
            feed_forward_proj="gated-gelu",
            decoder_start_token_id=0,  # type: ignore[call-arg]
            vocab_size=shape.vocabulary,
            tie_word_embeddings=shape.tied,
        )
    kind = Qwen2Config if shape.kind == "qwen2" else LlamaConfig
    return kind(
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=32768,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
    )


def empty_network(
    shape: Shape, dtype: torch.dtype, device: torch.device, encoder_layers: int | None = None
) -> PreTrainedModel:
    """The network with whatever its memory holds; on the device ``meta`` it takes none.

    For int8 it is in bfloat16, to be quantised.
    """
    dtype = _BUILT_FOR_INT8 if dtype == torch.int8 else dtype
    config = config_of(shape, encoder_layers)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    with no_init_weights(), device:
        network: PreTrainedModel = kind.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    network.tie_weights()  # part of the initialisation that is left out
    output = network.get_output_embeddings()
    if not shape.tied and output.weight is embedding_weight(network):
        output.weight = nn.Parameter(torch.empty_like(output.weight))  # T5Config ties it whatever it is told
    network.eval().requires_grad_(False)
    return network


def sizes(network: PreTrainedModel) -> Sizes:
    """Numbers of parameters."""
    embedding = embedding_weight(network)
    tables = (m.weight for m in network.get_decoder().modules() if isinstance(m, nn.Embedding))
    vectors = [p.numel() for p in network.parameters() if p.dim() < 2]
    matrices = [p for p in network.parameters() if p.dim() > 1]
    return Sizes(
        all=sum(vectors) + sum(p.numel() for p in matrices),
        read=multiplied_parameters(network) + sum(t.numel() for t in tables if t is not embedding),
        linear=max(layer.weight.numel() for layer in network.modules() if isinstance(layer, nn.Linear)),
        vectors=sum(vectors),
        rows=sum(len(p) for p in matrices),
    )


def needed_bytes(shape: Shape, dtype: torch.dtype, device: torch.device, tokens: int) -> int:
    """Memory for the network that is built, its caches of so many tokens, and its calls."""
    network = empty_network(shape, dtype, torch.device("meta"), BUILT_ENCODER_LAYERS)
    found = sizes(network)
    width = HEAD_WIDTH_T5 if shape.kind == "t5" else shape.hidden // shape.heads
    caches = 2 * shape.layers * shape.key_heads * width * tokens * (2 if shape.kind == "t5" else 1)
    head = network.get_output_embeddings().weight.numel() if shape.tied else 0
    if dtype == torch.int8:  # beside what is quantised, of which two layers at once stand in float32 twice
        floats = torch.float32.itemsize * (caches + 4 * found.linear)
        return found.bytes(_BUILT_FOR_INT8) + found.bytes(dtype) + head + floats + WORKING_BYTES
    weights = found.all
    if device.type == "cpu" and dtype in PACKED_TYPES:  # the layer that is being packed stands twice
        weights += found.linear
        weights += head  # as embedding and packed
    return (weights + caches) * dtype.itemsize + WORKING_BYTES


def available_bytes(device: torch.device) -> float:
    """Memory that can still be had on a device; infinite where the system has no file that tells."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    lines = _MEMORY.read_text().splitlines() if _MEMORY.exists() else []
    free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), math.inf)
    for limit, used in _MEMORY_LIMITS:
        if limit.exists() and used.exists() and (most := limit.read_text().strip()).isdigit():
            free = min(free, int(most) - int(used.read_text()))
    return free


def demand_memory(shape: Shape, dtype: torch.dtype, device: torch.device, tokens: int, beside: int = 0) -> None:
    """Refuse a shape that does not fit.

    Args:
        shape: What is to be built.
        dtype: Of its weights.
        device: Where it goes.
        tokens: Of its caches.
        beside: Bytes that are wanted besides.

    Raises:
        InputError: with the bytes needed and available.
    """
    needed, available = needed_bytes(shape, dtype, device, tokens) + beside, available_bytes(device)
    if needed > available:
        raise InputError(
            "NAME",
            f"{shape.name!r} needs {needed / 2**30:.1f} GiB in {str(dtype).removeprefix('torch.')}, "
            f"but {device} has {available / 2**30:.1f} GiB available",
        )


def demand_int8(shape: Shape) -> None:
    """Refuse a shape that is not run in 8-bit integers.

    Raises:
        InputError: naming it and what is.
    """
    if shape.kind == "t5":
        raise InputError(
            "NAME", f"{shape.name!r} is an encoder-decoder, expected a Llama-like decoder for int8 weights"
        )


def random_network(shape: Shape, dtype: torch.dtype, device: torch.device, packed: bool = True) -> PreTrainedModel:
    """The network with random weights of usual size, made ready as our engine would make it ready.

    Of an encoder it has one layer: an encoder reads the prompt once, and no decoding call feels how deep it was.

    Args:
        shape: What to build.
        dtype: Of the weights; for int8 the network is made in bfloat16, to be quantised.
        device: Where it goes.
        packed: Whether its linear layers may be packed for a CPU.
    """
    network = empty_network(shape, dtype, device, BUILT_ENCODER_LAYERS)
    generator = torch.Generator().manual_seed(0)
    tile = (torch.rand(_TILE, generator=generator) * 2 - 1).to(network.dtype).to(device)
    for parameter in network.parameters():
        if parameter.dim() < 2:
            parameter.fill_(1.0)
        else:
            _fill(parameter.view(-1), tile * (3 / parameter.shape[-1]) ** 0.5)  # variance 1 / width of the input
    group_heads(network)
    if packed and can_pack(network):
        pack([network])
    return network


def _fill(values: torch.Tensor, tile: torch.Tensor) -> None:
    whole = len(values) // len(tile)
    values[: whole * len(tile)].view(whole, len(tile)).copy_(tile.expand(whole, -1))
    values[whole * len(tile) :].copy_(tile[: len(values) - whole * len(tile)])
