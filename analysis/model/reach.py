"""Which entries of its tables a cascade's draft reads, and what it means to read past the end of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from analysis.model.beyond import Beyond, goes_on
from analysis.model.boundary.advice import advise
from analysis.model.boundary.fields import InputError
from analysis.model.cascade import Cascade, demand_cascade
from analysis.model.cost import TABLES, ByDraft, Cost, Tabulated, table_field
from analysis.model.hazard import Acceptance, Hazard, PerPosition
from analysis.model.step import Step, longest, reached_by


@dataclass(frozen=True)
class Reading:
    """How far a draft reads a table.

    Attributes:
        field: Where the specification has the table, as in ``models.t.cost.by_tokens``.
        end: Number of its entries.
        read: The greatest entry that the draft may read, from 1: tokens of a call or of a go, or the position of a
            token plus one.
        beyond: What the table says of entries past its end.
    """

    field: str
    end: int
    read: int
    beyond: Beyond | None

    @property
    def is_beyond(self) -> bool:
        """Whether the draft may read past the end."""
        return self.read > self.end

    def __str__(self) -> str:
        return f"{self.field}: {entries(self.end)}, read up to entry {self.read}"


def entries(number: int) -> str:
    """So many entries, in words."""
    return "1 entry" if number == 1 else f"{number} entries"


def table_fields(reviewer: str, drafter: str, acceptance: Acceptance) -> Iterator[tuple[bool, str, Hazard]]:
    """(corrected, field, hazard) of the two types of token of a pair."""
    base = f"acceptance.{reviewer}.{drafter}"
    for corrected, key in ((False, ".accepted"), (True, ".corrected")):
        typed = "" if acceptance.accepted == acceptance.corrected else key
        yield corrected, f"{base}{typed}.per_position", acceptance.of(corrected)


def readings(cascade: Cascade) -> list[Reading]:
    """How far the draft of a cascade reads each table that it uses, in the order of its steps.

    Raises:
        InputError: where a pair that the draft uses has no acceptance, or a model that is called no cost.
    """
    if not _has_tables(cascade):
        return []
    found: dict[str, Reading] = {}

    def note(field: str, table: Cost | Hazard, read: int) -> None:
        if isinstance(table, Tabulated | ByDraft | PerPosition) and table.end is not None:
            known = found[field].read if field in found else 0
            found[field] = Reading(field, table.end, max(read, known), table.beyond)

    def visit(reviewer: str, steps: Sequence[Step]) -> None:
        lengths = 1
        for step in steps:
            lengths, end = reached_by(lengths, step)
            if not end:
                continue
            for corrected, field, hazard in table_fields(reviewer, step.by, cascade.pair(reviewer, step.by)):
                if step.draft or not corrected:
                    note(field, hazard, end - (1 if step.draft and not corrected else 0))
            if step.draft:
                visit(step.by, step.draft)
            else:
                cost = cascade.cost(step.by)
                note(table_field(step.by, cost), cost, (step.tokens or step.block) if isinstance(cost, ByDraft) else 1)
        note(table_field(reviewer, cascade.cost(reviewer)), cascade.cost(reviewer), longest(steps) + 1)

    visit(cascade.target, cascade.draft)
    return list(found.values())


def check_reach(cascade: Cascade) -> None:
    """Say where a cascade's draft reads past the end of a table that does not say what holds there.

    Raises:
        InputError: where a table refuses to be read past its end, or this is no cascade.
    """
    demand_cascade(cascade)
    for reading in readings(cascade):
        if not reading.is_beyond or goes_on(reading.beyond):
            continue
        if reading.beyond == "refuse":
            raise InputError(
                reading.field,
                f'has {entries(reading.end)}, the draft reads up to entry {reading.read}, and "beyond" is "refuse"',
            )
        advise(
            f"{reading.field}: has {entries(reading.end)}, the draft reads up to entry {reading.read}; the last one is "
            'taken for all beyond (say which holds with "beyond")'
        )


def with_beyond(cascade: Cascade, *, hazards: Beyond, costs: Beyond) -> Cascade:
    """The same cascade, whose tables go on as told where they have not said how themselves.

    Args:
        cascade: The cascade.
        hazards: "last" or "refuse", for acceptances.
        costs: "last", "linear" or "refuse", for costs; a table of one entry takes "last" for "linear".
    """
    return replace(
        cascade,
        models={name: replace(model, cost=_going_on(model.cost, costs)) for name, model in cascade.models.items()},
        acceptance={
            reviewer: {
                drafter: Acceptance(holding_on(pair.accepted, hazards), holding_on(pair.corrected, hazards))
                for drafter, pair in row.items()
            }
            for reviewer, row in cascade.acceptance.items()
        },
    )


def holding_on(hazard: Hazard, beyond: Beyond = "last") -> Hazard:
    """Hazards that say what holds past their end, where they have one and have not said so themselves."""
    if isinstance(hazard, PerPosition) and hazard.is_list and hazard.beyond is None:
        return replace(hazard, beyond=beyond)
    return hazard


def _going_on(cost: Cost | None, beyond: Beyond) -> Cost | None:
    if isinstance(cost, Tabulated | ByDraft) and cost.beyond is None:
        return replace(cost, beyond="last" if cost.end == 1 and beyond == "linear" else beyond)
    return cost


def _has_tables(cascade: Cascade) -> bool:
    return any(isinstance(model.cost, TABLES) for model in cascade.models.values()) or any(
        isinstance(hazard, PerPosition) and hazard.is_list
        for row in cascade.acceptance.values()
        for pair in row.values()
        for hazard in (pair.accepted, pair.corrected)
    )
