"""Bytes of weights that a call reads from a GGUF file, as the file itself has them."""

from __future__ import annotations

from pathlib import Path

from analysis.model import InputError
from realrun.roofline.formats import FORMATS, WeightFormat

_EMBEDDING = "token_embd.weight"
_OUTPUT = "output.weight"
_NOT_READ = "rope_freqs.weight"


def gguf_weight_bytes(path: Path) -> int:
    """Bytes of all tensors but those that a call only looks up: an embedding counts where it is the output layer too.

    Raises:
        InputError: where it is no GGUF file.
    """
    from gguf import GGUFReader

    try:
        tensors = {tensor.name: int(tensor.n_bytes) for tensor in GGUFReader(path).tensors}
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror or error}") from None
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(str(path), f"is no whole GGUF file: {error}") from None
    if _OUTPUT in tensors:
        tensors.pop(_EMBEDDING, None)
    tensors.pop(_NOT_READ, None)
    return sum(tensors.values())


def gguf_format() -> WeightFormat:
    """What is computed with a file's weights: quantised ones are multiplied in int8, keys and values take two bytes."""
    block = FORMATS["q8_0"]
    return WeightFormat(
        "gguf", *(block.block, block.block_bytes, 0, 4), held_bytes=2, product="int8", attention=block.attention
    )
