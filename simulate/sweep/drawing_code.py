"""Which code draws: the version of the draws and a digest of the sources, carried by every row and every cached loop.

Batches of one task may be drawn on many machines, and by workers that have run since before an update. Their rows mix
only if all were drawn by the same code, so every batch says which code drew it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

DRAWS = 2
"""Version of how random numbers become rows: draws, sizes of batches, ticks of cost.

It is part of a task's id, since rows drawn differently must not mix.
"""

_PACKAGES = ("simulate", "analysis.model")
"""What decides the draws: the simulation, and how specifications are read."""


@dataclass(frozen=True)
class DrawingCode:
    """The code that drew a batch.

    Attributes:
        draws: Its `DRAWS`; 0 where unknown.
        digest: Of its sources, 16 hexadecimal digits; empty where unknown.
    """

    draws: int = 0
    digest: str = ""

    def __str__(self) -> str:
        return f"draws {self.draws}, code {self.digest or 'unknown'}"


UNKNOWN = DrawingCode()


@lru_cache(maxsize=1)
def drawing_code() -> DrawingCode:
    """That of this process, as the sources were when it was first asked for."""
    return DrawingCode(DRAWS, sources_digest())


@lru_cache(maxsize=1)
def sources_digest() -> str:
    """Digest of all modules that decide the draws, whatever the line ends of a checkout."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for name, source in _modules(files(package), package):
            content = source.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _modules(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _modules(entry, f"{name}/{entry.name}")
        elif entry.name.endswith(".py"):
            yield f"{name}/{entry.name}", entry
