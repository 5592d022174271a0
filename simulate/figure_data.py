"""Numbers for the figures about simulation; what is exact in them is put beside by whoever joins the witnesses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from analysis.model import Cascade, Step, acceptances, scalar_models
from analysis.model.examples import flat, three_levels
from simulate.estimation import Estimate, estimate
from simulate.kernel.totals import Totals
from simulate.processes import Process, geometric_survival, read_process
from simulate.sampler import Sampler

ALPHA_BETA = (8.0, 2.0)
"""Beta law of the heterogeneity figure: mean .8, standard deviation .12."""

EASIER, HARDER = 0.15, 0.25
"""How much higher acceptances are in easy places, and lower in hard ones."""

AUTOCORRELATION = 0.307
"""Lag-1 autocorrelation measured along texts (pramodjella/speculative-decoding-draft-length-audit)."""


@dataclass(frozen=True)
class Convergence:
    """A running estimate.

    Attributes:
        cycles: Cycles so far.
        ewif: Estimate so far.
        half_width: Half width of its 95 % interval.
    """

    cycles: tuple[int, ...]
    ewif: tuple[float, ...]
    half_width: tuple[float, ...]


def convergence(cascade: Cascade, seed: int, doublings: int = 20, first: int = 64) -> Convergence:
    """The estimate after each batch, every batch as large as all before it."""
    sampler, totals = Sampler(cascade), Totals()
    found: list[Estimate] = []
    for batch in range(doublings):
        totals += sampler.draw((seed, "convergence", batch), max(first, totals.blocks))
        found.append(estimate(totals, sampler))
    return Convergence(tuple(e.cycles for e in found), tuple(e.ewif for e in found), tuple(e.half_width for e in found))


def random_cascade(generator: np.random.Generator, depth: int = 3) -> Cascade:
    """A cascade of up to `depth` levels with random structure, hazards of every kind and random costs."""
    drafters = ("a", "b", "c")
    costs = {"t": 1.0} | {d: float(c) for d, c in zip(drafters, generator.uniform(0, (0.3, 0.1, 0.03)), strict=True)}
    pairs = {"t": drafters, "a": drafters[1:], "b": drafters[2:]}
    table = {r: {d: _random_hazard(generator) for d in below} for r, below in pairs.items()}
    return Cascade("t", scalar_models(costs), acceptances(table), _random_draft(generator, drafters, depth))


def _random_hazard(generator: np.random.Generator) -> object:
    alpha = float(generator.uniform(0.2, 0.98))
    kind = generator.integers(4)
    if kind == 0:
        return {"initial": alpha, "decay": float(generator.uniform(0.8, 1.05))}
    if kind == 1:
        return {"per_position": [float(h) for h in generator.uniform(0.2, 1, size=4)], "beyond": "last"}
    if kind == 2:
        return {"accepted": alpha, "corrected": float(generator.uniform(0.1, 0.9))}
    return alpha


def _random_draft(generator: np.random.Generator, drafters: Sequence[str], depth: int) -> tuple[Step, ...]:
    steps = []
    for _ in range(generator.integers(1, 3)):
        chosen = int(generator.integers(len(drafters)))
        count = int(generator.integers(1, 6))
        if depth > 1 and drafters[chosen + 1 :] and generator.random() < 0.7:
            inner = _random_draft(generator, drafters[chosen + 1 :], depth - 1)
            rounds, until = (count, None) if generator.random() < 0.5 else (None, count)
            steps.append(Step(drafters[chosen], rounds=rounds, until=until, draft=inner))
        else:
            steps.append(Step(drafters[chosen], tokens=count))
    return tuple(steps)


def agreement(cascades: Sequence[Cascade], seed: int, cycles: int = 100_000) -> list[Estimate]:
    """Estimates of a family of cascades."""
    found = []
    for index, cascade in enumerate(cascades):
        sampler = Sampler(cascade)
        found.append(estimate(sampler.draw((seed, "agreement", index), cycles), sampler))
    return found


def decay_curves(
    decays: Sequence[float], lengths: Sequence[int], seed: int, initial: float = 0.9, cost: float = 0.05
) -> dict[float, list[Estimate]]:
    """EWIF by draft length for hazards ``initial * decay**j``."""
    curves: dict[float, list[Estimate]] = {}
    for decay in decays:
        table = {"t": {"d": geometric_survival(initial, decay)}}
        curves[decay] = []
        for k in lengths:
            sampler = Sampler(Cascade("t", scalar_models({"t": 1, "d": cost}), table, (Step("d", tokens=k),)))
            curves[decay].append(estimate(sampler.draw((seed, "decay", decay, k), 200_000), sampler))
    return curves


def decay(seed: int, initial: float = 0.9, cost: float = 0.05) -> dict[str, Any]:
    """EWIF and half widths against draft length, by how fast acceptance decays with position."""
    lengths = list(range(1, 17))
    curves = decay_curves((1.0, 0.95, 0.9, 0.8, 0.6), lengths, seed, initial, cost)
    points = {rate: [(e.ewif, e.half_width) for e in curve] for rate, curve in curves.items()}
    return {"lengths": lengths, "curves": points, "initial": initial, "cost": cost}


@dataclass(frozen=True)
class DepartureEffect:
    """What departing from independent acceptance, at equal mean acceptance, does to a cascade.

    Attributes:
        cascade: Name of the cascade.
        process: What departs, in words.
        change: EWIF over that of independent acceptance, minus one.
        half_width: Half width of its 95 % interval.
    """

    cascade: str
    process: str
    change: float
    half_width: float


def departures(seed: int, cycles: int = 2_000_000) -> list[DepartureEffect]:
    """What heterogeneity over prompts, drift along the text and dependence between levels do.

    The alpha of the target is Beta distributed over prompts, or all acceptances are .15 higher in easy and .25 lower
    in hard places of the text, 3 in 8 being hard: means are those of independent acceptance throughout.
    """
    found = []
    for name, cascade in (("one drafter, k = 5", flat()), ("three levels", three_levels())):
        base = _estimate(cascade, None, (seed, name), cycles)
        easy, hard = _shifted(cascade, EASIER), _shifted(cascade, -HARDER)
        beta = {cascade.target: {d: list(ALPHA_BETA) for d in cascade.acceptance[cascade.target]}}
        for label, departing, content in (
            ("prompts differ, equal cycles each", cascade, {"beta": {"pairs": beta, "cycles": 64}}),
            ("prompts differ, equal tokens each", cascade, {"beta": {"pairs": beta, "tokens": 512}}),
            *(
                (f"hard places, autocorrelation {correlation:g}", easy, _hard_places(hard, correlation))
                for correlation in (0.0, AUTOCORRELATION, 0.9)
            ),
        ):
            other = _estimate(departing, read_process(content), (seed, name, label), cycles)
            ratio = other.ewif / base.ewif
            error = math.hypot(other.half_width / other.ewif, base.half_width / base.ewif)
            found.append(DepartureEffect(name, label, ratio - 1, error * ratio))
    return found


def departure_rows(seed: int, cycles: int) -> list[dict[str, Any]]:
    """Those as plain rows."""
    return [asdict(departure) for departure in departures(seed, cycles)]


def _hard_places(hard: Cascade, autocorrelation: float) -> dict[str, object]:
    share = EASIER / (EASIER + HARDER)
    table = hard.to_json()["acceptance"]
    return {"markov": {"share": share, "autocorrelation": autocorrelation, "acceptance": table}}


def _shifted(cascade: Cascade, shift: float) -> Cascade:
    """The cascade with this added to all its hazards, which are constant."""
    table = {
        reviewer: {drafter: acceptance.at(0) + shift for drafter, acceptance in row.items()}
        for reviewer, row in cascade.acceptance.items()
    }
    return replace(cascade, acceptance=acceptances(table))


def _estimate(cascade: Cascade, content: Process | None, key: tuple[object, ...], cycles: int) -> Estimate:
    sampler = Sampler(cascade, content)
    in_block = sampler.plan.cycles or sampler.plan.tokens // 4
    return estimate(sampler.draw((*key, "departures"), cycles // in_block), sampler)
