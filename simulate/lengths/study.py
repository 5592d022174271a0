"""What chains and cascades of an engine's drafters are worth on one data set, by machine: rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.model import InputError
from analysis.model.records.length_traces import LengthTrace
from analysis.model.resampling import prompt_weights
from simulate.lengths.choice import choose, gains
from simulate.lengths.copier import copies
from simulate.lengths.costs import MACHINES, STEPS
from simulate.lengths.oracle import oracle_rows
from simulate.lengths.rules import CLAIRVOYANT, COPIER, FIXED, NETWORK, PLAIN, MatchRule, rules
from simulate.lengths.static import static_rows
from simulate.lengths.walk import MOST_DRAFTED, Starts

SAME, ALL = "same text", "all"
"""Texts along which both drafters were recorded; all texts, whatever the network's lengths belong to."""

LEAST_TEXTS = 4
RESAMPLES = 4000


def study(data: str, traces: Sequence[LengthTrace], longest: int, seed: int) -> list[dict[str, Any]]:
    """All rows of one data set.

    Args:
        data: Its name.
        traces: Its texts.
        longest: Texts of more tokens were cut where a limit was, most of them while repeating themselves; they are left
            out.
        seed: Of the bootstrap.

    Raises:
        InputError: where fewer than four texts remain.
    """
    ended = [trace for trace in traces if 2 <= len(trace.text) <= longest]
    own = [trace for trace in ended if NETWORK in trace.lengths and trace.is_of_this_text(NETWORK)]
    rows = [_about(data, traces, ended, own)]
    for texts, chosen in ((SAME, own), (ALL, ended)):
        if len(chosen) < LEAST_TEXTS:
            raise InputError(data, f"has {len(chosen)} texts ({texts}), expected at least {LEAST_TEXTS}")
        rows += _families(data, texts, chosen, seed)
    rows += [{"data": data, **row} for row in static_rows(Starts.of(own))]
    return rows + [{"data": data, **row} for row in oracle_rows(ended)]


def _about(
    data: str, traces: Sequence[LengthTrace], ended: Sequence[LengthTrace], own: Sequence[LengthTrace]
) -> dict[str, Any]:
    """How many texts there are, and how well the recorded copies are repeated from the tokens."""
    places = same = 0
    for trace in ended:
        recorded = np.array(trace.lengths.get(COPIER, ())[: len(trace.text)], dtype=np.int64) - 1
        places += len(recorded)
        same += int((copies(trace, MOST_DRAFTED).accepted[: len(recorded)] == recorded).sum())
    return {
        "kind": "texts",
        "data": data,
        "read": len(traces),
        "left_out": len(traces) - len(ended),
        "same_text": len(own),
        "tokens": sum(len(trace.text) for trace in ended),
        "copies_repeated": same / places if places else None,
    }


def _families(data: str, texts: str, traces: Sequence[LengthTrace], seed: int) -> list[dict[str, Any]]:
    starts = Starts.of(traces)
    listed: list[MatchRule] = list(rules())
    counts = np.array([starts.counts(rule) for rule in listed])
    members: dict[str, list[int]] = {}
    for i, rule in enumerate(listed):
        members.setdefault(rule.family, []).append(i)
    tokens = int(starts.tokens.sum())
    weights = prompt_weights(starts.texts, RESAMPLES, np.random.default_rng(seed))
    found = []
    for machine, costs in MACHINES.items():
        times = costs.milliseconds(counts)
        chosen = {family: choose(times, indices) for family, indices in members.items()}
        taken = {family: each.milliseconds for family, each in chosen.items()}
        taken[CLAIRVOYANT] = starts.least_milliseconds(costs)
        speedups, over = gains(taken, taken[PLAIN], weights), gains(taken, taken[FIXED], weights)
        for family in taken:
            settings = chosen[family].settings if family in chosen else ()
            row: dict[str, Any] = {
                "kind": "rule",
                "data": data,
                "texts": texts,
                "machine": machine,
                "family": family,
                "number": starts.texts,
                "tokens": tokens,
                **dict(zip(("speedup", "low", "high"), speedups[family], strict=True)),
                **dict(zip(("over_eagle", "over_eagle_low", "over_eagle_high"), over[family], strict=True)),
            }
            if settings:
                row["settings"] = [str(listed[i]) for i in settings]
                row["tokens_per_step"] = tokens / _steps(counts, settings)
            found.append(row)
    return found


def _steps(counts: np.ndarray[Any, np.dtype[np.float64]], settings: tuple[int, int]) -> float:
    """Steps of both halves, each by its own setting."""
    return float(counts[settings[0], 0::2, STEPS].sum() + counts[settings[1], 1::2, STEPS].sum())
