"""Costs of drafting and verification from runs of an engine with and without speculation.

Identified is one number: seconds of a step with speculation over seconds of a plain step. It holds drafting,
verification and whatever the engine does besides. To tell drafting from verification more must be known: the seconds
of drafting, which some engines count, or the cost of a verification from elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from analysis.engines.comparison import EngineComparison
from analysis.engines.costs import DRAFTER, EngineCosts
from analysis.model import Affine, ByDraft, Cost, InputError, Tabulated
from analysis.model.boundary.fields import inside, read_number, reject


@dataclass(frozen=True)
class DraftedStep:
    """What a step that has a draft costs, in plain steps.

    Attributes:
        cost: Its cost, if a step without a draft costs what a plain step does.
        tokens: Mean tokens of a draft.
        error: Standard error of `cost`; None where it is not known.
        drafting: The part of it that the engine itself timed as drafting; None where it does not.
        runs: Number of comparisons behind it.
        between_runs: Standard deviation of `cost` between comparisons; None where there is one.
        notes: What was assumed, and what differs between the runs, in sentences.
    """

    cost: float
    tokens: float
    error: float | None = None
    drafting: float | None = None
    runs: int = 1
    between_runs: float | None = None
    notes: tuple[str, ...] = ()


def drafted_step(comparison: EngineComparison, relative_error: float | None = None) -> DraftedStep:
    """The cost of a step that has a draft, from one run beside its baseline.

    Args:
        comparison: The two runs.
        relative_error: Standard error of the seconds of a step of either run, over these seconds, >= 0, where it is
            known, as from repeated runs.

    Raises:
        InputError: naming the counter that is missing or out of range.

    Example:
        1000 drafts of 3 tokens, 1950 of them accepted, and 200 steps without took 36 s; plain, a step takes 20 ms.

        >>> from analysis.engines.comparison import compared
        >>> from analysis.model.records.engine_counters import EngineCounters
        >>> fast = EngineCounters("plain", "counts", drafts=1000, steps_without_draft=200, drafted=3000, accepted=1950,
        ...                       draft_length=3, tokens=3150, decode_seconds=36)
        >>> slow = EngineCounters("plain", "counts", drafts=0, steps_without_draft=1000, tokens=1000, decode_seconds=20)
        >>> round(drafted_step(compared(fast, slow)).cost, 3)
        1.6
    """
    counters = comparison.speculative
    share = 1 - (counters.abstained or 0.0)
    tokens = counters.mean_drafted or counters.draft_length
    if not tokens or not share:
        raise InputError("drafted", "missing or 0, expected the tokens drafted, or the draft length")
    cost = (comparison.step_cost - (1 - share)) / share
    if cost <= 0:
        problem = f"got steps of {comparison.step_cost:.3g} plain ones of which {1 - share:.0%} had no draft"
        raise InputError("decode_seconds", f"{problem}: nothing is left for those that had one")
    error = None
    if relative_error is not None:
        relative = read_number(relative_error, "relative_error", 0)
        error = math.sqrt(2) * relative * comparison.step_cost / share
    drafting = None if comparison.draft_share is None else comparison.draft_share / share
    return DraftedStep(cost, float(tokens), error, drafting, notes=tuple(_notes(comparison, share)))


def drafted_step_of(comparisons: Sequence[EngineComparison]) -> DraftedStep:
    """The same from several comparisons, as of several benchmarks; its error comes from how far they lie apart.

    Args:
        comparisons: At least two, with drafts of about one length.

    Raises:
        InputError: naming the comparison.
    """
    if len(comparisons) < 2:
        reject("comparisons", len(comparisons), "at least two, how far these lie apart is the error")
    found: list[DraftedStep] = []
    for i, comparison in enumerate(comparisons):
        with inside(f"comparisons[{i}]"):
            found.append(drafted_step(comparison))
            if abs(found[i].tokens - found[0].tokens) > 0.5:
                got = f"got drafts of {found[i].tokens:.3g} tokens beside {found[0].tokens:.3g}"
                raise InputError("drafted", f"{got}, expected drafts of one length")
    values = [each.cost for each in found]
    drafting = [each.drafting for each in found if each.drafting is not None]
    return DraftedStep(
        fmean(values),
        fmean(each.tokens for each in found),
        stdev(values) / math.sqrt(len(found)),
        fmean(drafting) if len(drafting) == len(found) else None,
        len(found),
        stdev(values),
        tuple(dict.fromkeys(note for each in found for note in each.notes)),
    )


def split(
    step: DraftedStep,
    *,
    verification: float | None = None,
    shape: Literal["linear", "flat"] = "linear",
    another_run: bool = False,
) -> EngineCosts:
    """Costs of drafting and of verification from that of a step.

    At the draft length of the runs only their sum matters, and it is the one measured, with its error, which all goes
    to the drafter. At other lengths the answer rests on how drafting rises with them (`shape`): the truth of most
    drafters lies between the two.

    Args:
        step: Cost of a step that has a draft.
        verification: Cost of verifying such a draft, in plain steps, > 0, as measured elsewhere; None takes what the
            engine's own time of drafting leaves, or else 1: a verification as dear as a plain step.
        shape: Whether drafting costs so much a token, or the same whatever the length.
        another_run: Whether the answer is for a benchmark that is not among the runs: then how far they lie apart
            counts in full, besides the error of their mean.

    Raises:
        InputError: where the verification is dearer than the whole step.

    Example:
        >>> split(DraftedStep(1.5, 3.0), shape="flat").drafter.drafting(5)
        0.5
    """
    verified, assumed = _verification(step, verification)
    drafting = step.cost - verified
    error = step.error
    if error is not None and another_run:
        error = math.hypot(error, step.between_runs or 0.0)
    per_token = drafting / max(1.0, step.tokens)
    drafter: Cost = ByDraft((drafting,), "last")
    errors: dict[str, object] = {} if error is None else {DRAFTER: {"by_draft": [error]}}
    if shape == "linear":
        drafter = Affine(per_token)
        errors = {} if error is None else {DRAFTER: error / max(1.0, step.tokens)}
    rise = f"{per_token:.3g} a token" if shape == "linear" else f"{drafting:.3g}"
    runs = "two runs" if step.runs == 1 else f"{step.runs} pairs of runs"
    return EngineCosts(
        _verifying(verified, step.tokens),
        drafter,
        f"{runs}, without and with speculation: a step with a draft costs {step.cost:.4g} plain steps",
        errors,
        (
            *step.notes,
            *assumed,
            f"drafting costs {rise} at every length; measured is one of {step.tokens:.3g} tokens",
        ),
        () if step.error is not None else ("how far the cost of a step varies from run to run",),
    )


def _verification(step: DraftedStep, given: float | None) -> tuple[float, list[str]]:
    """(cost of verifying a draft, what was assumed for it)."""
    if given is not None:
        if not 0 < read_number(given, "verification", 0) <= step.cost:
            reject("verification", given, f"more than 0 and at most {step.cost:.4g}, the whole step")
        return float(given), []
    if step.drafting is not None:
        if step.drafting >= step.cost:
            reject("draft_seconds", f"{step.drafting:.4g} plain steps a draft", f"less than {step.cost:.4g}, a step")
        return step.cost - step.drafting, []
    return min(1.0, step.cost), ["verifying a draft costs what a plain step costs, and drafting the rest"]


def _verifying(cost: float, tokens: float) -> Cost:
    """Cost of the target on q tokens that is 1 for one token and `cost` for those of a draft, straight in between."""
    if cost == 1:
        return Affine(1.0)
    if cost < 1:
        return Tabulated((1.0, cost), "last")
    slope = (cost - 1) / max(1.0, tokens)
    return Affine(1 - slope, slope) if slope <= 1 else Tabulated((1.0, 1 + slope), "linear")


def _notes(comparison: EngineComparison, share: float) -> list[str]:
    notes = []
    if share < 1:
        notes.append(f"{1 - share:.0%} of the steps had no draft; such a step is taken to cost what a plain step does")
    if comparison.loads_differ:
        ours, theirs = comparison.speculative.concurrency, comparison.plain.concurrency
        notes.append(f"the runs decoded {ours:.3g} (with) and {theirs:.3g} (without) sequences at a time")
    return notes
