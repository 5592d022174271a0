"""Where numbers come from: versions, commit and machine, recorded with every row."""

from __future__ import annotations

import platform
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path


@lru_cache(maxsize=1)
def provenance() -> dict[str, str]:
    """Versions, commit (empty outside a repository) and machine."""
    return {
        "version": metadata.version("cascade-ewif"),
        "commit": _commit(),
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "numba": metadata.version("numba"),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _commit() -> str:
    """Short hash of the checked-out commit; ends in + where tracked files of this package differ from it."""
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return ""
