"""The cascades to predict and to measure: good ones and bad ones of every family that a calibration's models allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from analysis.model import Draft, Step, draft_from_k_matrix
from analysis.model.notation import draft_name
from analysis.model.records.calibration import Calibration
from analysis.model.records.named import NamedDraft, family_of
from analysis.optimum import Problem, optimise
from analysis.prediction.specifications import abstains, iid, with_loop, without_silence

LEAST = 40
"""Number of cascades to reach, with further lengths where the families give fewer."""

NEURAL_LENGTHS = (1, 2, 3, 4, 6, 8)
STATISTICAL_LENGTHS = (2, 3, 4, 6, 8, 10, 16)
MAX_TOKENS, MAX_DEPTH = 16, 3
"""Limits of the optimum: greatest length of a draft at every level, and greatest nesting."""

Labelled = tuple[str, Draft]


def cascades(calibration: Calibration, *, optima: bool = True) -> list[NamedDraft]:
    """At least `LEAST` different cascades, always the same for a calibration.

    Each is in one family. An optimum of the theory that is not among them is added in a family of its own; in any case
    the line of an optimum says under `optimum_of` which assumptions lead to it.

    Args:
        calibration: Of which models.
        optima: Whether to search for optima, which takes some seconds.
    """
    found: dict[Draft, NamedDraft] = {}
    for family, draft in _families(calibration):
        found.setdefault(draft, NamedDraft(draft_name(draft), family, draft))
    if optima:
        for assumption, draft in _optima(calibration):
            known = found.get(draft, NamedDraft(draft_name(draft), "optimum", draft))
            reasons = [*known.extra.get("optimum_of", ()), assumption]  # type: ignore[misc]
            found[draft] = replace(known, extra={"optimum_of": reasons})
    for family, draft in _further(calibration):
        if len(found) >= LEAST:
            break
        found.setdefault(draft, NamedDraft(draft_name(draft), family, draft))
    return list(found.values())


def _families(calibration: Calibration) -> Iterator[Labelled]:
    neural = calibration.neural
    proposers = [name for name in calibration.drafters if name in calibration.statistical]
    shaped = itertools.chain(
        [()],
        ((Step(name, tokens=k),) for name in neural for k in NEURAL_LENGTHS),
        ((Step(name, tokens=k),) for name in proposers for k in STATISTICAL_LENGTHS),
        _vertical(neural, proposers),
        _horizontal([*neural, *proposers]),
        _falling_back(calibration),
        _full(neural, proposers),
    )
    yield from ((family_of(draft, calibration.statistical), draft) for draft in shaped)
    yield from (("bad", draft) for draft in _bad(neural, proposers))


def _vertical(neural: tuple[str, ...], proposers: list[str]) -> Iterator[Draft]:
    """Rounds of a neural drafter over a cheaper one, and of three models one over the other."""
    for last in proposers[:1]:
        for n, first in enumerate(neural):
            yield from ((Step(first, rounds=r, draft=(Step(last, tokens=4),)),) for r in range(1, 5 - 2 * min(n, 1)))
    for first, second in itertools.pairwise(neural):
        yield from ((Step(first, rounds=r, draft=(Step(second, tokens=3),)),) for r in (1, 2))
        for last in proposers[:1]:
            inner = (Step(second, rounds=1, draft=(Step(last, tokens=4),)),)
            yield (Step(first, rounds=2, draft=inner),)


def _horizontal(drafters: list[str]) -> Iterator[Draft]:
    """A drafter's tokens first, a cheaper one's behind them."""
    for first, second in itertools.combinations(drafters, 2):
        yield Step(first, tokens=2), Step(second, tokens=4)
    for first, second in itertools.pairwise(drafters):
        yield Step(first, tokens=4), Step(second, tokens=6)
    for triple in itertools.combinations(drafters, 3):
        yield tuple(Step(name, tokens=k) for name, k in zip(triple, (2, 3, 6), strict=True))


def _falling_back(calibration: Calibration) -> Iterator[Draft]:
    """A proposer that abstains where it knows little, first; another drafter only where it has abstained."""
    for careful in (name for name in calibration.drafters if abstains(calibration, name)):
        for other in calibration.drafters:
            if other != careful:
                yield from ((Step(careful, tokens=12), Step(other, until=k)) for k in (1, 2, 3))
        for other in calibration.neural[:1]:
            checked = (Step(name, tokens=4) for name in calibration.drafters if name in calibration.statistical)
            inner = next((step for step in checked if step.by != careful), None)
            if inner is not None:
                yield Step(careful, tokens=12), Step(other, until=2, draft=(inner,))


def _full(neural: tuple[str, ...], proposers: list[str]) -> Iterator[Draft]:
    """Vertical and horizontal together; last the paper's K-matrix."""
    for last in proposers[:1]:
        for first in neural[:1]:
            yield Step(first, rounds=2, draft=(Step(last, tokens=4),)), Step(last, tokens=6)
        for first, second in itertools.pairwise(neural):
            tail = Step(last, tokens=6)
            yield Step(first, rounds=2, draft=(Step(second, tokens=2),)), Step(second, tokens=3), tail
            yield Step(first, rounds=1, draft=(Step(last, tokens=4),)), Step(second, tokens=3), tail
        names = [*neural, last]
        rows = [[0] * r + [2] * (len(neural) - r) + [4] for r in range(len(names))]
        if len(names) > 1:
            yield draft_from_k_matrix(rows, names, "increments", block=4)


def _bad(neural: tuple[str, ...], proposers: list[str]) -> Iterator[Draft]:
    """What nobody should deploy: drafts far too long, and reviews without end."""
    for name in neural[:1]:
        yield (Step(name, tokens=16),)
    for name in proposers[:1]:
        yield (Step(name, tokens=40),)
    for first, last in itertools.product(neural[:1], proposers[:1] or list(neural[1:2])):
        yield (Step(first, rounds=8, draft=(Step(last, tokens=10),)),)


def _optima(calibration: Calibration) -> Iterator[tuple[str, Draft]]:
    """Best drafts under the fitted hazards with measured costs, the best of leaves only, and the naive one."""
    fitted = Problem(without_silence(calibration, with_loop(calibration)), MAX_TOKENS, MAX_DEPTH)
    yield "fits", optimise(fitted).draft
    yield "fits, leaves only", optimise(replace(fitted, max_depth=1)).draft
    yield "iid", optimise(Problem(iid(calibration, scalar=True), MAX_TOKENS, MAX_DEPTH)).draft


def _further(calibration: Calibration) -> Iterator[Labelled]:
    """More lengths of what there is, the likelier good ones first."""
    for k in (5, 7, 10, 12, *range(1, 64)):
        drafts: list[Draft] = [(Step(name, tokens=k),) for name in calibration.drafters]
        for first, second in itertools.combinations(calibration.drafters, 2):
            if first in calibration.neural:
                drafts.append((Step(first, rounds=1 + k % 3, draft=(Step(second, tokens=1 + k),)),))
                drafts.append((Step(first, tokens=1 + k % 4), Step(second, tokens=k)))
        yield from ((family_of(draft, calibration.statistical), draft) for draft in drafts)
