"""From replayed runs of one cascade to its predicted speedup, with an interval and what makes it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.model.records.calibration import Calibration
from analysis.model.records.named import NamedDraft
from analysis.model.records.traces import Trace
from analysis.model.records.uncertainty import cost_error
from analysis.model.resampling import interval_95, prompt_weights
from simulate.replay.clock import NAMES, Clock, Switches
from simulate.replay.decode import ReplayedGeneration

RESAMPLES = 4000


def prediction(
    named: NamedDraft,
    traces: Sequence[Trace],
    runs: Sequence[ReplayedGeneration],
    calibration: Calibration,
    rung: str,
    seed: int,
) -> dict[str, object]:
    """The row of one cascade.

    `speedup` is the ratio of total decoding seconds over the same tokens, prefill left out. `low` and `high` bound 95 %
    of what other prompts of the same kind, as many, and another calibration of the call times would have predicted.
    """
    clock = Clock(calibration)
    alone = [clock.autoregressive(run) for run in runs]
    with_draft = [clock.cascade(run) for run in runs]
    calls = histograms(runs)
    low, high = _interval(alone, with_draft, _errors(calls, calibration), seed)
    tokens, cycles = sum(run.tokens for run in runs), sum(len(run.cycles) for run in runs)
    seconds = {
        part: sum(each.get(part, 0.0) for each in with_draft) for part in sorted({p for e in with_draft for p in e})
    }
    return {
        "name": named.name,
        "family": named.family,
        "rung": rung,
        "speedup": _ratio(alone, with_draft),
        "low": low,
        "high": high,
        "tokens_per_cycle": tokens / cycles,
        "draft": [step.to_json() for step in named.draft],
        "prompts": len(runs),
        "tokens": tokens,
        "cycles": cycles,
        "offered": sum(cycle.offered for run in runs for cycle in run.cycles),
        "inner_reviews": sum(cycle.inner_reviews for run in runs for cycle in run.cycles),
        "drafted": sum(cycle.drafted for run in runs for cycle in run.cycles),
        "calls": calls,
        "seconds": seconds,
        "autoregressive_seconds": sum(sum(each.values()) for each in alone),
        "without": {name: _without(runs, clock, name) for name in NAMES},
        "by_prompt": [
            [trace.id, run.tokens, len(run.cycles), round(sum(a.values()), 6), round(sum(c.values()), 6)]
            for trace, run, a, c in zip(traces, runs, alone, with_draft, strict=True)
        ],
    }


def speedup(runs: Sequence[ReplayedGeneration], clock: Clock) -> float:
    """Ratio of total decoding seconds."""
    return _ratio([clock.autoregressive(run) for run in runs], [clock.cascade(run) for run in runs])


def histograms(runs: Sequence[ReplayedGeneration]) -> dict[str, dict[str, int]]:
    """Number of calls by model and by tokens fed."""
    found: dict[str, Counter[int]] = {}
    for run in runs:
        for cycle in run.cycles:
            for call in cycle.calls:
                found.setdefault(call.model, Counter())[call.q] += 1
    return {model: {str(q): n for q, n in sorted(by_q.items())} for model, by_q in sorted(found.items())}


def _ratio(alone: Sequence[Mapping[str, float]], with_draft: Sequence[Mapping[str, float]]) -> float:
    return sum(sum(each.values()) for each in alone) / sum(sum(each.values()) for each in with_draft)


def _without(runs: Sequence[ReplayedGeneration], clock: Clock, name: str) -> float | None:
    """The speedup with one thing left out; None where nothing is left."""
    switches = Switches.without(name)
    alone = [clock.autoregressive(run, switches) for run in runs]
    with_draft = [clock.cascade(run, switches) for run in runs]
    return _ratio(alone, with_draft) if any(sum(each.values()) for each in with_draft) else None


def _errors(calls: Mapping[str, Mapping[str, int]], calibration: Calibration) -> dict[str, float]:
    """Relative standard error of each model's seconds in a run: that of its costs, weighted by its calls.

    It is the error of single entries of the table; smoothing, which lessens it, is not counted, to be on the safe side.
    """
    found = {}
    for model, by_q in calls.items():
        cost = calibration.cascade.cost(model)
        seconds = sum(n * cost.at(int(q)) for q, n in by_q.items())
        errors = sum(n * cost_error(calibration.cascade.uncertainty, model, int(q)) for q, n in by_q.items())
        found[model] = errors / seconds if seconds else 0.0
    return found


def _interval(
    alone: Sequence[Mapping[str, float]],
    with_draft: Sequence[Mapping[str, float]],
    errors: Mapping[str, float],
    seed: int,
) -> tuple[float, float]:
    """95 % interval by bootstrap over prompts, every resample with call times drawn from their standard errors.

    Costs are in one-token target calls, so the baseline's are certain; the errors of one model's times on different
    numbers of tokens are taken to be the same, which is on the safe side.
    """
    generator = np.random.default_rng(seed)
    weights = prompt_weights(len(alone), RESAMPLES, generator)
    numerator = weights @ np.array([sum(each.values()) for each in alone])
    denominator = np.zeros(RESAMPLES)
    for part in sorted({part for each in with_draft for part in each}):
        factor = 1.0 + errors.get(part, 0.0) * generator.standard_normal(RESAMPLES)
        denominator += (weights @ np.array([each.get(part, 0.0) for each in with_draft])) * np.maximum(factor, 0.01)
    return interval_95(numerator / denominator)
