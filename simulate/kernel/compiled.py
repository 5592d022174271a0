"""How the package compiles its inner loops: Numba, without the interpreter lock, kept on disk between runs.

Numba was chosen by measurement (``cascade-ewif simulation-speed``): for the same cycles NumPy and torch write every
uniform number and every comparison to memory, while a compiled loop keeps them in registers and the first cache.

Numba by itself takes a kept loop for fresh as long as its own file has not changed, even if a function it calls or a
constant it reads has, and ends in a traceback where a kept file is damaged. Here a kept loop counts only if all
sources are those it was compiled from and its file is whole; otherwise it is compiled again.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator

from simulate.sweep.drawing_code import sources_digest

Function = TypeVar("Function", bound=Callable[..., object])

_CHOSEN = "CACHE_DIR"
_DIGEST_SIZE = 32


def cache_folder() -> Path:
    """Where compiled loops are kept: in NUMBA_CACHE_DIR where that is set, else in the user's cache."""
    chosen: str = getattr(numba.config, _CHOSEN)
    folder = Path(chosen) if chosen else platformdirs.user_cache_path("cascade-ewif") / "compiled"
    return folder / f"cascade-ewif-{sources_digest()}"


class _Locator(_CacheLocator):
    """Tells Numba that folder, and that a kept loop is fresh while all sources are the same."""

    def __init__(self, line: int) -> None:
        self._line = line

    def get_cache_path(self) -> str:
        """The folder."""
        return str(cache_folder())

    def get_source_stamp(self) -> str:
        """What must be equal for a kept loop to be used."""
        return sources_digest()

    def get_disambiguator(self) -> str:
        """Tells functions of one name in one module apart."""
        return str(self._line)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator:
        """That of a function; any function can be kept."""
        return cls(py_func.__code__.co_firstlineno)


class _Results(CompileResultCacheImpl):
    _locator_classes: list[type[object]] = [_Locator]  # noqa: RUF012 (so Numba declares it)


class _WholeFiles(IndexDataCacheFile):
    """The files of a function: damaged ones are as if they were not there."""

    def _load_index(self) -> Any:
        try:
            return super()._load_index()  # type: ignore[no-untyped-call]
        except Exception:  # unpickling a damaged file may raise anything
            return {}

    def _save_data(self, name: str, data: object) -> None:
        content = self._dump(data)  # type: ignore[no-untyped-call]
        with self._open_for_write(self._data_path(name)) as file:  # type: ignore[no-untyped-call]
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()  # type: ignore[no-untyped-call]
        check, body = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if hashlib.sha256(body).digest() != check:
            raise OSError(f"{name} is damaged")  # which `load` takes for not being there
        return pickle.loads(body)


class _Cache(FunctionCache):
    """Numba's cache of a function, but no accident of the disk costs more than compiling again."""

    _impl_class = _Results

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        base = self._impl.filename_base
        self._cache_file = _WholeFiles(self._cache_path, base, sources_digest())  # type: ignore[no-untyped-call]

    def save_overload(self, sig: object, data: object) -> None:
        """Keep what was compiled, if it can be kept."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def compiled(function: Function) -> Function:
    """Compile to machine code that releases the interpreter lock, so that threads run it side by side.

    What is compiled makes no arrays and returns none. So it need not count the references of those it is given, which
    Numba otherwise does wherever one such function calls another: that takes longer than a review round.
    """
    return _kept(function, forced=False)


def inlined(function: Function) -> Function:
    """Compile as `compiled` does, and into every function that calls it, where a call would hand over many arrays."""
    return _kept(function, forced=True)


def _kept(function: Function, *, forced: bool) -> Function:
    dispatcher: Any = numba.njit(nogil=True, _nrt=False, forceinline=forced)(function)
    with suppress(RuntimeError):  # Numba knows no file of this function
        dispatcher._cache = _Cache(function)  # private, as Numba has no public place for it
    return cast(Function, dispatcher)
