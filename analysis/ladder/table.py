"""The ladder as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def markdown(found: Mapping[str, Any]) -> str:
    """Errors by rung, the choice each rung makes, and every cascade."""
    rungs = list(found["rungs"])
    parts = [
        f"Speedups against {found['baseline']} on {found['prompts']} prompts; errors are (predicted - measured) / "
        "measured.",
        _table(
            ("rung", "cascades", "median abs.", "mean abs.", "max abs.", "median signed", "within 5 %", "rank corr."),
            [
                (
                    rung,
                    each["cascades"],
                    *(_percent(each[key]) for key in ("median_absolute", "mean_absolute", "max_absolute")),
                    _signed(each["median_signed"]),
                    _percent(each["within_5_percent"]),
                    "" if each["rank_correlation"] is None else f"{each['rank_correlation']:.3f}",
                )
                for rung, each in found["rungs"].items()
            ],
        ),
        _table(
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
        _table(
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
    return "\n".join(parts)


def _prediction(row: Mapping[str, Any], rung: str) -> str:
    if rung not in row["predicted"]:
        return ""
    return f"{row['predicted'][rung]['speedup']:.3f} ({_signed(row['error'][rung])})"


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _signed(share: float) -> str:
    return f"{share:+.1%}".replace("%", " %")
