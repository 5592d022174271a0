"""What in a specification was probably meant otherwise: costs in per cent, swapped models, survival typed as hazards.

Each suspicion is one line of `Advice`: the answer stands, for what was written. They are looked for where commands read
a specification, and where `Cascade.speculative` and its like build one, not in every cascade.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.model.boundary.advice import advise
from analysis.model.cost import Affine
from analysis.model.hazard import Hazard, PerPosition
from analysis.model.standard_errors import error_entries
from analysis.model.step import walk

if TYPE_CHECKING:
    from analysis.model.cascade import Cascade

_CERTAIN = 0.95
_UNIFORM = 0.2887
"""Standard deviation of a number of which nothing is known but that it lies in [0, 1]."""


def advise_on(cascade: Cascade) -> None:
    """Warn of everything in a specification that looks like a mistake."""
    for suspicion in suspicions(cascade):
        advise(suspicion)


def suspicions(cascade: Cascade) -> Iterator[str]:
    """One line for everything that looks like a mistake: the field, its value, and what was probably meant."""
    yield from _reviewers(cascade)
    if isinstance(cascade.meta, Mapping) and "calibration" in cascade.meta:
        return  # numbers that were measured are what they are
    yield from _costs(cascade)
    for reviewer, row in cascade.acceptance.items():
        for drafter, acceptance in row.items():
            where = f"acceptance.{reviewer}.{drafter}"
            parts: dict[str, Hazard] = {where: acceptance.accepted}
            if acceptance.accepted != acceptance.corrected:
                parts = {f"{where}.accepted": acceptance.accepted, f"{where}.corrected": acceptance.corrected}
            for field, hazard in parts.items():
                yield from _hazards(field, hazard)
    yield from _errors(cascade)


def _costs(cascade: Cascade) -> Iterator[str]:
    """Drafters dearer than the target, costs in two units, networks for nothing."""
    target = cascade.models[cascade.target].cost
    costs = {
        name: model.cost.at(1)
        for name, model in cascade.models.items()
        if model.cost is not None and name != cascade.target
    }
    if target is not None:
        unit = target.at(1)
        for name, cost in costs.items():
            if cost > unit:
                per_cent = f"; if {cost:g} % of it is meant, write {cost / 100:g}" if unit == 1 and cost <= 100 else ""
                yield f"models.{name}.cost: {cost:g} a call is dearer than the target's {unit:g}{per_cent}"
        paid = {name: cost for name, cost in costs.items() if cost > 0}
        if unit >= 5 and paid and max(paid.values()) < 1:
            name, cost = max(paid.items(), key=lambda item: item[1])
            if cost < 0.05 * unit:
                yield (
                    f"models.{name}.cost: {cost:g} beside {unit:g} of the target: costs are in one unit; "
                    f"if {cost:g} of a target call is meant, write {cost * unit:g}"
                )
    reviewing = {step.by for _, _, step in walk(cascade.draft, cascade.target) if step.draft}
    for name, cost in costs.items():
        if cost == 0 and name in reviewing:
            yield f"models.{name}.cost: 0, but it reviews drafts, which takes calls of a network"


def _reviewers(cascade: Cascade) -> Iterator[str]:
    """A cheap model that reviews a dear one."""
    for path, reviewer, step in walk(cascade.draft, cascade.target):
        dear, cheap = cascade.models[step.by].cost, cascade.models[reviewer].cost
        if reviewer != cascade.target and dear is not None and cheap is not None and dear.at(1) > cheap.at(1):
            yield (
                f"{path}.by: {step.by!r} costs {dear.at(1):g} a call, its reviewer {reviewer!r} {cheap.at(1):g}: a "
                "smaller model reviewing a larger one; are they swapped?"
            )


def _hazards(field: str, hazard: Hazard) -> Iterator[str]:
    if isinstance(hazard, PerPosition) and looks_like_survival(hazard.hazards):
        listed = [hazard.hazards[0], *(b / a for a, b in itertools.pairwise(hazard.hazards))]
        shown = ", ".join(f"{h:.3g}" for h in listed[:5]) + (", ..." if len(listed) > 5 else "")
        yield (
            f"{field}.per_position: falls like a survival curve, as serving engines print it; hazards are each "
            f"position's acceptance given those before, which would be [{shown}]"
        )


def drafter_suspicions(cost: float, rates: str, values: tuple[float, ...]) -> Iterator[str]:
    """The same for one drafter that options describe.

    Args:
        cost: Of drafting one token, in one-token target calls.
        rates: "hazards", "survival" or "alpha".
        values: What was given of them.
    """
    if cost > 1:
        per_cent = f"; if {cost:g} % of it is meant, write {cost / 100:g}" if cost <= 100 else ""
        yield f"--draft-cost: {cost:g} a token is dearer than a call of the target{per_cent}"
    if rates == "hazards" and looks_like_survival(values):
        yield "--hazards: fall like a survival curve, as serving engines print it; if that is what they are: --survival"
    if rates == "survival" and looks_like_hazards(values):
        yield "--survival: hardly falls behind its first entry; if these are acceptances given those before: --hazards"


def looks_like_hazards(rates: Sequence[float]) -> bool:
    """Whether survival by position hardly falls behind a first entry far from 1, as acceptances given those before do.

    No drafter is so sure from its second token on.
    """
    ratios = [b / a for a, b in itertools.pairwise(rates) if a > 0]
    return bool(ratios) and min(ratios) >= _CERTAIN and rates[0] < _CERTAIN - 0.05


def looks_like_survival(rates: tuple[float, ...]) -> bool:
    """Whether rates by position fall as products of hazards do.

    Every rate over the one before is then a hazard like the first, so that they fall by a like factor again and again,
    to little more than half within a few positions. Hazards themselves seldom fall so far, nor by the factor that
    they begin with.
    """
    if len(rates) < 3 or not all(a > b > 0 for a, b in itertools.pairwise(rates)):
        return False
    alike = all(abs(b / a - rates[0]) <= 0.2 for a, b in itertools.pairwise(rates))
    return alike and rates[-1] <= 0.75 * rates[0]


def _errors(cascade: Cascade) -> Iterator[str]:
    """Standard errors that say nothing, or more than the number itself."""
    for (part, first, second), error in error_entries(cascade.uncertainty):
        if not isinstance(error, (int, float)):
            continue
        if part == "acceptance" and error > _UNIFORM:
            yield (
                f"uncertainty.acceptance.{first}.{second}: {error:g} is a greater standard error than that of "
                f"a number of which nothing is known but that it lies in [0, 1] ({_UNIFORM:.2g})"
            )
        cost = cascade.models[first].cost if part == "models" else None
        if isinstance(cost, Affine) and 0 < cost.at(1) < error:
            where = f"uncertainty.models.{first}.cost"
            yield f"{where}: {error:g} is a greater standard error than the cost, {cost.at(1):g}"
