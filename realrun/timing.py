"""How long a call of a model takes as a function of q, the number of tokens it is called on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

from tqdm import tqdm

from realrun.cached_model import CachedModel


def call_seconds(
    models: dict[str, CachedModel], sizes: Sequence[int], context: int = 192, repeats: int = 7
) -> dict[str, dict[int, float]]:
    """Median seconds of a call by model and q, measured in turns so that all see the same disturbances.

    Args:
        models: What to time, by name.
        sizes: The q to time, each >= 1.
        context: Tokens in the cache before the call, >= 1.
        repeats: Timed calls of each size, >= 1, after one that is not counted.
    """
    vocabulary = min(model.vocabulary for model in models.values())
    text = [(7 * i) % vocabulary for i in range(context + max(sizes))]
    for model in models.values():
        model.prefill(text[: context + 1])
    seconds: dict[str, dict[int, list[float]]] = {name: {q: [] for q in sizes} for name in models}
    for repeat in tqdm(range(repeats + 1), desc="timing calls", unit="turn", delay=2):
        for name, model in models.items():
            for q in sizes:
                model.rollback(context)
                started = time.perf_counter()
                model.logits(text[: context + q], q)
                if repeat:
                    seconds[name][q].append(time.perf_counter() - started)
    return {name: {q: median(values) for q, values in by_size.items()} for name, by_size in seconds.items()}
