"""Costs from published fits of a machine: what a step's parts take there, as costs in plain steps."""

from __future__ import annotations

import math
from typing import Literal

from analysis.engines.costs import DRAFTER, EngineCosts
from analysis.engines.published import engine_rows
from analysis.model import MAX_DRAFT_LENGTH, Affine, ByDraft, Cost
from analysis.model.boundary.fields import count, read_number, reject

FIT = "llama31-8b-h100"
"""Name of the fit: Llama-3.1-8B-Instruct on one H100 under vLLM."""

PublishedDrafter = Literal["eagle3", "eagle3-per-token", "copying"]


def published_costs(
    drafter: PublishedDrafter, *, batch: int = 1, cached: float = 512, longest: int = 16
) -> EngineCosts:
    """Costs of Llama-3.1-8B-Instruct on one H100, with a drafter.

    Two publications disagree on EAGLE-3: one fits 2.1 ms to a draft of any length, the other .066 to .072 of a plain
    step to each token of it. They agree at 4 to 5 tokens and part elsewhere, so both are here.

    Args:
        drafter: "eagle3": flat in the length; "eagle3-per-token": linear in it, verification flat; "copying": an
            n-gram drafter.
        batch: Sequences decoded in step, 1..4096; drafts of all are of one length.
        cached: Cached tokens of a sequence, >= 0.
        longest: Length up to which a flat drafter's costs are listed; they rise on from there.

    Raises:
        InputError: naming the argument that is out of range.

    Example:
        >>> costs = published_costs("eagle3")
        >>> round(costs.target.at(4), 3), round(costs.drafter.drafting(3), 3)
        (1.009, 0.3)
    """
    if drafter not in ("eagle3", "eagle3-per-token", "copying"):
        reject("drafter", drafter, "eagle3, eagle3-per-token or copying")
    batch, longest = count(batch, "batch", MAX_DRAFT_LENGTH), count(longest, "longest", MAX_DRAFT_LENGTH - 1)
    cached = read_number(cached, "cached", 0)
    if drafter == "eagle3-per-token":
        return _per_token()
    parts = {row["part"]: row for row in engine_rows("hardware_fits.csv") if row["name"] == FIT}
    overhead = float(parts["overhead"]["fixed_ms"])
    target = _milliseconds(parts["target"], batch * cached, batch)
    unit = target.at(1) + overhead
    if drafter == "eagle3":
        head = _milliseconds(parts["eagle3"], batch * cached, 1)
        goes = [head.at(k + 1) for k in range(1, longest + 2)]
    else:
        share = float(parts["copying"]["share_of_verification"])
        goes = [share * target.at(k + 1) for k in range(1, longest + 2)]
    return EngineCosts(
        Affine((target.fixed + overhead) / unit, target.per_token / unit),
        ByDraft(tuple(ms / unit for ms in goes), "linear"),
        f"published fit {FIT} (arXiv 2601.11580), batch {batch}, {cached:g} tokens cached: {unit:.3g} ms a plain step",
        assumed=(f"the engine, its version and the {batch} sequences at a time are like those of the fit",),
        unknown=("standard errors of the fit: none were published",),
    )


def _per_token() -> EngineCosts:
    [row] = engine_rows("draft_shares.csv")
    low, high = float(row["low"]), float(row["high"])
    drafter: Cost = Affine((low + high) / 2)
    return EngineCosts(
        Affine(1.0),
        drafter,
        f"published: {low:g} to {high:g} of a plain step for a token that EAGLE-3 drafts on an H100",
        {DRAFTER: (high - low) / math.sqrt(12)},
        ("the published range is one of equal likelihood", "verifying a draft costs what a plain step costs"),
    )


def _milliseconds(row: dict[str, str], cached: float, sequences: int) -> Affine:
    """Milliseconds of a part by tokens a sequence, with so many cached tokens in the batch."""
    fixed = float(row["fixed_ms"]) + float(row["per_cached_token_ms"]) * cached
    return Affine(fixed, float(row["per_token_ms"]) * sequences)
