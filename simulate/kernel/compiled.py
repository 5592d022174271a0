"""How the package compiles its inner loops: Numba, without the interpreter lock, kept on disk between runs.

Numba was chosen by measurement (``cascade-ewif simulation-speed``): for the same cycles NumPy and torch write every
uniform number and every comparison to memory, while a compiled loop keeps them in registers and the first cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., object])


def _sources_digest() -> str:
    """Digest of this package's modules: Numba itself would keep using a function whose callee has changed."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


_FOLDER = "CACHE_DIR"

if not getattr(numba.config, _FOLDER):
    setattr(numba.config, _FOLDER, str(platformdirs.user_cache_path("cascade-ewif") / "compiled" / _sources_digest()))


class _Cache(FunctionCache):
    """Numba's cache of a function, but a full disk costs compiling again, not the run."""

    def save_overload(self, sig: object, data: object) -> None:
        """Keep what was compiled, if it can be kept."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def compiled(function: Function) -> Function:
    """Compile to machine code that releases the interpreter lock, so that threads run it side by side."""
    dispatcher: Any = numba.njit(nogil=True)(function)
    with suppress(RuntimeError):  # the cache folder cannot be written to
        dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]
    return cast(Function, dispatcher)
