"""How long a measurement will take, as one line said before it starts."""

from __future__ import annotations

import sys
from collections.abc import Mapping


def in_words(seconds: float) -> str:
    """A duration as people say it: 40 s, 3 min, 2 h 10 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def announce(parts: Mapping[str, float]) -> None:
    """Say on stderr how long everything will take, and which part how long.

    Args:
        parts: Seconds by what takes them.
    """
    each = ", ".join(f"{what} {in_words(seconds)}" for what, seconds in parts.items())
    print(f"will take about {in_words(sum(parts.values()))}: {each}", file=sys.stderr, flush=True)
