"""Predictions and measurements side by side: the ladder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from analysis.ladder.errors import RungComparison, by_family, improvement, summary
from analysis.ladder.measured import MeasuredMethod, Speedups
from analysis.ladder.noise import noise_floor
from analysis.ladder.regret import regrets
from analysis.ladder.remainder import call_differences, remainder, typical
from analysis.model import InputError
from analysis.model.notation import AUTOREGRESSIVE
from analysis.model.records.calibration import Calibration
from analysis.model.records.predictions import Prediction

RESAMPLES = 4000
MOST_LONGER = 1.25
"""Ratio of mean lengths of text up to which they count as alike."""
REPLAY = "replay"


def ladder(
    predictions: Sequence[Prediction],
    methods: Mapping[str, MeasuredMethod],
    calibration: Calibration | None = None,
    baseline: str = AUTOREGRESSIVE,
    seed: int = 0,
) -> dict[str, object]:
    """Join predictions with what was measured.

    Args:
        predictions: Of any rungs.
        methods: Measured rows by method; a prediction belongs to the method of its name.
        calibration: Call times, for the parts of what remains; None does without.
        baseline: The method that speedups are against: autoregressive decoding under that name.
        seed: Of the bootstrap over prompts.

    Raises:
        InputError: where nothing predicted was measured, a name stands for different drafts, or the baseline drafts.
    """
    rungs = list(dict.fromkeys(each.rung for each in predictions))
    cascades = {each.name: each for each in predictions if each.name in methods and each.name != baseline}
    if not cascades:
        raise InputError("measured", "no method has the name of a predicted cascade")
    for prediction in predictions:
        if prediction.name in methods and methods[prediction.name].draft not in (None, prediction.draft):
            raise InputError("measured", f"{prediction.name!r} ran another draft than the predicted one")
    if baseline in methods:
        _refuse_drafting(methods[baseline])
    speedups = Speedups(methods, baseline, RESAMPLES, seed)
    rows = []
    remainders: dict[str, list[dict[str, object]]] = {}
    table: dict[str, list[RungComparison]] = {rung: [] for rung in rungs}
    by_rung = {rung: {each.name: each for each in predictions if each.rung == rung} for rung in rungs}
    for key, cascade in cascades.items():
        measured = speedups.point(key)
        low, high = speedups.interval(key)
        row: dict[str, object] = {
            "name": key,
            "family": cascade.family,
            "draft": [step.to_json() for step in cascade.draft],
            "measured": {
                "speedup": measured,
                "low": low,
                "high": high,
                "tokens_per_cycle": methods[key].tokens_per_cycle(speedups.ids),
            },
        }
        listed, errors = {}, {}
        for rung in rungs:
            each = by_rung[rung].get(key)
            if each is None:
                continue
            comparison = RungComparison(cascade.family, each.speedup, each.low, each.high, measured, low, high)
            table[rung].append(comparison)
            listed[rung] = {
                "speedup": each.speedup,
                "low": each.low,
                "high": each.high,
                "tokens_per_cycle": each.tokens_per_cycle,
            }
            errors[rung] = comparison.error
        row |= {"predicted": listed, "error": errors}
        parts = {
            rung: _parts(by_rung[rung][key], measured, methods, speedups, calibration)
            for rung in rungs
            if rung.startswith(REPLAY) and key in by_rung[rung]
        }
        for rung, each_part in parts.items():
            remainders.setdefault(rung, []).append(each_part)
        rows.append(row | {"remainder": parts})
    summaries = {rung: summary(found) for rung, found in table.items() if found}
    return {
        "baseline": baseline,
        "prompts": len(speedups.ids),
        "text_tokens": _lengths(predictions, methods[baseline].tokens_a_text(speedups.ids)),
        "rungs": summaries,
        "best_rungs": improvement(summaries),
        "families": {rung: by_family(found) for rung, found in table.items() if found},
        "regret": {
            rung: regrets(
                {baseline: 1.0} | {key: by_rung[rung][key].speedup for key in cascades if key in by_rung[rung]},
                speedups,
                seed,
            )
            for rung in summaries
        },
        "remainder": {rung: typical(parts) for rung, parts in remainders.items()} if calibration else {},
        "noise": noise_floor(speedups),
        "not_measured": sorted({each.name for each in predictions} - {baseline, *cascades}),
        "not_predicted": sorted(set(methods) - {baseline, *cascades}),
        "cascades": rows,
    }


def _refuse_drafting(baseline: MeasuredMethod) -> None:
    """Predictions are against autoregressive decoding by the same program."""
    if baseline.draft is None:
        raise InputError("baseline", f"got {baseline.name!r}, another program, expected autoregressive decoding")
    if baseline.draft:
        draft = json.dumps([step.to_json() for step in baseline.draft])
        raise InputError("baseline", f"got {baseline.name!r}, which drafts {draft}, expected autoregressive decoding")


def _lengths(predictions: Sequence[Prediction], measured: float) -> dict[str, object]:
    """Mean tokens of a text, measured and predicted by rung, and the rungs whose texts are of another length."""
    by_rung: dict[str, list[float]] = {}
    for each in predictions:
        if each.text_tokens is not None:
            by_rung.setdefault(each.rung, []).append(each.text_tokens)
    predicted = {rung: sum(found) / len(found) for rung, found in by_rung.items()}
    others = [rung for rung, mean in predicted.items() if max(mean / measured, measured / mean) > MOST_LONGER]
    return {"measured": measured, "predicted": predicted, "of_another_length": others}


def _parts(
    prediction: Prediction,
    measured: float,
    methods: Mapping[str, MeasuredMethod],
    speedups: Speedups,
    calibration: Calibration | None,
) -> dict[str, object]:
    """What is left between replay and measurement, and what each thing that a replay counts is worth."""
    parts: dict[str, object] = {}
    if calibration is not None:
        parts |= remainder(
            prediction.speedup,
            measured,
            methods[prediction.name],
            speedups.partner(prediction.name),
            speedups.ids,
            prediction.draft,
            calibration,
        )
    worth = {
        key: None if value is None else math.log(value / prediction.speedup)
        for key, value in prediction.without.items()
    }
    differing = call_differences(methods[prediction.name], speedups.ids, prediction.calls)
    return parts | {"log_change_without": worth, "calls": differing}
