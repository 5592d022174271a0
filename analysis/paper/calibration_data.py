"""From files of calibrations, checks and ladders to the plain numbers that figures draw."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.model import Cascade, Step, with_beyond
from analysis.paper.scale.tables import at_middle_context
from analysis.paper.scale.tables import label as condition_label
from analysis.theory.exact import cycle_law

Json = Mapping[str, Any]

FIRST, SECOND = range(9), range(13)
"""Draft lengths of the two drafters on the map of the optimum's neighbourhood."""


def call_times(calibration: Json) -> list[dict[str, Any]]:
    """Median call times of every neural model, by tokens fed and by context."""
    details = calibration["meta"]["calibration"]
    return [
        {
            "model": model,
            "q": times["q"],
            "curves": [
                {"context": context, "median": median, "spread": spread}
                for context, median, spread in zip(times["contexts"], times["median"], times["spread"], strict=True)
            ],
        }
        for model, times in details["seconds"].items()
        if "q" in times
    ]


def statistical_drafters(calibration: Json) -> list[str]:
    """Drafters whose proposals are timed instead of calls."""
    return [model for model, times in calibration["meta"]["calibration"]["seconds"].items() if "propose" in times]


def neighbourhood(calibration: Json, ladder: Json) -> dict[str, Any] | None:
    """EWIF of tokens of a neural drafter followed by a statistical one's, and what was measured there.

    Of several such pairs it is the one of which most cascades were measured. None where the calibration lacks a
    drafter of either kind.
    """
    target = calibration["target"]
    models = with_beyond(Cascade.from_json({**calibration, "draft": []}), hazards="last", costs="linear")
    neural = [item["model"] for item in call_times(calibration) if item["model"] != target]
    drafts = [(Cascade.from_json({**calibration, "draft": row["draft"]}).draft, row) for row in ladder["cascades"]]
    best: dict[str, Any] | None = None
    for pair in itertools.product(neural, statistical_drafters(calibration)):
        places = {_in_turn(pair, (i, j)): (i, j) for i in FIRST for j in SECOND}
        measured = [
            {"first": places[draft][0], "second": places[draft][1], "speedup": row["measured"]["speedup"]}
            for draft, row in drafts
            if draft in places
        ]
        if best is None or len(measured) > len(best["measured"]):
            best = {"labels": list(pair), "measured": measured}
    if best is None:
        return None
    drawn = [[models.with_draft(_in_turn(best["labels"], (i, j))) for j in SECOND] for i in FIRST]
    return best | {"ewif": [[cycle_law(cascade).ewif for cascade in row] for row in drawn]}


def _in_turn(names: Sequence[str], lengths: Sequence[int]) -> tuple[Step, ...]:
    """A draft of leaves, without those that draft nothing."""
    return tuple(Step(by, tokens=n) for by, n in zip(names, lengths, strict=True) if n)


def remainders(ladder: Json) -> list[dict[str, Any]]:
    """Parts of what the replay leaves, cascade by cascade, the fastest measured first; none without call times."""
    rows = []
    for row in sorted(ladder["cascades"], key=lambda row: -row["measured"]["speedup"]):
        parts = row.get("remainder", {}).get("replay", {})
        if "total" in parts:
            rows.append(
                {"name": row["name"], **{key: parts[key] for key in ("total", "acceptance", "loop", "call_times")}}
            )
    return rows


def named(checks: Json, name: str) -> list[Json]:
    """All checks of one name."""
    return [check for check in checks["checks"] if check["name"] == name]


def domains(checks: Json) -> list[dict[str, Any]]:
    """Acceptance by domain of every drafter, beside its overall rate."""
    overall = {curve["drafter"]: curve["all"]["constant"] for curve in checks["survival"] if curve["all"]}
    return [
        {"drafter": check["drafter"], "overall": overall[check["drafter"]], "alpha": check["data"]["alpha"]}
        for check in named(checks, "one-alpha-of-domains")
        if check["drafter"] in overall
    ]


def autocorrelations(checks: Json) -> list[dict[str, Any]]:
    """Correlation along the text by lag, of every drafter."""
    return [
        {"drafter": check["drafter"], "autocorrelation": check["data"]["autocorrelation"]}
        for check in named(checks, "independent-along-text")
    ]


def cost_ratios(scale: Json, calibration: Json) -> list[dict[str, Any]]:
    """Assumed and measured costs of every measured pair of shapes, and of a calibration's own drafters.

    Measured are the conditions of ``cascade-ewif scale`` at the middle one of their contexts, by their label.
    """
    rows: dict[str, dict[str, Any]] = {}
    for entry in at_middle_context(scale["measured"]):
        for ratio in entry["cost_ratios"]:
            name = f"{ratio['drafter']} / {ratio['target']}"
            assumed = {key: ratio["assumed"].get(key) for key in ("MS", "PW")}
            row = rows.setdefault(name, {"label": name, "parameters": ratio["parameters"], **assumed, "measured": {}})
            row["measured"][condition_label(entry["condition"], scale)] = ratio["measured"]
    target = calibration["target"]
    sizes = calibration["meta"]["calibration"].get("parameters", {})
    for item in call_times(calibration):
        drafter = item["model"]
        if drafter != target:
            name = f"{drafter} / {target}, calibrated"
            share = sizes[drafter] / sizes[target] if drafter in sizes and target in sizes else None
            cost = calibration["models"][drafter]["cost"]["by_tokens"][0]
            rows[name] = {"label": name, "parameters": share, "MS": None, "PW": None}
            rows[name]["measured"] = {"calibrated": cost}
    return list(rows.values())


def learning_curves(cards: Iterable[tuple[str, Json]]) -> list[dict[str, Any]]:
    """Tokens learnt from and held-out agreement of every drafter, from its card's `curve`."""
    return [
        {
            "name": name,
            "points": [{"tokens": p["tokens"], "alpha": p["agreement"]} for p in curve],
        }
        for name, card in cards
        if (curve := card.get("curve"))
    ]
