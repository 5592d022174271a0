"""Static drafts predicted from an engine's counters, against a replay of other texts of the same kind.

Rows are those of `cascade-ewif lengths` over the files of SpecDecode-Bench/simulator: what two runs would count on one
half of the texts, and what each draft then gains on the other half. Replay is no clock: costs are the same on both
sides, so these errors are those of acceptance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.engines.evidence.cells import IID, IID_COSTS, POSITIONS, Cell
from analysis.engines.evidence.constant import alpha_of_counts
from analysis.engines.evidence.rows import read_rows

STUDIES = {"eagle": "replay, EAGLE alone", "copy": "replay, copying alone", "eagle, copy": "replay, EAGLE then copy"}
EVERYWHERE, OTHER_HALF = "positions, all places", "replay of the other half"
_NAMES = {"eagle": "eagle", "ngram": "copy"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class HalfCounters:
    """What theory is told of one half of the texts.

    Attributes:
        eagle: Survival by position of EAGLE's drafts.
        copy: Survival by position of the copier's.
        matched: Share of steps in which the copier proposes.
        held: Mean tokens held.
    """

    eagle: Sequence[float]
    copy: Sequence[float]
    matched: float
    held: float

    @classmethod
    def of(cls, row: Row, suffix: str = "") -> HalfCounters:
        """Those that a row holds, counted where steps begin or, by its suffix, at all places."""
        return cls(row[f"eagle{suffix}"], row[f"copy{suffix}"], row[f"matched{suffix}"], row["held"])

    @property
    def constant(self) -> HalfCounters:
        """The same with one acceptance for all positions of a drafter."""
        return HalfCounters(_geometric(self.eagle), _geometric(self.copy), self.matched, self.held)

    def tokens(self, eagle: int, copy: int) -> float:
        """Tokens of a step that drafts so many, copying being independent of what came before."""
        survived = self.eagle[eagle - 1] if eagle else 1.0
        return 1 + sum(self.eagle[:eagle]) + survived * self.matched * sum(self.copy[:copy])

    def cost(self, machine: Row, eagle: int, copy: int) -> float:
        """Milliseconds of a step that drafts so many; behind a rejected token the copier proposes all it may."""
        survived = self.eagle[eagle - 1] if eagle else 1.0
        copying = survived * self.matched + (1 - survived) if copy else 0.0
        call = machine["call"] + machine["per_held"] * self.held
        verify = call + machine["per_fed"] * (1 + eagle + copying * copy)
        drafting = machine["draft"] + machine["per_drafted"] * eagle if eagle else 0.0
        return float(verify + machine["overhead"] + drafting + machine["copy_share"] * copying * verify)


def _geometric(survival: Sequence[float]) -> list[float]:
    alpha = alpha_of_counts(1.0, survival)
    return [alpha**j for j in range(1, len(survival) + 1)]


def read(path: Path) -> list[Cell]:
    """Cells of all drafts, halves and machines; a file of another kind has none."""
    rows = read_rows(path)
    machines = {row["machine"]: row for row in rows if row["kind"] == "machine"}
    counters = {(row["data"], row["half"]): row for row in rows if row["kind"] == "counters"}
    static = [row for row in rows if row["kind"] == "static"]
    replayed = {(row["data"], row["machine"], row["half"], str(row["draft"])): row["speedup"] for row in static}
    cells = []
    for row in static:
        data, machine, half = row["data"], row["machine"], row["half"]
        told, drafts = counters[data, 1 - half], {_NAMES[step["by"]]: step["tokens"] for step in row["draft"]}
        predicted = _predicted(told, machines[machine], drafts.get("eagle", 0), drafts.get("copy", 0))
        predicted[OTHER_HALF] = replayed[data, machine, 1 - half, str(row["draft"])]
        shown = " + ".join(f"{name} x{tokens}" for name, tokens in drafts.items())
        name = f"{data}, {machine}, half {half + 1}, {shown}"
        study = STUDIES[", ".join(drafts)]
        cells.append(Cell(study, name, row["speedup"], predicted, f"{data}, {machine}, half {half + 1}"))
    return cells


def _predicted(told: Row, machine: Row, eagle: int, copy: int) -> dict[str, float]:
    begun, everywhere = HalfCounters.of(told), HalfCounters.of(told, "_everywhere")
    plain = begun.cost(machine, 0, 0)
    scalar = plain + (machine["draft"] + machine["per_drafted"] * eagle if eagle else 0.0)
    constant = begun.constant
    return {
        IID: constant.tokens(eagle, copy) * plain / scalar,
        IID_COSTS: constant.tokens(eagle, copy) * plain / constant.cost(machine, eagle, copy),
        EVERYWHERE: everywhere.tokens(eagle, copy) * plain / everywhere.cost(machine, eagle, copy),
        POSITIONS: begun.tokens(eagle, copy) * plain / begun.cost(machine, eagle, copy),
    }
