"""Cascade speculative decoding on real models, and its measurement.

``from realrun import load, generate`` is the engine in two calls; see `realrun.api`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realrun.api import Completion, LoadedCascade, generate, load

# Idle OpenMP threads must sleep, not spin: on 2 cores shared with other busy processes, spinning threads made decoding
# 12 times slower. Read when torch is first imported; a program that imports torch before this package sets it itself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["Completion", "LoadedCascade", "generate", "load"]


def __getattr__(name: str) -> object:
    """Import the engine when it is first asked for, since torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from realrun import api

    return getattr(api, name)
