"""What a run takes of long lists: prompts to calibrate on apart from those measured on, and a few cascades of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from analysis.model import InputError
from analysis.model.boundary.fields import read_number

EVERY = 3
"""Of every category each third prompt calibrates."""


def split_prompts(categories: Sequence[str | None], most: int | None = None) -> tuple[list[int], list[int]]:
    """Which prompts to calibrate on, and which others to measure on, both with the categories in turns.

    Args:
        categories: Of every prompt, in the order of their file; None is a category too.
        most: Greatest number of each; None for all.

    Raises:
        InputError: where fewer than two are left to calibrate on.
    """
    seen: Counter[str | None] = Counter()
    parts: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for i, category in enumerate(categories):
        turn = seen[category]
        seen[category] += 1
        parts[turn % EVERY == EVERY - 1].append((turn, i))
    if len(parts[True]) < 2:
        raise InputError(
            "prompts", f"got {len(categories)} prompts, expected {EVERY} of two categories each or {2 * EVERY} of one"
        )
    calibrating, measured = ([i for _, i in sorted(parts[key])][:most] for key in (True, False))
    return calibrating, measured


def best_of_families(families: Mapping[str, str], predicted: Iterable[Mapping[str, object]], rung: str) -> list[str]:
    """Of every family the cascade of the greatest prediction, in the order of the families.

    Args:
        families: Family of every cascade, by name.
        predicted: Prediction rows.
        rung: By which prediction.
    """
    speedups = {row["name"]: read_number(row["speedup"], "speedup", 0) for row in predicted if row["rung"] == rung}
    best: dict[str, str] = {}
    for name, family in families.items():
        if family not in best or speedups[name] > speedups[best[family]]:
            best[family] = name
    return list(best.values())
