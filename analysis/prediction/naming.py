"""Readable names of drafts: ``d1 x4``, ``d1 2x(mag x4) + mag x6``, ``d1 to5(mag to10)``."""

from __future__ import annotations

from analysis.model import Draft, Step
from analysis.model.records.named import AUTOREGRESSIVE


def draft_name(draft: Draft) -> str:
    """The steps in order; equal names mean equal drafts, blocks and leniences apart."""
    return " + ".join(_step_name(step) for step in draft) or AUTOREGRESSIVE


def _step_name(step: Step) -> str:
    if step.tokens is not None:
        return f"{step.by} x{step.tokens}"
    repeats = f"to{step.until}" if step.until is not None else f"{step.rounds}x"
    return f"{step.by} {repeats}" + (f"({draft_name(step.draft)})" if step.draft else "")
