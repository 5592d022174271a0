"""Short notation of drafts, as names and tables print it: ``d1 x4``, ``d1 2x(mag x4) + mag x6``, ``d1 to5(mag to10)``.

============  ==================================================================================
``d x4``      d drafts 4 tokens itself
``d to9``     d drafts until the whole draft holds 9 tokens
``d 2x(...)`` d reviews 2 rounds of the inner draft in brackets
``d to9(...)`` d reviews rounds of the inner draft until the whole draft holds at least 9 tokens
``a + b``     first a, then b
============  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.model.step import Draft, Step

AUTOREGRESSIVE = "autoregressive"
"""Name of the empty draft."""


def draft_name(draft: Draft) -> str:
    """The steps in order; equal names mean equal drafts, blocks and leniences apart.

    >>> from analysis.model import Step
    >>> draft_name((Step("d1", rounds=2, draft=(Step("mag", tokens=4),)), Step("mag", tokens=6)))
    'd1 2x(mag x4) + mag x6'
    """
    return " + ".join(_step_name(step) for step in draft) or AUTOREGRESSIVE


def legend(draft: Draft) -> Iterator[tuple[str, str]]:
    """Every kind of step that a draft's name uses, as (its notation, what it means), outer steps first.

    >>> from analysis.model import Step
    >>> for notation, meaning in legend((Step("d1", rounds=2, draft=(Step("mag", tokens=4),)),)):
    ...     print(f"{notation}: {meaning}")
    d1 2x(...): d1 reviews 2 rounds of the draft in brackets
    mag x4: mag drafts 4 tokens itself
    """
    said = set()
    for step in draft:
        notation = _step_name(step, inner="...")
        if notation not in said:
            said.add(notation)
            yield notation, _meaning(step)
    for step in draft:
        for notation, meaning in legend(step.draft):
            if notation not in said:
                said.add(notation)
                yield notation, meaning


def _step_name(step: Step, inner: str | None = None) -> str:
    if step.tokens is not None:
        return f"{step.by} x{step.tokens}"
    repeats = f"to{step.until}" if step.until is not None else f"{step.rounds}x"
    return f"{step.by} {repeats}" + (f"({inner or draft_name(step.draft)})" if step.draft else "")


def _meaning(step: Step) -> str:
    if step.tokens is not None:
        return f"{step.by} drafts {_counted(step.tokens, 'token')} itself"
    if step.rounds is not None:
        return f"{step.by} reviews {_counted(step.rounds, 'round')} of the draft in brackets"
    until = f"until the whole draft holds {_counted(step.until or 0, 'token')}"
    if step.is_leaf:
        blocks = f" in blocks of {step.block}" if step.block != 1 else ""
        return f"{step.by} drafts{blocks} {until}"
    return f"{step.by} reviews rounds of the draft in brackets {until} or more"


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" + "s" * (n != 1)
