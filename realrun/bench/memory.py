"""Peak memory of one generation above what was there before it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
from collections.abc import Callable, Container, Mapping
from pathlib import Path

import torch
from transformers import PreTrainedModel

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # of VmHWM, see proc(5)


def peak_bytes(run: Callable[[], object], device: torch.device) -> int | None:
    """Greatest memory during the call, less what was in use just before it.

    On CUDA the allocator's bytes on the device; on Linux the resident memory of the process, freed memory handed back
    to the system first; elsewhere None.

    Args:
        run: What to measure; run it before once, so that libraries have set themselves up.
        device: Where the models are.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    if not _reset_peak():
        return None
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def cache_bytes(networks: Mapping[str, PreTrainedModel], tokens: int, in_int8: Container[str] = ()) -> int:
    """Bytes of keys and values of all models for so many tokens, were every layer to keep all of them.

    Args:
        networks: By name.
        tokens: How many each holds.
        in_int8: Names of those that run in 8-bit integers, whose caches hold whole numbers in float32.
    """
    types = {name: torch.float32 if name in in_int8 else network.dtype for name, network in networks.items()}
    return sum(tokens * _values_a_token(network) * types[name].itemsize for name, network in networks.items())


def _values_a_token(network: PreTrainedModel) -> int:
    config = network.config.get_text_config(decoder=True)
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or getattr(config, "d_kv", None) or config.hidden_size // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    values: int = 2 * config.num_hidden_layers * shared * width
    return values


def _reset_peak() -> bool:
    """Hand freed memory back and forget the peak so far; False where the system has no such thing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def _resident(key: str) -> int:
    """A line of /proc/self/status, in bytes."""
    found = re.search(rf"^{key}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    assert found
    return 1024 * int(found[1])
