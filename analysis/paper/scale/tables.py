"""The whole result of ``cascade-ewif scale`` as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.model.boundary.markdown import table_of

Json = Mapping[str, Any]

SCATTER = " (!)"
"""Mark of a review that costs less than a call on one token."""

FASTER = (
    "(!): measured as faster than a call on one token, which more arithmetic cannot be: the one-token call took a "
    "slower kernel, or the clock scattered. Taken as it is, it makes drafting look too cheap."
)


def markdown(result: Json) -> str:
    """Published acceptances by all kinds of costs, cost ratios, and the tenfold target."""
    conditions = {label(m["condition"], result): m for m in at_middle_context(result["measured"])}
    whole = {name: m for name, m in conditions.items() if any(len(row["by"]) > 2 for row in m["published"])}
    assumed = "Published acceptances (arXiv 2211.17192): EWIF at the published draft length, and the best with its own."
    parts = [assumed, table_of([_published(i, row, whole) for i, row in enumerate(result["assumed"])], 2)]
    pairs = {(r["drafter"], r["target"]): r for m in conditions.values() for r in m["cost_ratios"]}
    if pairs:
        rows = [_pair(ratio, conditions) for ratio in pairs.values()]
        title = "Cost of a drafter's one-token call, and of the target's review of 7 tokens, in its one-token calls:"
        parts += [title, table_of(rows, 2)]
        if any(str(cell).endswith(SCATTER) for row in rows for cell in row.values()):
            parts += [FASTER]
    tenfold = result["tenfold"]
    overstated = ", ".join(f"{factor:.3f} for {calls}" for calls, factor in tenfold["swi_overstated"].items())
    title = "The 160M drafter of LLaMA-7B, whose parameters the authors' table has tenfold:"
    parts += [title, table_of([_tenfold(row) for row in tenfold["speculative"]], 0)]
    parts += [f"SWI is overstated by a factor of {overstated} calls of that drafter a review."]
    return "\n\n".join(parts)


def at_middle_context(measured: Sequence[Json]) -> list[Json]:
    """Of conditions that differ in the tokens held alone, the middle one."""
    groups: dict[tuple[object, ...], list[Json]] = {}
    for entry in measured:
        key = tuple(value for name, value in entry["condition"].items() if name != "context")
        groups.setdefault(key, []).append(entry)
    ordered = (sorted(group, key=lambda entry: int(entry["condition"]["context"])) for group in groups.values())
    return [group[len(group) // 2] for group in ordered]


def label(condition: Json, result: Json) -> str:
    """A condition, by what tells it from the others of the result."""
    others = [entry["condition"] for entry in result["measured"]]
    named = ("device_name", "dtype", "mode", "caches")
    different = [key for key in named if len({other[key] for other in others}) > 1]
    return ", ".join(str(condition[key]) for key in different) or "measured"


def _published(i: int, row: Json, conditions: Mapping[str, Json]) -> dict[str, object]:
    cells: dict[str, object] = {"task": row["task"], "drafter": row["drafter"], "temperature": row["temperature"]}
    cells |= {"alpha": row["alpha"], "k": row["k"], "published speedup": row["measured"]}
    cells |= {by["costs"]: _best(by) for by in row["by"]}
    for name, entry in conditions.items():
        mine = entry["published"][i]["by"]
        cells |= {f"{by['costs']}, {name}": _best(by) for by in mine if by["costs"] in ("c", "t(q)")}
    return cells


def _best(by: Json) -> str:
    return f"{by['ewif']:.2f} ({by['best']:.2f}, k = {by['best_k']})"


def _pair(ratio: Json, conditions: Mapping[str, Json]) -> dict[str, object]:
    cells: dict[str, object] = {"drafter": ratio["drafter"], "target": ratio["target"]}
    cells |= {"parameters": ratio["parameters"]} | {key: ratio["assumed"].get(key) for key in ("MS", "PW")}
    for name, entry in conditions.items():
        found = _of_pair(entry["cost_ratios"], ratio)
        cells |= {f"c, {name}": found and found["measured"], f"review, {name}": found and _review(found["review"])}
    return {key: _ratio(value) for key, value in cells.items()}


def _review(cost: float | None) -> object:
    """The cost of a review, marked where it is below that of one token."""
    return cost if cost is None or cost >= 1 else f"{cost:.3g}{SCATTER}"


def _of_pair(ratios: Iterable[Json], wanted: Json) -> Json | None:
    same = (r for r in ratios if (r["drafter"], r["target"]) == (wanted["drafter"], wanted["target"]))
    return next(same, None)


def _ratio(value: object) -> object:
    return f"{value:.3g}" if isinstance(value, float) else value


def _tenfold(row: Json) -> dict[str, object]:
    return {
        "alpha": row["alpha"],
        "claimed EWIF": f"{row['claimed']:.2f} at k = {row['wrong_k']}, c = {row['wrong_c']:.4f}",
        "what that k gives": f"{row['true']:.2f} at c = {row['right_c']:.4f}",
        "best EWIF": f"{row['best']:.2f} at k = {row['right_k']}",
    }
