"""Where numbers come from: versions, commit and machine, recorded with every row."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata

from analysis.model.boundary.package import package_commit, package_version


@dataclass(frozen=True)
class Provenance:
    """Where and when a batch was drawn.

    Attributes:
        version: Of this package.
        commit: Short hash of the checked-out commit, with + where files differ from it; empty outside a repository.
        python: Version of Python.
        numpy: Version of NumPy.
        numba: Version of Numba.
        machine: Operating system and processor.
        finished: When, UTC.
    """

    version: str
    commit: str
    python: str
    numpy: str
    numba: str
    machine: str
    finished: str


def provenance() -> Provenance:
    """That of numbers which this process has drawn just now."""
    return Provenance(*_place(), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


@lru_cache(maxsize=1)
def _place() -> tuple[str, str, str, str, str, str]:
    """All but the time, which do not change while a process runs."""
    return (
        package_version() or "",
        package_commit() or "",
        platform.python_version(),
        metadata.version("numpy"),
        metadata.version("numba"),
        f"{platform.system()} {platform.machine()}",
    )
