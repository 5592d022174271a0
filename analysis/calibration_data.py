"""From files of calibrations, checks and ladders to the plain numbers that figures draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.exact import cycle_law
from analysis.model import Cascade, Step

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
    """EWIF of tokens of the first neural drafter followed by the statistical one's, and what was measured there.

    None where the calibration lacks one of the two drafters.
    """
    target = calibration["target"]
    neural = [item["model"] for item in call_times(calibration) if item["model"] != target]
    copying = statistical_drafters(calibration)
    if not neural or not copying:
        return None
    models = Cascade.from_json({**calibration, "draft": []})
    first, second = neural[0], copying[0]

    def draft(i: int, j: int) -> tuple[Step, ...]:
        return tuple(Step(by, tokens=n) for by, n in ((first, i), (second, j)) if n)

    ewif = [[cycle_law(models.with_draft(draft(i, j))).ewif for j in SECOND] for i in FIRST]
    by_draft = {draft(i, j): (i, j) for i in FIRST for j in SECOND}
    measured = []
    for row in ladder["cascades"]:
        place = by_draft.get(Cascade.from_json({**calibration, "draft": row["draft"]}).draft)
        if place is not None:
            measured.append({"first": place[0], "second": place[1], "speedup": row["measured"]["speedup"]})
    return {"labels": [first, second], "ewif": ewif, "measured": measured}


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


def cost_ratios(scale: Json, calibration: Json | None) -> list[dict[str, Any]]:
    """Assumed and measured costs of every measured pair of shapes, and of a calibration's own drafters."""
    rows = [
        {
            "label": f"{ratio['drafter']} / {ratio['target']}",
            "parameters": ratio["parameters"],
            "MS": ratio["assumed"].get("MS"),
            "PW": ratio["assumed"].get("PW"),
            "measured": ratio["measured"],
        }
        for condition in scale["measured"]
        for ratio in condition["cost_ratios"]
    ]
    if calibration is not None:
        target = calibration["target"]
        sizes = calibration["meta"]["calibration"].get("parameters", {})
        for item in call_times(calibration):
            drafter = item["model"]
            if drafter != target:
                known = drafter in sizes and target in sizes
                rows.append(
                    {
                        "label": f"{drafter} / {target} (here)",
                        "parameters": sizes[drafter] / sizes[target] if known else None,
                        "MS": None,
                        "PW": None,
                        "measured": calibration["models"][drafter]["cost"]["by_tokens"][0],
                    }
                )
    return rows


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
