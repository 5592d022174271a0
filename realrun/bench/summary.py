"""From measured rows to what they say: pure arithmetic on the rows, which may come from a file as well."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from analysis.model.resampling import interval_95

Row = Mapping[str, Any]
Comparison = tuple[str, str, str]
"""What is compared, the method that is meant to be faster, and the one it is held against."""

RESAMPLES = 10_000


def summarise_method(rows: Sequence[Row], target: str) -> dict[str, object]:
    """What one method did on all prompts.

    Args:
        rows: The method's rows, one or more.
        target: Name of the target.

    Returns:
        `mean_acceptance_length`: tokens over target reviews, the bonus or correction of each review counted.
        `accepted_per_drafted` and `accepted_per_examined`: of the tokens offered to the target; examined are those up
        to and including the first one rejected. `positions`: hazard (accepted over examined) and survival (product of
        the hazards so far) by position in the whole draft; `pairs`: the hazards of every reviewer and drafter.
        `ms_per_token`: p50 and p95 over all tokens but those of each text's first review (which may read the prompt
        too), the time of a cycle shared out evenly over its tokens; None where no text has two cycles. `time_share`:
        parts of the wall time.
    """
    tokens = sum(len(row["tokens"]) for row in rows)
    seconds = sum(row["seconds"] for row in rows)
    reviews = sum(row["cycles"] for row in rows)
    pairs = {pair: _pooled(rows, pair) for pair in _pairs(rows)}
    examined = _added(counts["examined"] for (reviewer, _), counts in pairs.items() if reviewer == target)
    accepted = _added(counts["accepted"] for (reviewer, _), counts in pairs.items() if reviewer == target)
    hazard = _hazard({"examined": examined, "accepted": accepted})
    drafted = sum(row["drafted"] for row in rows)
    kept = sum(accepted) + sum(row.get("accepted", 0) for row in rows)
    return {
        "runs": len(rows),
        "tokens": tokens,
        "seconds": seconds,
        "tokens_per_second": median(len(row["tokens"]) / row["seconds"] for row in rows),
        "target_reviews": reviews,
        "mean_acceptance_length": tokens / reviews,
        "drafted": drafted,
        "examined": sum(examined),
        "accepted": kept,
        "accepted_per_drafted": _share(kept, drafted),
        "accepted_per_examined": _share(sum(accepted), sum(examined)),
        "positions": {"examined": examined, "accepted": accepted, "hazard": hazard, "survival": _survival(hazard)},
        "pairs": [
            {"reviewer": reviewer, "drafter": drafter, **counts, "hazard": _hazard(counts)}
            for (reviewer, drafter), counts in pairs.items()
        ],
        "ms_per_token": _latency(rows),
        "time_share": _time_share(rows, seconds),
    }


def seconds_per_token(rows: Iterable[Row]) -> dict[Any, float]:
    """Wall seconds a token by prompt, prefill included; the median of a prompt's repeats."""
    by_prompt: dict[Any, list[float]] = {}
    for row in rows:
        by_prompt.setdefault(row["id"], []).append(row["seconds"] / len(row["tokens"]))
    return {key: median(values) for key, values in by_prompt.items()}


def compare(comparison: Comparison, rows: Iterable[Row], seed: int) -> dict[str, object]:
    """How many times as fast a method is as another: per-prompt ratios, their median and its interval.

    Args:
        comparison: What is compared, method, and the one held against.
        rows: Rows of both methods and any others.
        seed: Of the bootstrap.
    """
    what, method, against = comparison
    by_method: dict[str, list[Row]] = {method: [], against: []}
    for row in rows:
        if row["method"] in by_method:
            by_method[row["method"]].append(row)
    mine, theirs = seconds_per_token(by_method[method]), seconds_per_token(by_method[against])
    ratios = [theirs[key] / mine[key] for key in theirs]
    low, high = median_interval(ratios, seed)
    return {
        "what": what,
        "method": method,
        "against": against,
        "prompts": len(ratios),
        "ratio": median(ratios),
        "ci95": [low, high],
        "faster_on": sum(ratio > 1 for ratio in ratios),
        "ratios": dict(zip(map(str, theirs), ratios, strict=True)),
    }


