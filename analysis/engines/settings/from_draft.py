"""From the draft of a cascade, as `optimise` finds it, to what an engine is to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analysis.engines.settings.speculation import DrafterKind, Speculation
from analysis.model import Draft, InputError, Step
from analysis.model.boundary.fields import inside


def speculation_of(draft: Draft, drafters: Mapping[str, Speculation | DrafterKind]) -> Speculation:
    """What an engine is to do to run a draft.

    Args:
        draft: Steps of a cascade; the empty draft is decoding without speculation.
        drafters: By name in the cascade, the kind of the drafter, or a `Speculation` whose other attributes hold (its
            weights, its match); the numbers of tokens are the draft's.

    Raises:
        InputError: where a drafter is not given, or an `until` step ends at a length that depends on what was accepted.

    Example:
        >>> from analysis import Cascade
        >>> draft = Cascade.horizontal((0.7, 0.07, 2), (0.5, 0.006, 4)).draft
        >>> plan = speculation_of(draft, {"d1": "eagle3", "d2": "ngram"})
        >>> plan.kind, plan.tokens, plan.then.kind, plan.then.tokens
        ('eagle3', 2, 'ngram', 4)
    """
    length: int | None = 0
    plans: list[Speculation] = []
    for i, step in enumerate(draft):
        with inside(f"draft[{i}]"):
            plan = _of_step(step, drafters, length)
        if not plan.tokens:
            continue
        length = None if step.draft or length is None else length + plan.tokens
        plans.append(plan)
    return _joined(plans) if plans else Speculation("ngram", 0)


def _of_step(step: Step, drafters: Mapping[str, Speculation | DrafterKind], length: int | None) -> Speculation:
    """The plan of one step behind `length` tokens; None where that number depends on what was accepted."""
    given = drafters.get(step.by)
    if given is None:
        raise InputError("by", f"got {step.by!r}, expected a drafter whose kind is in `drafters`")
    plan = given if isinstance(given, Speculation) else Speculation(given, 1)
    if step.until is None:
        tokens = step.tokens or step.rounds or 0
    elif step.draft or length is None:
        raise InputError("until", "ends at a length that depends on what was accepted; no engine can be told that")
    else:
        tokens = max(0, -(-(step.until - length) // step.block) * step.block)
    inner = speculation_of(step.draft, drafters) if step.draft else None
    return replace(plan, tokens=tokens, inner=inner, then=None, otherwise=None)


def _joined(plans: list[Speculation]) -> Speculation:
    """One plan behind the other, equal neighbours as one."""
    last = plans[-1]
    for plan in reversed(plans[:-1]):
        if plan.inner is not None:
            raise InputError("draft", "a vertical step before others is more than a `Speculation` can hold")
        same = replace(last, tokens=plan.tokens, then=None) == plan
        last = replace(last, tokens=plan.tokens + last.tokens) if same else replace(plan, then=last)
    return last
