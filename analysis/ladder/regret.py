"""What choosing a cascade by its prediction costs, against the best that was measured.

The best of many measured speedups is high partly by luck: its own measurement exaggerates it (the winner's curse), and
the regret of any other choice with it. So the regret is also given across halves of the prompts: the best is found on
one half and compared with the choice on the other, both ways, over many splits. The one is an upper estimate; the other
is a lower one, as half the prompts may find a winner that is not the best; for equally good cascades it is 0 on
average, and may be negative. The interval is of the choice against the measured best, as if that had been named
beforehand, by the same resamples of prompts for both: it too lies high by the winner's curse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.ladder.measured import Speedups
from analysis.model.resampling import interval_95

SPLITS = 200


def regrets(predicted: Mapping[str, float], speedups: Speedups, seed: int) -> dict[str, object]:
    """Regret of the method with the greatest prediction, among all measured ones.

    Args:
        predicted: Predicted speedup by method, measured ones only; with the baseline, so that the choice may be not to
            draft at all.
        speedups: What was measured.
        seed: Of the splits.
    """
    names = list(predicted)
    chosen = max(names, key=predicted.__getitem__)
    points = {name: speedups.point(name) for name in names}
    best = max(names, key=points.__getitem__)
    low, high = interval_95(1 - speedups.draws(chosen) / speedups.draws(best))
    return {
        "chosen": chosen,
        "predicted": predicted[chosen],
        "measured": points[chosen],
        "best": best,
        "best_measured": points[best],
        "regret": 1 - points[chosen] / points[best],
        "low": low,
        "high": high,
        "regret_across_halves": _across_halves(names, chosen, speedups, seed),
        "is_best": chosen == best,
    }


def _across_halves(names: Sequence[str], chosen: str, speedups: Speedups, seed: int) -> float | None:
    """Mean regret against the best of one half of the prompts, judged on the other; None for fewer than 4 prompts."""
    count = len(speedups.ids)
    if count < 4:
        return None
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(SPLITS):
        first = np.zeros(count, dtype=bool)
        first[generator.permutation(count)[: count // 2]] = True
        for half in (first, ~first):
            best = max(names, key=lambda name, half=half: speedups.point(name, chosen=half))  # type: ignore[misc]
            found.append(1 - speedups.point(chosen, chosen=~half) / speedups.point(best, chosen=~half))
    return float(np.mean(found))
