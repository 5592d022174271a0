"""Provenance: where numbers come from, recorded with every result: versions, commit and machine."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("analysis", "figures", "realrun", "simulate")


@cache
def package_version() -> str | None:
    """Version of the installed package; None where it runs from a folder that is not installed."""
    try:
        return metadata.version("cascade-ewif")
    except metadata.PackageNotFoundError:
        return None


@cache
def package_commit() -> str | None:
    """Commit of the package's own repository that is checked out, as 12 digits, with + where its files differ from it.

    None for an installed copy, also one that lies in somebody else's repository: only a repository that tracks these
    very files counts.
    """
    return commit_of(_ROOT, Path(__file__).resolve())


def commit_of(root: Path, file: Path) -> str | None:
    """Commit of the repository in which a package lies, if it tracks a file of the package.

    Args:
        root: Folder of the packages.
        file: The file that must be tracked.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
            env=environment,
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", str(file))
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if git("status", "--porcelain", "-uno", "--", *_PACKAGES) else "")
    except (OSError, subprocess.SubprocessError):
        return None


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


@cache
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
