"""What is left between a prediction and the stopwatch, split into a chain of single replacements.

log(predicted / measured) = acceptance + loop + call times, exactly, where
- acceptance: predicted over what the calibrated times give for the calls that were really made: other prompts, other
  texts, and whatever the prediction gets wrong about drafting;
- loop: that, over the same with the loop's measured time (all that is neither prefill nor a call) for the calibrated;
- call times: that, over measured: calls took longer or shorter than when they were calibrated, for this cascade or for
  the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from analysis.ladder.measured import Key, Measured, OnePrompt
from analysis.model import Draft, walk
from analysis.model.calibration import Calibration


def remainder(
    predicted: float,
    measured: float,
    method: Measured,
    baseline: Measured,
    ids: Sequence[Key],
    draft: Draft,
    calibration: Calibration,
) -> dict[str, float]:
    """The parts of log(predicted / measured), and how measured call times compare with calibrated ones by model.

    Args:
        predicted: Predicted speedup.
        measured: Measured speedup.
        method: The cascade's rows.
        baseline: The target's own.
        ids: Prompts that count.
        draft: The cascade's.
        calibration: The calibrated times.
    """
    calls = {each.name: _calls(each, ids, calibration) for each in (method, baseline)}
    loop = _loop(method, ids, draft, calibration), _loop(baseline, ids, (), calibration)
    tokens = {each.name: float(each.tokens(ids).sum()) for each in (method, baseline)}
    own = {each.name: _own_seconds(each, ids) for each in (method, baseline)}

    def speedup(of_method: float, of_baseline: float) -> float:
        return (of_baseline / tokens[baseline.name]) / (of_method / tokens[method.name])

    mine, base = sum(calls[method.name].values()), sum(calls[baseline.name].values())
    calibrated = speedup(mine + loop[0], base + loop[1])
    with_loop = speedup(mine + own[method.name], base + own[baseline.name])
    return {
        "total": math.log(predicted / measured),
        "acceptance": math.log(predicted / calibrated),
        "loop": math.log(calibrated / with_loop),
        "call_times": math.log(with_loop / measured),
        **{f"drift {model}": ratio for model, ratio in _drifts(method, ids, calls[method.name]).items()},
        **{f"drift {model}, baseline": ratio for model, ratio in _drifts(baseline, ids, calls[baseline.name]).items()},
    }


def _calls(method: Measured, ids: Sequence[Key], calibration: Calibration) -> dict[str, float]:
    """Calibrated seconds of the calls that were made, by model; each at the middle of its prompt's text."""
    found: dict[str, float] = {}
    for key in ids:
        one = method.prompts[key]
        held = one.prompt_tokens + sum(one.tokens.values()) / len(one.tokens) / 2
        for (model, q), n in one.calls.items():
            if model in calibration.statistical:
                each = calibration.propose.get(model, 0.0)
            else:
                each = calibration.times[model].at(q, held)
            found[model] = found.get(model, 0.0) + n * each
    return found


def _loop(method: Measured, ids: Sequence[Key], draft: Draft, calibration: Calibration) -> float:
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
            is_review = model in reviewing and (model not in leaves or q > 2)
            seconds += n * (loop.per_review if is_review else loop.per_drafted_token)
    return seconds


def _own_seconds(method: Measured, ids: Sequence[Key]) -> float:
    """Measured seconds outside prefill and calls."""
    found = (sum(one.seconds.values()) - sum(one.call_seconds.values()) for one in _chosen(method, ids))
    return sum(found)


def _drifts(method: Measured, ids: Sequence[Key], calibrated: Mapping[str, float]) -> dict[str, float]:
    """Measured over calibrated seconds of the same calls, by model."""
    measured: dict[str, float] = {}
    for one in _chosen(method, ids):
        for model, seconds in one.call_seconds.items():
            measured[model] = measured.get(model, 0.0) + seconds
    return {model: measured[model] / seconds for model, seconds in calibrated.items() if seconds > 0}


def _chosen(method: Measured, ids: Sequence[Key]) -> list[OnePrompt]:
    return [method.prompts[key] for key in ids]
