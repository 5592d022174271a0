"""What is left between a prediction and the stopwatch, split into a chain of single replacements.

log(predicted / measured) = acceptance + loop + call times, exactly, where
- acceptance: predicted over what the calibrated times give for the calls that were really made: other prompts, other
  texts, and whatever the prediction gets wrong about drafting (`calls` tells by model where the calls differ);
- loop: that, over the same with the loop's measured time (all that is neither prefill nor a call) for the calibrated;
- call times: that, over measured: calls took longer or shorter than when they were calibrated, for this cascade or for
  the baseline.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from analysis.ladder.measured import MeasuredMethod, OnePrompt
from analysis.model import Draft, walk
from analysis.model.records.calibration import Calibration
from analysis.model.records.predictions import CallsPerToken
from analysis.model.records.runs import PromptId

PARTS = ("total", "acceptance", "loop", "call_times")


def remainder(
    predicted: float,
    measured: float,
    method: MeasuredMethod,
    baseline: MeasuredMethod,
    ids: Sequence[PromptId],
    draft: Draft,
    calibration: Calibration,
) -> dict[str, float]:
    """The parts of log(predicted / measured), and how measured call times compare with calibrated ones by model.

    Args:
        predicted: Predicted speedup.
        measured: Measured speedup.
        method: The cascade's rows.
        baseline: The target's own, in the same files.
        ids: Prompts that count.
        draft: The cascade's.
        calibration: The calibrated times.
    """
    timed = {each.name: _calls(each, ids, calibration) for each in (method, baseline)}
    loop = _loop(method, ids, draft, calibration), _loop(baseline, ids, (), calibration)
    tokens = {each.name: float(each.tokens(ids).sum()) for each in (method, baseline)}
    own = {each.name: _own_seconds(each, ids) for each in (method, baseline)}

    def speedup(of_method: float, of_baseline: float) -> float:
        return (of_baseline / tokens[baseline.name]) / (of_method / tokens[method.name])

    mine, base = sum(timed[method.name].values()), sum(timed[baseline.name].values())
    calibrated = speedup(mine + loop[0], base + loop[1])
    with_loop = speedup(mine + own[method.name], base + own[baseline.name])
    return {
        "total": math.log(predicted / measured),
        "acceptance": math.log(predicted / calibrated),
        "loop": math.log(calibrated / with_loop),
        "call_times": math.log(with_loop / measured),
        **{f"drift {model}": ratio for model, ratio in _drifts(method, ids, timed[method.name]).items()},
        **{f"drift {model}, baseline": ratio for model, ratio in _drifts(baseline, ids, timed[baseline.name]).items()},
    }


def call_differences(
    method: MeasuredMethod, ids: Sequence[PromptId], predicted: CallsPerToken
) -> dict[str, dict[str, float]]:
    """Calls a token, and tokens a call, that were made and that were predicted, by model.

    Args:
        method: The cascade's rows.
        ids: Prompts that count.
        predicted: What the prediction says.
    """
    tokens = float(method.tokens(ids).sum())
    made: dict[str, Counter[int]] = {}
    for one in _chosen(method, ids):
        for (model, q), n in one.calls.items():
            made.setdefault(model, Counter())[q] += n
    found = {}
    for model, by_size in predicted.items():
        both = made.get(model, Counter()), by_size
        numbers = [float(sum(each.values())) for each in both]
        sizes = [sum(q * n for q, n in each.items()) / max(n, 1e-300) for each, n in zip(both, numbers, strict=True)]
        found[model] = {
            "measured_per_token": numbers[0] / tokens,
            "predicted_per_token": numbers[1],
            "measured_size": sizes[0],
            "predicted_size": sizes[1],
        }
    return found


def typical(rows: Sequence[Mapping[str, object]]) -> dict[str, dict[str, float]]:
    """Medians over cascades of each part, as it is and as an absolute value.

    Args:
        rows: From `remainder`; at least one.
    """
    found = {}
    for key in PARTS:
        values = np.array([row[key] for row in rows], dtype=np.float64)
        found[key] = {"median": float(np.median(values)), "median_absolute": float(np.median(np.abs(values)))}
    return found


def _calls(method: MeasuredMethod, ids: Sequence[PromptId], calibration: Calibration) -> dict[str, float]:
    """Calibrated seconds of the calls that were made, by model; each at the middle of its prompt's text.

    A drafter's first call of a cycle takes its own time. Rows do not tell how many cycles call it: all are taken to,
    which is approximate for drafters that are not called in every cycle.
    """
    found: dict[str, float] = {}
    for one in _chosen(method, ids):
        held = _middle(one)
        numbers: Counter[str] = Counter()
        for (model, _), n in one.calls.items():
            numbers[model] += n
        for (model, q), n in one.calls.items():
            first = min(1.0, one.cycles / numbers[model]) if numbers[model] else 0.0
            found[model] = found.get(model, 0.0) + n * _call(calibration, model, q, held, first)
    return found


def _middle(one: OnePrompt) -> float:
    """Tokens held in the middle of a prompt's text."""
    return one.prompt_tokens + sum(one.tokens.values()) / len(one.tokens) / 2


def _call(calibration: Calibration, model: str, q: int, held: float, first: float) -> float:
    """Calibrated seconds of a call, of which a share are the first ones after a call of the target."""
    if model in calibration.statistical:
        return calibration.smoothed.propose[model]
    times = calibration.smoothed.networks[model]
    if times.first and times.following:
        return first * times.first.at(q, held) + (1 - first) * times.following.at(q, held)
    return times.median.at(q, held)


def _loop(method: MeasuredMethod, ids: Sequence[PromptId], draft: Draft, calibration: Calibration) -> float:
    """Calibrated seconds of the loop around the calls that were made."""
    loop = calibration.loop
    steps = [step for _, _, step in walk(draft, calibration.target)]
    reviewing = {step.by for step in steps if not step.is_leaf}
    leaves = {step.by for step in steps if step.is_leaf}
    seconds = 0.0
    for key in ids:
        one = method.prompts[key]
        seconds += loop.per_cycle * one.cycles
        for (model, q), n in one.calls.items():
            if model == calibration.target:
                continue
            # a call of a model that both drafts and reviews is a review if it is on more than a catch-up of one
            if model in calibration.statistical:
                seconds += n * loop.per_proposal
            elif model in reviewing and (model not in leaves or q > 2):
                seconds += n * loop.per_review
            else:
                seconds += n * loop.per_drafted_token
    return seconds


def _own_seconds(method: MeasuredMethod, ids: Sequence[PromptId]) -> float:
    """Measured seconds outside prefill and calls."""
    found = (sum(one.seconds.values()) - sum(one.call_seconds.values()) for one in _chosen(method, ids))
    return sum(found)


def _drifts(method: MeasuredMethod, ids: Sequence[PromptId], calibrated: Mapping[str, float]) -> dict[str, float]:
    """Measured over calibrated seconds of the same calls, by model."""
    measured: dict[str, float] = {}
    for one in _chosen(method, ids):
        for model, seconds in one.call_seconds.items():
            measured[model] = measured.get(model, 0.0) + seconds
    return {model: measured[model] / seconds for model, seconds in calibrated.items() if seconds > 0}


def _chosen(method: MeasuredMethod, ids: Sequence[PromptId]) -> list[OnePrompt]:
    return [method.prompts[key] for key in ids]
