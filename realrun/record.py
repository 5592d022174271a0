"""What a generation did: calls of every model, and acceptance of every reviewer-drafter pair by position."""

from __future__ import annotations

import functools
import platform
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import torch

SCHEMA = 1
"""Version of the row format."""


@dataclass
class CallLog:
    """Calls of one model in one generation; the prefill is counted apart.

    Attributes:
        q: Number of calls by the number of tokens fed.
        seconds: Wall-clock seconds inside those calls.
        prefill_seconds: Wall-clock seconds for reading the prompt.
    """

    q: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    prefill_seconds: float = 0.0

    def count(self, q: int, seconds: float) -> None:
        """Add one call on q tokens."""
        self.q[q] += 1
        self.seconds += seconds

    def to_json(self) -> dict[str, object]:
        """Counts and seconds, with the q-histogram by the number of tokens as text."""
        return {
            "calls": self.q.total(),
            "q": {str(q): n for q, n in sorted(self.q.items())},
            "seconds": round(self.seconds, 6),
            "prefill_seconds": round(self.prefill_seconds, 6),
        }


@dataclass
class PairLog:
    """How often a reviewer examined and accepted a drafter's tokens, by position in its whole draft.

    Attributes:
        examined: By (position, corrected), where corrected tells a token that the drafter's own inner review had
            corrected or added.
        accepted: The same for the tokens accepted.
    """

    examined: Counter[tuple[int, bool]] = field(default_factory=Counter)
    accepted: Counter[tuple[int, bool]] = field(default_factory=Counter)

    def to_json(self) -> dict[str, list[int]]:
        """Lists by position: of all tokens, and of the corrected ones among them."""
        positions = range(1 + max((position for position, _ in self.examined), default=-1))
        return {
            "examined": [self.examined[j, False] + self.examined[j, True] for j in positions],
            "accepted": [self.accepted[j, False] + self.accepted[j, True] for j in positions],
            "corrected_examined": [self.examined[j, True] for j in positions],
            "corrected_accepted": [self.accepted[j, True] for j in positions],
        }


@functools.cache
def provenance() -> dict[str, object]:
    """Versions and machine, the same for every row of a run."""
    versions = {name: metadata.version(name) for name in ("torch", "transformers")}
    return {
        "schema": SCHEMA,
        "cascade_ewif": _own_version(),
        "commit": _commit(),
        **versions,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }


def _own_version() -> str | None:
    try:
        return metadata.version("cascade-ewif")
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Commit of the checkout this file is in; None in an installed copy."""
    folder = Path(__file__).parent
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), "log", "-1", "--format=%H", "--", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return result.stdout.strip() or None
