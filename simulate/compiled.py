"""How the package compiles its inner loops: Numba, without the interpreter lock, kept on disk between runs.

Numba was chosen by measurement (``python -m simulate bench``): for the same cycles NumPy and torch write every
uniform number and every comparison to memory, while a compiled loop keeps them in registers and the first cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba
import platformdirs

Function = TypeVar("Function", bound=Callable[..., object])


def _sources_digest() -> str:
    """Digest of this package's modules: Numba itself would keep using a function whose callee has changed."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


_FOLDER = "CACHE_DIR"

if not getattr(numba.config, _FOLDER):
    setattr(numba.config, _FOLDER, str(platformdirs.user_cache_path("cascade-ewif") / "compiled" / _sources_digest()))


def compiled(function: Function) -> Function:
    """Compile to machine code that releases the interpreter lock, so that threads run it side by side."""
    try:
        return cast(Function, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # the cache folder cannot be written to
        return cast(Function, numba.njit(nogil=True)(function))
