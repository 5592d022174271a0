"""Published architectures by name: the numbers that decide how long a call takes, and where they are published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.model import InputError

Kind = Literal["llama", "qwen2", "t5"]

T5 = "T5 1.1 (arXiv 1910.10683, released checkpoints t5.1.1), instruction-tuned unchanged in arXiv 2210.11416"
LLAMA = "arXiv 2302.13971 and 2307.09288"
SPECINFER = "small models of arXiv 2305.09781, configurations of JackFram/llama-68m and llama-160m"
QWEN = "arXiv 2412.15115, table 1, and configurations of Qwen/Qwen2.5"
SMOLLM = "arXiv 2502.02737 and configurations of HuggingFaceTB/SmolLM2"
TINYLLAMA = "arXiv 2401.02385"


@dataclass(frozen=True)
class Shape:
    """One architecture.

    Attributes:
        name: What the command line calls it.
        kind: ``llama`` or ``qwen2``, decoders with gated feed-forward layers (qwen2 with biases on queries, keys and
            values), or ``t5``, an encoder and a decoder of `layers` layers each with gated feed-forward layers.
        hidden: Width of the residual stream.
        layers: Number of layers.
        heads: Query heads; their width is hidden / heads, for t5 it is 64.
        key_heads: Key and value heads.
        feed_forward: Width of the feed-forward layers.
        vocabulary: Rows of the embedding.
        tied: Whether the output layer is the embedding.
        parameters: Published number of parameters, a tied output layer not counted again.
        source: Where the numbers are published.
    """

    name: str
    kind: Kind
    hidden: int
    layers: int
    heads: int
    key_heads: int
    feed_forward: int
    vocabulary: int
    tied: bool
    parameters: int
    source: str


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("flan-t5-small", "t5", 512, 8, 6, 6, 1024, 32128, False, 76_961_152, T5),
        Shape("flan-t5-base", "t5", 768, 12, 12, 12, 2048, 32128, False, 247_577_856, T5),
        Shape("flan-t5-large", "t5", 1024, 24, 16, 16, 2816, 32128, False, 783_150_080, T5),
        Shape("flan-t5-xl", "t5", 2048, 24, 32, 32, 5120, 32128, False, 2_849_757_184, T5),
        Shape("flan-t5-xxl", "t5", 4096, 24, 64, 64, 10240, 32128, False, 11_135_332_352, T5),
        Shape("llama-68m", "llama", 768, 2, 12, 12, 3072, 32000, False, 68_030_208, SPECINFER),
        Shape("llama-160m", "llama", 768, 12, 12, 12, 3072, 32000, False, 162_417_408, SPECINFER),
        Shape("llama-2-7b", "llama", 4096, 32, 32, 32, 11008, 32000, False, 6_738_415_616, LLAMA),
        Shape("llama-2-13b", "llama", 5120, 40, 40, 40, 13824, 32000, False, 13_015_864_320, LLAMA),
        Shape("tinyllama-1.1b", "llama", 2048, 22, 32, 4, 5632, 32000, False, 1_100_048_384, TINYLLAMA),
        Shape("smollm2-135m", "llama", 576, 30, 9, 3, 1536, 49152, True, 134_515_008, SMOLLM),
        Shape("smollm2-360m", "llama", 960, 32, 15, 5, 2560, 49152, True, 361_821_120, SMOLLM),
        Shape("smollm2-1.7b", "llama", 2048, 24, 32, 32, 8192, 49152, True, 1_711_376_384, SMOLLM),
        Shape("qwen2.5-0.5b", "qwen2", 896, 24, 14, 2, 4864, 151936, True, 494_032_768, QWEN),
        Shape("qwen2.5-1.5b", "qwen2", 1536, 28, 12, 2, 8960, 151936, True, 1_543_714_304, QWEN),
        Shape("qwen2.5-3b", "qwen2", 2048, 36, 16, 2, 11008, 151936, True, 3_085_938_688, QWEN),
        Shape("qwen2.5-7b", "qwen2", 3584, 28, 28, 4, 18944, 152064, False, 7_615_616_512, QWEN),
        Shape("qwen2.5-14b", "qwen2", 5120, 48, 40, 8, 13824, 152064, False, 14_770_033_664, QWEN),
    )
}
"""All shapes by name; within a family from the smallest to the largest."""


def shape_named(name: str) -> Shape:
    """The shape of that name.

    Raises:
        InputError: where there is none, naming all.
    """
    if name not in SHAPES:
        raise InputError("NAME", f"got {name!r}, expected one of {', '.join(SHAPES)}")
    return SHAPES[name]
