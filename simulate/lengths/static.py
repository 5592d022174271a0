"""Static drafts replayed on each half of the texts, with what theory needs to predict them from the other half."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.model import Draft, Step
from simulate.lengths.choice import halves
from simulate.lengths.copier import LEAST
from simulate.lengths.costs import HELD, MACHINES, STEPS
from simulate.lengths.rules import COPIER, NETWORK, PLAIN, MatchRule
from simulate.lengths.walk import MOST_DRAFTED, Starts

SHOWN = ("flat", "0.07 a token")
NETWORK_LENGTHS = (1, 2, 3, 4, 5, 6, 8, 10)
COPIER_LENGTHS = (2, 4, 8, 12, 20)
BOTH_LENGTHS = ((1, 2, 3, 4), (4, 8, 16))
COUNTED = 8
"""Length of the network's drafts in the run whose counters theory is given."""


def static_rows(starts: Starts) -> list[dict[str, Any]]:
    """Rows of two kinds: `counters`, by half, and `static`, by half, machine and draft.

    Counters are those of two runs: the network drafting `COUNTED` tokens in every step, and the copier 20 wherever
    three tokens match. Survival is the share of those drafts whose first j tokens were accepted; that of all places is
    there too, to show what counting there would get wrong.
    """
    half = halves(starts.texts)
    plain = starts.counts(MatchRule(PLAIN, ()))
    rows = [_counters(starts, half, side, plain) for side in (0, 1)]
    for draft in _drafts():
        counts = starts.counts(MatchRule("static", draft))
        for machine in SHOWN:
            costs = MACHINES[machine]
            alone, mine = costs.milliseconds(plain), costs.milliseconds(counts)
            for side in (0, 1):
                speedup = float(alone[half == side].sum() / mine[half == side].sum())
                steps = [step.to_json() for step in draft]
                rows.append({"kind": "static", "half": side, "machine": machine, "draft": steps, "speedup": speedup})
    return rows


def machine_rows() -> list[dict[str, Any]]:
    """What the machines of `static_rows` cost."""
    return [{"kind": "machine", "machine": name, **asdict(MACHINES[name])} for name in SHOWN]


def _drafts() -> list[Draft]:
    first, second = BOTH_LENGTHS
    return [
        *((Step(NETWORK, tokens=k),) for k in NETWORK_LENGTHS),
        *((Step(COPIER, tokens=m),) for m in COPIER_LENGTHS),
        *((Step(NETWORK, tokens=k), Step(COPIER, tokens=m)) for k in first for m in second),
    ]


def _counters(starts: Starts, half: NDArray[np.int64], side: int, plain: NDArray[np.float64]) -> dict[str, Any]:
    chosen = np.flatnonzero(half == side)
    everywhere = np.concatenate([np.arange(starts.ends[i] + 1, starts.ends[i + 1]) for i in chosen])
    matched = starts.matches >= LEAST
    network = _begun(starts, chosen, np.minimum(starts.network, COUNTED))
    copier = _begun(starts, chosen, np.where(matched, starts.copier, 0))
    return {
        "kind": "counters",
        "half": side,
        "texts": len(chosen),
        "held": float(plain[chosen, HELD].sum() / plain[chosen, STEPS].sum()),
        "eagle": _survival(starts.network[network]),
        "eagle_everywhere": _survival(starts.network[everywhere]),
        "copy": _survival(starts.copier[copier[matched[copier]]]),
        "copy_everywhere": _survival(starts.copier[everywhere[matched[everywhere]]]),
        "matched": float(matched[copier].mean()),
        "matched_everywhere": float(matched[everywhere].mean()),
    }


def _begun(starts: Starts, texts: NDArray[np.int64], accepted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places where the steps of a run begin that gets so many tokens accepted from each place."""
    found = []
    for text in texts:
        place = int(starts.ends[text]) + 1
        while place < starts.ends[text + 1]:
            found.append(place)
            place += int(accepted[place]) + 1
    return np.array(found, dtype=np.int64)


def _survival(accepted: NDArray[np.int64]) -> list[float]:
    """Share of drafts whose first j tokens were accepted, j = 1..20."""
    return [float((accepted >= j).mean()) for j in range(1, MOST_DRAFTED + 1)] if len(accepted) else []
