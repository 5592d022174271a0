"""Predictions and measurements side by side: the ladder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.ladder.errors import Comparison, by_family, improvement, summary
from analysis.ladder.measured import Measured, Speedups
from analysis.ladder.noise import noise_floor
from analysis.ladder.regret import regrets
from analysis.ladder.remainder import remainder
from analysis.model import Draft, InputError, parse_json, read_text
from analysis.model.calibration import Calibration
from analysis.model.fields import inside, mapping, name, number
from analysis.model.named import AUTOREGRESSIVE
from analysis.model.step import read_draft

RESAMPLES = 4000
REPLAY = "replay"


@dataclass(frozen=True)
class Prediction:
    """A predicted speedup.

    Attributes:
        name: Of the cascade.
        family: Of the cascade.
        rung: How it was predicted.
        speedup: Predicted speedup.
        low: Lower end of its 95 % interval.
        high: Upper end.
        tokens_per_cycle: Predicted.
        draft: Of the cascade.
        without: Speedups with one thing left out each, where a replay tells.
    """

    name: str
    family: str
    rung: str
    speedup: float
    low: float
    high: float
    tokens_per_cycle: float
    draft: Draft
    without: Mapping[str, float | None]


def read_predictions(paths: Iterable[str | Path]) -> list[Prediction]:
    """Read prediction rows.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    found: dict[tuple[str, str], Prediction] = {}
    for path in paths:
        for i, line in enumerate(read_text(path).split("\n"), start=1):
            if not line.strip():
                continue
            with inside(f"{path}, line {i}"):
                row = mapping(parse_json(line, str(path), first_line=i), "")
                keys = ("speedup", "low", "high", "tokens_per_cycle")
                speedup, low, high, tokens = (number(row.get(key), key, 0) for key in keys)
                with inside("draft"):
                    draft = read_draft(row.get("draft", []))
                without = {
                    key: None if value is None else number(value, f"without.{key}", 0)
                    for key, value in mapping(row.get("without", {}), "without").items()
                }
                label, family, rung = (name(row.get(key), key) for key in ("name", "family", "rung"))
                each = Prediction(label, family, rung, speedup, low, high, tokens, draft, without)
                if (each.name, each.rung) in found:
                    raise InputError("name", f"{each.name!r} is there twice on rung {each.rung!r}")
                found[each.name, each.rung] = each
    return list(found.values())


def ladder(
    predictions: Sequence[Prediction],
    methods: Mapping[str, Measured],
    calibration: Calibration | None = None,
    baseline: str = AUTOREGRESSIVE,
    seed: int = 0,
) -> dict[str, object]:
    """Join predictions with what was measured.

    Args:
        predictions: Of any rungs.
        methods: Measured rows by method; a prediction belongs to the method of its name.
        calibration: Call times, for the parts of what remains; None does without.
        baseline: The method that speedups are against.
        seed: Of the bootstrap over prompts.

    Raises:
        InputError: where nothing predicted was measured.
    """
    rungs = list(dict.fromkeys(each.rung for each in predictions))
    cascades = {each.name: each for each in predictions if each.name in methods and each.name != baseline}
    if not cascades:
        raise InputError("--measured", "no method has the name of a predicted cascade")
    speedups = Speedups(methods, baseline, RESAMPLES, seed)
    rows = []
    table: dict[str, list[Comparison]] = {rung: [] for rung in rungs}
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
                "tokens_per_cycle": methods[key].tokens_per_cycle,
            },
        }
        listed, errors = {}, {}
        for rung in rungs:
            each = by_rung[rung].get(key)
            if each is None:
                continue
            comparison = Comparison(cascade.family, each.speedup, each.low, each.high, measured, low, high)
            table[rung].append(comparison)
            listed[rung] = {
                "speedup": each.speedup,
                "low": each.low,
                "high": each.high,
                "tokens_per_cycle": each.tokens_per_cycle,
            }
            errors[rung] = comparison.error
        row |= {"predicted": listed, "error": errors}
        row["remainder"] = {
            rung: _parts(by_rung[rung][key], measured, methods, speedups, calibration)
            for rung in rungs
            if rung.startswith(REPLAY) and key in by_rung[rung]
        }
        rows.append(row)
    summaries = {rung: summary(found) for rung, found in table.items() if found}
    return {
        "baseline": baseline,
        "prompts": len(speedups.ids),
        "rungs": summaries,
        "best_rungs": improvement(summaries),
        "families": {rung: by_family(found) for rung, found in table.items() if found},
        "regret": {
            rung: regrets({key: by_rung[rung][key].speedup for key in cascades if key in by_rung[rung]}, speedups, seed)
            for rung in summaries
        },
        "noise": noise_floor(speedups),
        "not_measured": sorted({each.name for each in predictions} - {baseline, *cascades}),
        "not_predicted": sorted(set(methods) - {baseline, *cascades}),
        "cascades": rows,
    }


def _parts(
    prediction: Prediction,
    measured: float,
    methods: Mapping[str, Measured],
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
            methods[speedups.baseline],
            speedups.ids,
            prediction.draft,
            calibration,
        )
    worth = {
        key: None if value is None else math.log(value / prediction.speedup)
        for key, value in prediction.without.items()
    }
    return parts | {"log_change_without": worth}
