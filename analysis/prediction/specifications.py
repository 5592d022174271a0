"""What each rung of the ladder assumes, as a specification: its EWIF is the rung's speedup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from analysis.model import Acceptance, Affine, Cascade, Cost, Draft, InputError, Model, PerPosition, Tabulated, walk
from analysis.model.boundary.fields import inside, mapping, read_name, read_number
from analysis.model.hazard import read_acceptance
from analysis.model.reach import holding_on
from analysis.model.records.calibration import Calibration

Kept = TypeVar("Kept")
Acceptances = Mapping[str, Mapping[str, Acceptance]]

TABLE = 64
"""Greatest number of tokens for which a cost is tabulated, if calls as long were timed; costs rise on from there."""


def iid(calibration: Calibration, *, scalar: bool) -> Cascade:
    """One acceptance a pair, whatever the position; costs as measured, or those of a one-token call for every call."""
    with inside("meta.calibration.acceptance_iid"):
        table = mapping(calibration.details.get("acceptance_iid"), "")
        acceptance = {
            reviewer: {
                d: constant(read_number(alpha, f"{reviewer}.{d}", 0, 1)) for d, alpha in mapping(row, reviewer).items()
            }
            for reviewer, row in table.items()
        }
    cascade = replace(calibration.cascade, acceptance=acceptance, uncertainty=None)
    if not scalar:
        return cascade
    models = {name: replace(model, cost=Affine(cascade.cost(name).at(1))) for name, model in cascade.models.items()}
    return replace(cascade, models=models)


def with_loop(calibration: Calibration, draft: Draft = ()) -> Cascade:
    """Hazards as calibrated, smoothed call times, and the loop's own time as part of the calls it goes with.

    Costs are at the reference context, in one-token calls of the target without the loop. A drafter's call on one
    token is a drafted token of a leaf step, its call on more an inner review; each of the target's calls is a cycle.
    Where a drafter of `draft` only reviews, and the calibration tells how its tokens fare by the outcome of that
    review, the hazards are those by type.
    """
    cascade, loop = calibration.cascade, calibration.loop
    models = {}
    for name, model in cascade.models.items():
        cost: Cost
        if name in calibration.statistical:
            cost = Affine((calibration.propose[name] + loop.per_proposal) / calibration.unit)
        elif name == calibration.target:
            cost = _tabulated(calibration, name, calibration.unit + loop.per_cycle, loop.per_cycle)
        else:
            one = calibration.times[name].at(1, calibration.reference) + loop.per_drafted_token
            cost = _tabulated(calibration, name, one, loop.per_review)
        models[name] = replace(model, cost=cost)
    acceptance = {reviewer: dict(row) for reviewer, row in cascade.acceptance.items()}
    for reviewer, drafter in typed_pairs(calibration, draft):
        acceptance[reviewer][drafter] = _by_type(calibration)[reviewer][drafter]
    return Cascade(cascade.target, models, acceptance, draft)


def typed_pairs(calibration: Calibration, draft: Draft) -> set[tuple[str, str]]:
    """Pairs whose drafter only hands up what it has reviewed, of just the drafter for which hazards by type are known.

    Another inner drafter agrees elsewhere: what its reviews let pass is another selection of tokens.
    """
    inner = _inner(calibration)
    steps = [(reviewer, step) for _, reviewer, step in walk(draft, calibration.target)]
    return {
        (reviewer, step.by)
        for reviewer, step in steps
        if all(
            bool(other.draft) and all(each.by == inner.get((reviewer, step.by)) for each in other.draft)
            for who, other in steps
            if (who, other.by) == (reviewer, step.by)
        )
    }


def abstains(calibration: Calibration, drafter: str) -> bool:
    """Whether a drafter says nothing where it knows little, going by its `load`."""
    load = calibration.cascade.models[drafter].load
    if drafter in calibration.neural or not isinstance(load, Mapping):
        return False
    return load.get("bigram", "") is None or load.get("min_match", 1) != 1


def silent(calibration: Calibration) -> list[str]:
    """Drafters that abstain, where there are others."""
    found = [name for name in calibration.drafters if abstains(calibration, name)]
    return found if len(found) < len(calibration.drafters) else []


def without_silence(calibration: Calibration, cascade: Cascade) -> Cascade:
    """The models, with the standard errors they have, without drafters that abstain, where there are others.

    Theory takes abstaining for a rejection, and what such a drafter says behind another's tokens for what it says
    behind its own: it would put one wherever the first has been right, and promise what no cascade gives.
    """
    gone = silent(calibration)

    def kept(table: Mapping[str, Mapping[str, Kept]]) -> dict[str, dict[str, Kept]]:
        return {who: {by: each for by, each in row.items() if by not in gone} for who, row in table.items()}

    errors = cascade.uncertainty
    if errors is not None and "acceptance" in errors:
        with inside("uncertainty.acceptance"):
            rows = {who: mapping(row, who) for who, row in mapping(errors["acceptance"], "").items()}
        errors = {**errors, "acceptance": kept(rows)}
    return replace(cascade, acceptance=kept(cascade.acceptance), uncertainty=errors)


def constant(alpha: float) -> Acceptance:
    """The same hazard at every position."""
    return Acceptance(PerPosition((alpha,)), PerPosition((alpha,)))


def used_pairs(cascade: Cascade) -> list[tuple[str, str]]:
    """(reviewer, drafter) of every step, each once."""
    pairs = [(reviewer, step.by) for _, reviewer, step in walk(cascade.draft, cascade.target)]
    for reviewer, drafter in pairs:
        cascade.pair(reviewer, drafter)
    return list(dict.fromkeys(pairs))


def used_models(cascade: Cascade) -> list[str]:
    """The target and every model that drafts, each once."""
    return list(dict.fromkeys([cascade.target, *(step.by for _, _, step in walk(cascade.draft, cascade.target))]))


def with_acceptance(cascade: Cascade, pair: tuple[str, str], acceptance: Acceptance) -> Cascade:
    """The same cascade with another acceptance of one pair."""
    reviewer, drafter = pair
    row = {**cascade.acceptance.get(reviewer, {}), drafter: acceptance}
    return replace(cascade, acceptance={**cascade.acceptance, reviewer: row})


def with_cost(cascade: Cascade, name: str, cost: Cost) -> Cascade:
    """The same cascade with another cost of one model."""
    return replace(cascade, models={**cascade.models, name: Model(cost, cascade.models[name].load)})


def _tabulated(calibration: Calibration, name: str, one: float, more: float) -> Tabulated:
    """Costs of a network: its seconds on one token as given, on more tokens those of a call and so many more."""
    times, reference = calibration.times[name], calibration.reference
    sizes = range(2, min(TABLE, times.sizes[-1]) + 1)
    seconds = (one, *(times.at(q, reference) + more for q in sizes))
    return Tabulated(tuple(each / calibration.unit for each in seconds), "linear" if sizes else "last")


def _by_type(calibration: Calibration) -> dict[str, dict[str, Acceptance]]:
    """Hazards by the outcome of the drafter's own review, where both outcomes were seen."""
    result: dict[str, dict[str, Acceptance]] = {}
    for reviewer, drafter, fields in _typed(calibration):
        with inside(f"meta.calibration.by_type.{reviewer}.{drafter}"):
            both = {key: fields[key] for key in ("accepted", "corrected")}
            typed = read_acceptance(both)
            result.setdefault(reviewer, {})[drafter] = Acceptance(
                holding_on(typed.accepted), holding_on(typed.corrected)
            )
            if drafter not in calibration.cascade.acceptance.get(reviewer, {}):
                raise InputError("", "no such `acceptance`")
    return result


def _inner(calibration: Calibration) -> dict[tuple[str, str], str]:
    """Whose drafts the drafter's review judged where its types were told, by reviewer and drafter."""
    found = {}
    for reviewer, drafter, fields in _typed(calibration):
        with inside(f"meta.calibration.by_type.{reviewer}.{drafter}"):
            found[reviewer, drafter] = read_name(fields.get("inner"), "inner")
    return found


def _typed(calibration: Calibration) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    """Reviewer, drafter and what `by_type` says of them, where both outcomes were seen."""
    with inside("meta.calibration.by_type"):
        for reviewer, row in mapping(calibration.details.get("by_type", {}), "").items():
            for drafter, entry in mapping(row, reviewer).items():
                fields = mapping(entry, f"{reviewer}.{drafter}")
                if "accepted" in fields and "corrected" in fields:
                    yield reviewer, drafter, fields
