"""The speed of decoding alone, and how every cascade compares with the fastest of all baselines.

Other programs may write other texts, shorter or longer ones, and read the prompt at another speed. What is compared
here is therefore tokens a second after the first review, which is the first cycle of a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from realrun.bench.summary import Row, median_interval


def decoding(row: Row) -> tuple[int, float]:
    """Tokens of a text after its first review, and the seconds they took; (0, 0.0) where there are none."""
    if "decoding" in row:
        tokens, seconds = row["decoding"]
        return tokens, seconds
    log = row["cycle_log"]
    return len(row["tokens"]) - min(log[0][0], len(row["tokens"])), sum(seconds for _, seconds in log[1:])


def decode_speeds(rows: Iterable[Row]) -> dict[Any, float]:
    """Tokens a second after the first review by prompt, the median of its repeats; without texts that end there."""
    by_prompt: dict[Any, list[float]] = {}
    for row in rows:
        tokens, seconds = decoding(row)
        if tokens > 0 and seconds > 0:
            by_prompt.setdefault(row["id"], []).append(tokens / seconds)
    return {key: median(values) for key, values in by_prompt.items()}


def speed_summary(rows: Iterable[Row], seed: int) -> dict[str, object]:
    """Median over prompts of a method's decoding speed in tokens a second, and its 95 % interval; None without any.

    Args:
        rows: Of one method.
        seed: Of the bootstrap.
    """
    speeds = list(decode_speeds(rows).values())
    if not speeds:
        return {"decode_tokens_per_second": None, "decode_ci95": None}
    return {"decode_tokens_per_second": median(speeds), "decode_ci95": list(median_interval(speeds, seed))}


def against_strongest(
    rows: Sequence[Row], cascades: Sequence[str], baselines: Sequence[str], seed: int
) -> dict[str, object] | None:
    """The fastest baseline, and every cascade's speed relative to it.

    It is the fastest on the very prompts that it is then compared on, which favours it and no cascade.

    Args:
        rows: Of all methods.
        cascades: Names of the methods that are meant to be faster.
        baselines: Names of those they are held against.
        seed: Of the bootstrap over prompts, which keeps the two speeds of a prompt together.

    Returns:
        `baseline`, its `decode_tokens_per_second`, and under `cascades` by name the median over prompts of the ratio of
        both speeds, its 95 % interval, and on how many of the prompts the cascade is faster; None without a baseline
        or where every text ends with its first review.
    """
    speeds = {name: decode_speeds(row for row in rows if row["method"] == name) for name in (*cascades, *baselines)}
    medians = {name: median(speeds[name].values()) for name in baselines if speeds[name]}
    if not medians:
        return None
    best = max(medians, key=lambda name: medians[name])
    found = {name: _ratio(speeds[name], speeds[best], seed) for name in cascades}
    return {
        "baseline": best,
        "decode_tokens_per_second": medians[best],
        "cascades": {name: ratio for name, ratio in found.items() if ratio is not None},
    }


def _ratio(mine: Mapping[Any, float], theirs: Mapping[Any, float], seed: int) -> dict[str, object] | None:
    ratios = [mine[key] / theirs[key] for key in theirs if key in mine]
    if not ratios:
        return None
    return {
        "ratio": median(ratios),
        "ci95": list(median_interval(ratios, seed)),
        "faster_on": sum(ratio > 1 for ratio in ratios),
        "prompts": len(ratios),
    }