def median_interval(values: Sequence[float], seed: int) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the median, over prompts drawn with replacement."""
    generator = np.random.default_rng(seed)
    medians = np.median(generator.choice(np.asarray(values, dtype=float), (RESAMPLES, len(values))), axis=1)
    return interval_95(medians)


def equality(rows: Iterable[Row], reference: str) -> dict[str, dict[str, object]]:
    """On how many prompts each method gave the reference's very tokens, and where the others first differ."""
    texts: dict[str, dict[Any, list[int]]] = {}
    for row in rows:
        texts.setdefault(row["method"], {}).setdefault(row["id"], row["tokens"])
    return {
        method: {
            "equal": sum(tokens == texts[reference][key] for key, tokens in by_prompt.items()),
            "prompts": len(by_prompt),
            "first_divergence": {
                str(key): _first_divergence(tokens, texts[reference][key])
                for key, tokens in by_prompt.items()
                if tokens != texts[reference][key]
            },
        }
        for method, by_prompt in texts.items()
    }


def _first_divergence(tokens: Sequence[int], reference: Sequence[int]) -> int:
    """Index of the first token that differs, or the length of the shorter text."""
    differing = (i for i, (a, b) in enumerate(zip(tokens, reference, strict=False)) if a != b)
    return next(differing, min(len(tokens), len(reference)))


def _pairs(rows: Iterable[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((pair["reviewer"], pair["drafter"]) for row in rows for pair in row["acceptance"]))


def _pooled(rows: Iterable[Row], pair: tuple[str, str]) -> dict[str, list[int]]:
    found = [p for row in rows for p in row["acceptance"] if (p["reviewer"], p["drafter"]) == pair]
    return {key: _added(p[key] for p in found) for key in ("examined", "accepted")}


def _added(lists: Iterable[Sequence[int]]) -> list[int]:
    """Position by position, shorter lists padded with zeros."""
    result: list[int] = []
    for values in lists:
        result += [0] * (len(values) - len(result))
        for i, value in enumerate(values):
            result[i] += value
    return result


def _hazard(counts: Mapping[str, Sequence[int]]) -> list[float | None]:
    """Accepted over examined by position; None where nothing was examined."""
    return [_share(a, e) for a, e in zip(counts["accepted"], counts["examined"], strict=True)]


def _survival(hazard: Iterable[float | None]) -> list[float]:
    """Chance to be accepted and all before it too, by position, from the hazards up to the first unknown one."""
    known = itertools.takewhile(lambda h: h is not None, hazard)
    return list(itertools.accumulate(known, operator.mul))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _latency(rows: Iterable[Row]) -> dict[str, float] | None:
    shares = [
        1000 * seconds / tokens for row in rows for tokens, seconds in row["cycle_log"][1:] for _ in range(tokens)
    ]
    if not shares:
        return None
    p50, p95 = np.quantile(shares, [0.5, 0.95])
    return {"p50": float(p50), "p95": float(p95)}


def _time_share(rows: Sequence[Row], seconds: float) -> dict[str, object]:
    """Prefill, calls of every model (Max-Gram is one), and the loop: all the rest, so acceptance and argmax too."""
    models = dict.fromkeys(model for row in rows for model in row["calls"])
    calls = {model: sum(row["calls"].get(model, _NO_CALLS)["seconds"] for row in rows) / seconds for model in models}
    prefill = sum(row["prefill_seconds"] for row in rows) / seconds
    return {"prefill": prefill, "calls": calls, "loop": 1 - prefill - sum(calls.values())}


_NO_CALLS = {"seconds": 0.0}
