"""Where models run: a device by its name, what it is called, and waiting for it."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from analysis.model import InputError

_PROCESSORS = Path("/proc/cpuinfo")


def device_named(name: str) -> torch.device:
    """The device of a name.

    Raises:
        InputError: where it is none of cpu, cuda and cuda:N, or not in this machine.
    """
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):
            raise InputError("device", f"got {name!r}, expected cpu, cuda or cuda:N")
    except RuntimeError:
        raise InputError("device", f"got {name!r}, expected cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError("device", f"got {name!r}, but torch sees {torch.cuda.device_count()} CUDA devices")
    return device


def make_of(device: torch.device) -> str:
    """What the maker calls the device; "unknown" where the system does not tell."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    lines = _PROCESSORS.read_text(encoding="utf-8").splitlines() if _PROCESSORS.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor()) or "unknown"


def wait_for(device: torch.device) -> None:
    """Let the device finish, so that seconds are those of the work and not of its request."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
