"""From measured rows to a specification that theory and simulation take as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from realrun.calibrate.hazards import groups

Row = Mapping[str, Any]


def acceptance_by_position(rows: Iterable[Row]) -> dict[str, dict[str, dict[str, object]]]:
    """Acceptance of every pair that the rows tell of, by position and by type of token.

    Args:
        rows: Rows of real runs, each with a list under `acceptance`.

    Returns:
        An `acceptance` of a specification: ``{"accepted": ..., "corrected": ...}`` by reviewer and drafter, each with
        ``per_position``; a type never examined takes the other's hazards.
    """
    result: dict[str, dict[str, dict[str, object]]] = defaultdict(dict)
    for (reviewer, drafter), counts in _pooled(rows).items():
        corrected = _hazards(counts["corrected_examined"], counts["corrected_accepted"])
        accepted = _hazards(
            [a - b for a, b in zip(counts["examined"], counts["corrected_examined"], strict=True)],
            [a - b for a, b in zip(counts["accepted"], counts["corrected_accepted"], strict=True)],
        )
        if accepted or corrected:
            result[reviewer][drafter] = {
                "accepted": {"per_position": accepted or corrected},
                "corrected": {"per_position": corrected or accepted},
            }
    return dict(result)


def constant_acceptance(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """The i.i.d. acceptance of every pair: all accepted over all examined tokens."""
    result: dict[str, dict[str, float]] = defaultdict(dict)
    for (reviewer, drafter), counts in _pooled(rows).items():
        if sum(counts["examined"]):
            result[reviewer][drafter] = sum(counts["accepted"]) / sum(counts["examined"])
    return dict(result)


def costs_by_tokens(seconds: Mapping[str, Mapping[int, float]], target: str) -> dict[str, list[float]]:
    """Call times as `by_tokens` costs in one-token target calls; sizes between two measured ones are interpolated."""
    unit = seconds[target][1]
    result = {}
    for model, by_size in seconds.items():
        sizes = sorted(by_size)
        table = []
        for q in range(1, sizes[-1] + 1):
            low = max(size for size in sizes if size <= q)
            high = min(size for size in sizes if size >= q)
            share = (q - low) / (high - low) if high > low else 0.0
            table.append((by_size[low] + share * (by_size[high] - by_size[low])) / unit)
        result[model] = table
    return result


def _pooled(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, list[int]]]:
    """Counts of all rows added up, by pair."""
    totals: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for pair in row["acceptance"]:
            total = totals[pair["reviewer"], pair["drafter"]]
            for key in ("examined", "accepted", "corrected_examined", "corrected_accepted"):
                total[key] = _added(total[key], pair[key])
    return totals


def _added(a: Sequence[int], b: Sequence[int]) -> list[int]:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    return [x + y for x, y in zip(longer, [*shorter, *[0] * (len(longer) - len(shorter))], strict=True)]


def _hazards(examined: Sequence[int], accepted: Sequence[int]) -> list[float]:
    """Hazard by position; the first rarely examined position ends the list with the rest pooled. Empty without data."""
    return [sum(accepted[group]) / sum(examined[group]) for group in groups(examined)]
