"""Size of the last-level cache, where the system tells it."""

from __future__ import annotations

import os
from pathlib import Path

import torch

_PROCESSORS = Path("/sys/devices/system/cpu")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def last_level_cache(device: torch.device, processors: Path = _PROCESSORS) -> int | None:
    """Bytes of the last-level caches that this process can use; None where the system does not tell.

    Args:
        device: A CPU or a CUDA device.
        processors: Where Linux describes the caches of its processors.
    """
    if device.type == "cuda":
        size = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0)
        return int(size) or None
    used = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    found = {entry for number in used for entry in _caches(processors / f"cpu{number}" / "cache")}
    highest = max((level for level, _, _ in found), default=None)
    return sum(size for level, _, size in found if level == highest) or None


def _caches(folder: Path) -> list[tuple[int, str, int]]:
    """Level, processors that share it, and bytes of every cache of data that a folder describes."""
    found = []
    for place in sorted(folder.glob("index*")):
        try:
            level, kind, shared, size = (
                (place / name).read_text(encoding="ascii").strip()
                for name in ("level", "type", "shared_cpu_list", "size")
            )
            if kind != "Instruction":
                found.append((int(level), shared, int(size[:-1]) * _UNITS[size[-1]]))
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return found
