"""The engine's own time between calls: what a cycle, a review, a drafted or proposed token cost beside the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from analysis.model import Cascade, Step
from analysis.model.notation import AUTOREGRESSIVE
from analysis.model.records.calibration_parts import LoopSeconds
from analysis.model.records.call_tables import CallTables
from realrun.calibration.roster import Roster
from realrun.loading.ensemble import Ensemble
from realrun.runs.measure import measure
from realrun.runs.prompts import Prompt

TOKENS = 48

Row = Mapping[str, Any]


def trial_rows(
    cascade: Cascade, ensemble: Ensemble, roster: Roster, prompts: Sequence[Prompt], max_new_tokens: int = TOKENS
) -> list[dict[str, object]]:
    """Rows of short greedy runs, of the target alone and with each of the trial drafts.

    Args:
        cascade: The models.
        ensemble: They, loaded.
        roster: Who reviews and who drafts.
        prompts: What to continue.
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
    """
    drafts = {AUTOREGRESSIVE: (), **trial_drafts(roster)}
    cascades = {name: cascade.with_draft(draft) for name, draft in drafts.items()}
    return list(measure(cascades, ensemble, prompts, max_new_tokens, "timing the loop"))


def loop_seconds(rows: Sequence[Row], target: str) -> LoopSeconds:
    """Seconds of the greedy decoding loop outside all calls, split by least absolute deviations over short runs.

    A run's seconds without prefill and calls are taken as a sum over its cycles (the target's review included), its
    inner reviews, the tokens drafted by networks (in leaf steps, at any depth: each has to be chosen from logits) and
    those proposed by drafters without probabilities. No part is negative.
    """
    counts = np.array([part_counts(row, target) for row in rows], dtype=float)
    seconds = np.array([_own_seconds(row) for row in rows])
    parts = least_absolute_deviations(counts, seconds)
    left = seconds - counts @ parts
    per_cycle, per_review, per_drafted_token, per_proposal = parts.tolist()
    return LoopSeconds(
        per_cycle,
        per_review,
        per_drafted_token,
        per_proposal,
        runs=len(rows),
        own_seconds=float(seconds.sum()),
        residual_share=float(np.abs(left).sum() / seconds.sum()),
    )


def call_check(rows: Sequence[Row], seconds: CallTables) -> dict[str, dict[str, dict[str, float]]]:
    """Seconds inside the calls of short runs, by method and model, next to what the timed calls say of the same calls.

    Contexts are taken in the middle of each text. A ratio off 1 is what timing calls outside of decoding misses, and
    how far the machine's speed has changed since.

    Args:
        rows: From `trial_rows`.
        seconds: The timed calls.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        held = row["prompt_tokens"] + len(row["tokens"]) / 2
        for name, log in row["calls"].items():
            sums = found.setdefault(row["method"], {}).setdefault(name, {"measured": 0.0, "timed": 0.0})
            sums["measured"] += log["seconds"]
            for q, n in log["q"].items():
                timed = seconds.networks.get(name)
                sums["timed"] += n * (timed.median.at(int(q), held) if timed else seconds.proposals[name].median)
    return found


def trial_drafts(roster: Roster) -> dict[str, tuple[Step, ...]]:
    """Up to three drafts that differ in what they have most of: drafted tokens, tokens of a proposer, inner reviews."""
    first, last = roster.drafters[0], roster.drafters[-1]
    drafts: dict[str, tuple[Step, ...]] = {"first": (Step(first, tokens=3),), "last": (Step(last, tokens=6),)}
    if first != last:
        drafts["nested"] = (Step(first, rounds=2, draft=(Step(last, tokens=3),)),)
    return drafts


def least_absolute_deviations(matrix: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The x >= 0 with the least sum |matrix x - wanted|, by a linear programme; a disturbed run hardly moves it."""
    rows, columns = matrix.shape
    identity = np.eye(rows)
    found = linprog(
        np.concatenate([np.zeros(columns), np.ones(2 * rows)]),
        A_eq=np.hstack([matrix, identity, -identity]),
        b_eq=wanted,
        bounds=(0, None),
    )
    parts: NDArray[np.float64] = found.x[:columns]
    return parts


def part_counts(row: Row, target: str) -> tuple[int, int, int, int]:
    """Cycles, inner reviews, tokens drafted by networks in leaf steps, and proposals of one run.

    A drafting network's calls are reviews where the run has it judge a draft; else each makes a token.
    """
    reviewing = {pair["reviewer"] for pair in row["acceptance"]}
    calls = {name: log["calls"] for name, log in row["calls"].items() if name != target}
    proposals = sum(n for name, n in calls.items() if name in row.get("counts", {}))
    reviews = sum(n for name, n in calls.items() if name in reviewing)
    return row["cycles"], reviews, sum(calls.values()) - reviews - proposals, proposals


def _own_seconds(row: Row) -> float:
    inside = sum(log["seconds"] for log in row["calls"].values())
    return float(row["seconds"] - row["prefill_seconds"] - inside)
