"""The cost of a step from two runs of an engine, with and without speculation, and what follows for its parts.

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

from analysis.engines.costs import DRAFTER, EngineCosts
from analysis.model import Affine, ByDraft, Cost, InputError, Tabulated
from analysis.model.boundary.fields import inside, read_number, reject
from analysis.model.records.engine_counters import EngineCounters

LOADS_APART = 0.1
"""Share by which the numbers of sequences of two runs may differ before it is said."""


@dataclass(frozen=True)
class StepCost:
    """What a step with speculation costs, in plain steps.

    Attributes:
        step: Mean over all steps; tokens a step over it is the speedup.
        with_draft: Mean over the steps that had a draft, if a step without one costs what a plain step does.
        tokens: Mean tokens of a draft.
        error: Standard error of `with_draft`; None where a single pair of runs tells none.
        drafting: The part of `with_draft` that the engine itself timed as drafting; None where it does not.
        runs: Number of pairs of runs.
        between_runs: Standard deviation of `with_draft` between pairs, as one more benchmark would show it.
        notes: What was assumed, and what differs between the runs, in sentences.
    """

    step: float
    with_draft: float
    tokens: float
    error: float | None = None
    drafting: float | None = None
    runs: int = 1
    between_runs: float | None = None
    notes: tuple[str, ...] = ()


def step_cost(plain: EngineCounters, speculative: EngineCounters, *, relative_error: float | None = None) -> StepCost:
    """The cost of a step from one run without and one with speculation.

    Args:
        plain: Without speculation; its `tokens` and `decode_seconds` are read.
        speculative: With it; also `drafts`, `accepted` and `drafted`, or `draft_length`.
        relative_error: Standard error of the seconds of a step of either run over these seconds, >= 0, where it is
            known, as from repeated runs.

    Raises:
        InputError: naming the counter that is missing or out of range.

    Example:
        A run of 1000 drafts of 3 tokens of which 1950 were accepted took 36 s; plain decoding takes 20 ms a token.

        >>> plain = EngineCounters("plain", "counts", tokens=1000, decode_seconds=20)
        >>> with_drafts = EngineCounters("plain", "counts", drafts=1000, steps_without_draft=200, drafted=3000,
        ...                              accepted=1950, draft_length=3, tokens=3150, decode_seconds=36)
        >>> cost = step_cost(plain, with_drafts)
        >>> round(cost.step, 3), round(cost.with_draft, 3)
        (1.5, 1.6)
    """
    with inside("plain"):
        tau = _needed(plain, "decode_seconds") / _needed(plain, "tokens")
    with inside("speculative"):
        drafts = _needed(speculative, "drafts")
        tokens = _draft_tokens(speculative)
        steps = speculative.steps
        if steps is None:
            steps = max(drafts, _needed(speculative, "tokens") - (speculative.accepted or 0.0))
        seconds = _needed(speculative, "decode_seconds")
    step = seconds / steps / tau
    share = drafts / steps
    with_draft = (step - (1 - share)) / share
    if with_draft <= 0:
        problem = (
            f"a step took {step:.3g} plain steps and {1 - share:.0%} of them had no draft: nothing is left for those"
        )
        raise InputError("speculative.decode_seconds", problem)
    error = None
    if relative_error is not None:
        error = math.sqrt(2) * read_number(relative_error, "relative_error", 0) * step / share
    drafting = None if speculative.draft_seconds is None else speculative.draft_seconds / drafts / tau
    return StepCost(step, with_draft, tokens, error, drafting, notes=tuple(_notes(plain, speculative, share)))


def step_cost_of_pairs(pairs: Sequence[tuple[EngineCounters, EngineCounters]]) -> StepCost:
    """The same from several pairs of runs (plain, speculative), as of several benchmarks; errors from their spread.

    Args:
        pairs: At least two, with drafts of one length.

    Raises:
        InputError: naming the pair.
    """
    if len(pairs) < 2:
        reject("pairs", len(pairs), "at least two pairs of runs, whose spread is the error")
    found = []
    for i, (plain, speculative) in enumerate(pairs):
        with inside(f"pairs[{i}]"):
            found.append(step_cost(plain, speculative))
            if abs(found[i].tokens - found[0].tokens) > 0.5:
                got = f"got drafts of {found[i].tokens:.3g} tokens beside {found[0].tokens:.3g}"
                raise InputError("speculative.drafted", f"{got}, expected runs with drafts of one length")
    values = [each.with_draft for each in found]
    drafting = [each.drafting for each in found if each.drafting is not None]
    spread = stdev(values)
    return StepCost(
        fmean(each.step for each in found),
        fmean(values),
        fmean(each.tokens for each in found),
        spread / math.sqrt(len(found)),
        fmean(drafting) if len(drafting) == len(found) else None,
        len(found),
        spread,
        tuple(dict.fromkeys(note for each in found for note in each.notes)),
    )


def split(
    cost: StepCost,
    *,
    verification: float | None = None,
    verification_error: float = 0.0,
    shape: Literal["linear", "flat"] = "linear",
    another_run: bool = False,
) -> EngineCosts:
    """Costs of drafting and verification from the cost of a step.

    At the draft length of the runs only their sum matters, and it is the one measured. At other lengths the answer
    rests on how drafting rises with them (`shape`): the truth of most drafters lies between the two.

    Args:
        cost: Of a step.
        verification: Cost of verifying such a draft, in plain steps, > 0, as measured elsewhere; None takes what the
            engine's own time of drafting leaves, or else 1: a verification as dear as a plain step.
        verification_error: Its standard error, >= 0.
        shape: Whether drafting costs so much a token, or the same whatever the length.
        another_run: Whether the answer is for another benchmark than those of the runs, so that what differs between
            runs counts in full.

    Raises:
        InputError: where the verification is dearer than the whole step.
    """
    assumed = list(cost.notes)
    if verification is not None:
        verified = read_number(verification, "verification", 0)
        if not 0 < verified <= cost.with_draft:
            reject("verification", verification, f"more than 0 and at most {cost.with_draft:.4g}, the whole step")
    elif cost.drafting is not None:
        verified = max(0.0, cost.with_draft - cost.drafting)
    else:
        verified = min(1.0, cost.with_draft)
        assumed.append("verifying a draft costs what a plain step costs, and drafting the rest of the step")
    drafting = cost.with_draft - verified
    rate = max(1.0, cost.tokens)
    drafter: Cost = Affine(drafting / rate) if shape == "linear" else ByDraft((drafting,), "last")
    assumed.append(
        f"drafting costs {drafting / rate:.3g} a token at every length; measured is one of {cost.tokens:.3g} tokens"
        if shape == "linear"
        else f"drafting costs {drafting:.3g} at every length; measured is one of {cost.tokens:.3g} tokens"
    )
    return EngineCosts(
        _verifying(verified, cost.tokens),
        drafter,
        _source(cost),
        _errors(cost, drafting, verification_error, rate if shape == "linear" else None, another_run=another_run),
        tuple(assumed),
        () if _step_error(cost, another_run=another_run) is not None else (_NO_ERROR,),
    )


_NO_ERROR = "how much the cost of a step varies from run to run: one pair of runs does not tell"


def _verifying(cost: float, tokens: float) -> Cost:
    """Cost of the target on q tokens that is 1 for one token and `cost` for those of a draft, straight in between."""
    if cost == 1:
        return Affine(1.0)
    if cost > 1:
        slope = (cost - 1) / max(1.0, tokens)
        return Affine(1 - slope, slope) if slope <= 1 else Tabulated((1.0, 1 + slope), "linear")
    return Tabulated((1.0, cost), "last")


def _errors(
    cost: StepCost, drafting: float, verification_error: float, rate: float | None, *, another_run: bool
) -> dict[str, object]:
    """Standard errors: all of the step's error is the drafter's, since only the sum of the two was measured."""
    error = _step_error(cost, another_run=another_run)
    if error is None:
        return {}
    error = math.hypot(error, read_number(verification_error, "verification_error", 0))
    del drafting
    return {DRAFTER: error / rate} if rate is not None else {DRAFTER: {"by_draft": [error]}}


def _step_error(cost: StepCost, *, another_run: bool) -> float | None:
    if another_run and cost.between_runs is not None and cost.error is not None:
        return math.hypot(cost.error, cost.between_runs)
    return cost.error


def _source(cost: StepCost) -> str:
    runs = "two runs" if cost.runs == 1 else f"{cost.runs} pairs of runs"
    return f"{runs}, without and with speculation: a step with a draft costs {cost.with_draft:.4g} plain steps"


def _notes(plain: EngineCounters, speculative: EngineCounters, share: float) -> list[str]:
    notes = []
    if share < 1:
        notes.append(f"{1 - share:.0%} of the steps had no draft; such a step is taken to cost what a plain step does")
    loads = plain.concurrency, speculative.concurrency
    if None not in loads and abs(loads[0] / loads[1] - 1) > LOADS_APART:  # type: ignore[operator]
        notes.append(
            f"the runs decoded {loads[0]:.2g} and {loads[1]:.2g} sequences at a time; the ratio is of these loads"
        )
    return notes


def _draft_tokens(counters: EngineCounters) -> float:
    found = counters.mean_drafted or counters.draft_length
    if not found:
        raise InputError("drafted", "missing, expected the tokens drafted or the draft length")
    return float(found)


def _needed(counters: EngineCounters, name: str) -> float:
    value = getattr(counters, name)
    if not value:
        raise InputError(name, "missing or 0, expected a count above 0")
    return float(value)
