"""What chains and cascades of an engine's drafters are worth, by data set and machine: rows of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.model import progress
from analysis.model.records.length_traces import LengthTrace
from simulate.lengths.copier import copies
from simulate.lengths.families import ReplayedTexts, elsewhere_rows, family_rows
from simulate.lengths.oracle import oracle_rows
from simulate.lengths.rules import COPIER, NETWORK
from simulate.lengths.static import machine_rows, static_rows
from simulate.lengths.walk import MOST_DRAFTED

SAME, ALL = "same text", "all"
"""Texts along which both drafters were recorded; all texts, whatever the network's lengths belong to."""


def study(sets: Mapping[str, Sequence[LengthTrace]], longest: int, seed: int) -> list[dict[str, Any]]:
    """All rows of some data sets.

    Args:
        sets: Texts by the name of the data set.
        longest: Texts of more tokens were cut where a limit was, most of them while repeating themselves; they are left
            out.
        seed: Of the bootstrap.

    Raises:
        InputError: where fewer than four texts of a data set remain.
    """
    rows = machine_rows()
    aligned = []
    for data, traces in progress(list(sets.items()), "lengths", "data set"):
        ended = [trace for trace in traces if 2 <= len(trace.text) <= longest]
        own = [trace for trace in ended if NETWORK in trace.lengths and trace.is_of_this_text(NETWORK)]
        aligned.append(ReplayedTexts.of(data, SAME, own))
        rows.append(_about(data, traces, ended, own))
        rows += family_rows(aligned[-1], seed) + family_rows(ReplayedTexts.of(data, ALL, ended), seed)
        rows += [{"data": data, **row} for row in (*static_rows(aligned[-1].starts), *oracle_rows(ended))]
    return rows + elsewhere_rows(aligned, seed)


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
