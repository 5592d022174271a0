"""The rows of a study as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.model.boundary.markdown import table
from simulate.lengths.costs import FLAT, MACHINES
from simulate.lengths.rules import FIXED, PLAIN
from simulate.lengths.study import SAME

Rows = Sequence[Mapping[str, Any]]
SHOWN = (FLAT, "0.07 a token")


def markdown(rows: Rows) -> str:
    """Texts, speedups by rule, gains over EAGLE alone by cost, and the oracles."""
    parts = [
        "Texts, and how many of the recorded copies follow from the tokens.",
        _texts([row for row in rows if row["kind"] == "texts"]),
    ]
    ruled = [row for row in rows if row["kind"] == "rule"]
    for machine in SHOWN:
        parts += [f"Gain over EAGLE alone, 95 %, drafting {machine}.", summary(ruled, machine)]
    for data in dict.fromkeys(row["data"] for row in ruled):
        for machine in SHOWN:
            mine = [r for r in ruled if (r["data"], r["machine"], r["texts"]) == (data, machine, SAME)]
            parts += [
                f"{data}, drafting {machine}: speedup over plain decoding and over EAGLE alone, each setting chosen on "
                f"the other half of {mine[0]['number']} texts.",
                _rules(mine),
            ]
    parts += [
        "The same with one setting, chosen on all the other data sets, drafting 0.07 a token.",
        elsewhere([row for row in rows if row["kind"] == "elsewhere" and row["machine"] == SHOWN[1]]),
        "Speedup over EAGLE alone by what drafting costs, in plain steps for each token, or flat.",
        by_cost([row for row in ruled if row["texts"] == SAME]),
        "Drafts of exactly what will be accepted, counted as SpecDecode-Bench's simulator counts.",
        _oracles([row for row in rows if row["kind"] == "oracle"]),
    ]
    return "\n\n".join(parts) + "\n"


def _texts(rows: Rows) -> str:
    keys = ("read", "left_out", "same_text", "tokens")
    cells = [(row["data"], *(row[key] for key in keys), _share(row["copies_repeated"])) for row in rows]
    return table(("data", "read", "too long", "same text", "tokens", "copies repeated"), cells)


def summary(rows: Rows, machine: str) -> str:
    """Gain over EAGLE alone of every rule, by data set, on the texts that both drafters were recorded on.

    Args:
        rows: Of kind "rule".
        machine: One of `MACHINES`.
    """
    kept = [row for row in rows if (row["machine"], row["texts"]) == (machine, SAME) and row["family"] != FIXED]
    names = list(dict.fromkeys(row["data"] for row in kept))
    by = {(row["family"], row["data"]): _gain(row) for row in kept}
    families = dict.fromkeys(row["family"] for row in kept)
    return table(("rule", *names), [(family, *(by[family, name] for name in names)) for family in families])


def elsewhere(rows: Rows) -> str:
    """Gain over EAGLE alone with settings of other data sets; EAGLE alone has its own.

    Args:
        rows: Of kind "elsewhere".
    """
    cells = [(row["data"], row["family"], row["setting"], _gain(row)) for row in rows if row["family"] != PLAIN]
    return table(("data", "rule", "setting", "over EAGLE, 95 %"), cells, text_columns=3)


def _gain(row: Mapping[str, Any]) -> str:
    gain, low, high = (100 * row[f"over_eagle{side}"] - 100 for side in ("", "_low", "_high"))
    return f"{gain:+.1f} % ({low:+.1f} to {high:+.1f})"


def _rules(rows: Rows) -> str:
    cells = []
    for row in rows:
        settings = " / ".join(dict.fromkeys(row.get("settings", ())))
        cells.append(
            (row["family"], settings, f"{row['speedup']:.2f}", _with_interval(row) if row["family"] != FIXED else "1")
        )
    return table(("rule", "settings", "speedup", "over EAGLE, 95 %"), cells, text_columns=2)


def by_cost(rows: Rows) -> str:
    """Speedup over EAGLE alone by data, rule and machine."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        if row["family"] not in (PLAIN, FIXED):
            found.setdefault((row["data"], row["family"]), {})[row["machine"]] = f"{row['over_eagle']:.3f}"
    cells = [(data, family, *(by.get(machine, "") for machine in MACHINES)) for (data, family), by in found.items()]
    return table(("data", "rule", *MACHINES), cells, text_columns=2)


def _oracles(rows: Rows) -> str:
    return table(("data", "oracle", "speedup"), [(r["data"], r["oracle"], f"{r['speedup']:.2f}") for r in rows], 2)


def _with_interval(row: Mapping[str, Any]) -> str:
    return f"{row['over_eagle']:.3f} ({row['over_eagle_low']:.3f} to {row['over_eagle_high']:.3f})"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"
