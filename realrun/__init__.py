"""Cascade speculative decoding on real models, and its measurement.

``load`` a cascade of models, ``generate`` text with it, ``calibrate`` its models for `analysis.predict`::

    import analysis, realrun

    models = realrun.load("smollm2-135m", drafters={"mag": "maxgram"}, draft=[{"by": "mag", "tokens": 6}])
    print(realrun.generate(models, "Why is the sky blue?", max_new_tokens=64).text)
    rows = analysis.predict(realrun.calibrate(models, ["Why is the sky blue?", "Count to ten."]))

The names below are imported when they are first used, since torch takes seconds.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realrun.api import Completion, LoadedCascade, generate, load
    from realrun.calibration_api import calibrate

# Idle OpenMP threads must sleep, not spin: on 2 cores shared with other busy processes, spinning threads made decoding
# 12 times slower. But to sleep and be woken between the products of one call takes as long as fast products do, so they
# spin for about a tenth of a millisecond first (a call in int8: 14 ms, without 27). Both are read when torch is first
# imported; a program that imports torch before this package sets them itself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

__all__ = ["Completion", "LoadedCascade", "calibrate", "generate", "load"]


def __getattr__(name: str) -> object:
    """Import the engine when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "realrun.calibration_api" if name == "calibrate" else "realrun.api"
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
