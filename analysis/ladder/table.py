"""The ladder as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.model.boundary.markdown import escaped, table

ERRORS = ("mean abs.", "max abs.", "median signed", "within 5 %", "rank corr.")


def markdown(found: Mapping[str, Any]) -> str:
    """Errors by rung, the choice each rung makes, and every cascade."""
    rungs = list(found["rungs"])
    parts = [
        f"Speedups against {escaped(found['baseline'])} on {found['prompts']} prompts; errors are "
        "(predicted - measured) / measured.",
        *_sources(found),
        *_lengths(found["text_tokens"]),
        table(
            ("rung", "cascades", "median abs.", *ERRORS),
            [
                (
                    rung,
                    each["cascades"],
                    _percent(each["median_absolute"]),
                    *(_percent(each[key]) for key in ("mean_absolute", "max_absolute")),
                    _signed(each["median_signed"]),
                    _percent(each["within_5_percent"]),
                    "" if each["rank_correlation"] is None else f"{each['rank_correlation']:.3f}",
                )
                for rung, each in found["rungs"].items()
            ],
        ),
        "The cascade that each rung would choose: its greatest prediction, on that rung, and what was measured of it.",
        table(
            ("rung", "its best", "predicted", "measured", "measured best", "regret", "95 %", "across halves"),
            [
                (
                    rung,
                    each["chosen"],
                    f"{each['predicted']:.3f}",
                    f"{each['measured']:.3f}",
                    f"{each['best']} ({each['best_measured']:.3f})",
                    _percent(each["regret"]),
                    f"{_percent(each['low'])} to {_percent(each['high'])}",
                    "" if each["regret_across_halves"] is None else _percent(each["regret_across_halves"]),
                )
                for rung, each in found["regret"].items()
            ],
        ),
        *_remainders(found["remainder"]),
        *_noise(found["noise"]),
        table(
            ("cascade", "family", "measured", "95 %", *rungs),
            [
                (
                    row["name"],
                    row["family"],
                    f"{row['measured']['speedup']:.3f}",
                    f"{row['measured']['low']:.3f} to {row['measured']['high']:.3f}",
                    *(_prediction(row, rung) for rung in rungs),
                )
                for row in sorted(found["cascades"], key=lambda row: -row["measured"]["speedup"])
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _sources(found: Mapping[str, Any]) -> list[str]:
    """Which files the numbers are from, where the command that read them tells."""
    if "sources" not in found:
        return []
    predicted, measured = (", ".join(map(escaped, found["sources"][key])) for key in ("predicted", "measured"))
    return [f"Predictions from {predicted}; measurements from {measured}."]


def _remainders(found: Mapping[str, Any]) -> list[str]:
    """What the errors of the replays are made of, where a calibration tells."""
    if not found:
        return []
    rows = [
        (rung, *(f"{_signed(part['median'])} ({_percent(part['median_absolute'])})" for part in parts.values()))
        for rung, parts in found.items()
    ]
    heads = [key.replace("_", " ") for key in next(iter(found.values()))]
    return [
        "Parts of log(predicted / measured): median over the cascades (median of absolute values).",
        table(("rung", *heads), rows),
    ]


def _lengths(found: Mapping[str, Any]) -> list[str]:
    """A warning where texts were predicted at another length than they were measured."""
    return [
        f"Different lengths of text: {found['predicted'][rung]:.1f} tokens a prompt predicted by {rung}, "
        f"{found['measured']:.1f} measured."
        for rung in found["of_another_length"]
    ]


def _noise(found: Mapping[str, Any]) -> list[str]:
    """What a perfect prediction would be off by, where it is known."""
    if found["expected_error"] is None:
        return []
    floor = f"{found['expected_error']:.2%}".replace("%", " %")
    return [
        f"Noise floor: stopwatch noise alone would put a perfect prediction off by {floor} in the median "
        f"({found['pairs']} {'pair' if found['pairs'] == 1 else 'pairs'} of measurements of one cascade)."
    ]


def _prediction(row: Mapping[str, Any], rung: str) -> str:
    if rung not in row["predicted"]:
        return ""
    return f"{row['predicted'][rung]['speedup']:.3f} ({_signed(row['error'][rung])})"


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _signed(share: float) -> str:
    return f"{share:+.1%}".replace("%", " %")
