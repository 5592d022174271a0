"""Hazards and costs that vary: the bound against enumeration and against `until`, and how much it leaves open."""

import random
from dataclasses import replace

import enumeration
import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model import Cascade, longest
from analysis.optimum import Problem, optimise
from analysis.optimum.bound import _Bound, upper_bound
from analysis.optimum.chords import Grid
from analysis.optimum.closure import closure_bound
from analysis.optimum.flat import best_flat
from analysis.optimum.search import neighbours, search
from analysis.optimum.verify import checked_bound
from analysis.theory.exact import ewif

MAX_GRAM = [0.26, 0.60, 0.74, 0.82, 0.85, 0.89, 0.90, 0.905, 0.91, 0.92]
"""Hazards by position of a copying drafter, which rise: once a copy is right it tends to stay right."""


def varying_spec(rng, drafters):
    """Random hazards by position and type and costs that grow, fall or jump with the length."""

    def probability():
        return rng.choice([0.0, 1.0, *(rng.random() for _ in range(5))])

    def entry():
        kind = rng.randrange(4)
        if kind == 0:
            return probability()
        if kind == 1:
            return {"per_position": [probability() for _ in range(rng.randint(1, 4))], "beyond": "last"}
        if kind == 2:
            return {"initial": probability(), "decay": rng.uniform(0.5, 1.3)}
        return {"accepted": probability(), "corrected": probability()}

    def cost(least=0.0):
        kind = rng.randrange(3)
        one = rng.choice([0.0, 0.1, 0.3 * rng.random()]) + least
        if kind == 0:
            return one
        if kind == 1:
            return {"fixed": one, "per_token": 0.1 * rng.random()}
        return {"by_tokens": [0.3 * rng.random() + least for _ in range(rng.randint(1, 5))], "beyond": "last"}

    names = "abc"[:drafters]
    rows = {"t": {name: entry() for name in names}}
    rows |= {reviewer: {by: entry() for by in names if by != reviewer} for reviewer in names}
    models = {"t": {"cost": cost(least=1.0)}} | {name: {"cost": cost()} for name in names}
    return {"target": "t", "models": models, "acceptance": rows}


def calibration(seed, drafters):
    """A specification like a measured one: tables of call times, typed hazards that drift, a copying drafter."""
    rng = random.Random(seed)

    def times(base, slope):
        return {"by_tokens": [base * (1 + slope * q + rng.uniform(-0.01, 0.01)) for q in range(17)], "beyond": "last"}

    names = [f"d{i}" for i in range(1, drafters)] + ["mag"]
    models = {"t": {"cost": times(1.0, 0.01)}, "mag": {"cost": 0.003}}
    models |= {name: {"cost": times(0.3 / (i + 1) ** 1.3, 0.012)} for i, name in enumerate(names[:-1])}
    rows = {}
    for i, reviewer in enumerate(["t", *names[:-1]]):
        rows[reviewer] = {
            "mag": {"per_position": [min(1.0, h * rng.uniform(0.9, 1.05)) for h in MAX_GRAM], "beyond": "last"}
        }
        for j, by in enumerate(names[i:-1]):
            first = rng.uniform(0.65, 0.85) - 0.04 * j
            hazards = [first + 0.01 * position + rng.uniform(-0.02, 0.02) for position in range(8)]
            corrected = [hazard - 0.06 for hazard in hazards]
            rows[reviewer][by] = {
                kind: {"per_position": values, "beyond": "last"}
                for kind, values in (("accepted", hazards), ("corrected", corrected))
            }
    return {"target": "t", "models": models, "acceptance": rows}


def problem_of(spec, max_tokens, max_depth):
    return Problem(Cascade.from_json(spec, needs_draft=False), max_tokens, max_depth)


def assert_bounds(spec, max_tokens, max_depth):
    expected, _, _ = enumeration.best(spec, max_tokens, max_depth)
    problem = problem_of(spec, max_tokens, max_depth)
    optimum = optimise(problem)
    assert optimum.ewif <= expected * (1 + 1e-12)
    for bound in (optimum.certificate.upper_bound, upper_bound(problem, passes=0, points=16), closure_bound(problem)):
        assert bound >= expected * (1 - 1e-12), spec
    return optimum.ewif / expected, optimum.certificate.upper_bound / expected


def test_bounds_hold_and_are_often_reached():
    """Over 150 random problems, far wilder than measured ones; the shares were 96 % and 81 % when written."""
    found, bounds = [], []
    for seed in range(150):
        rng = random.Random(seed)
        drafters = rng.choice([1, 2, 2, 3])
        ratios = assert_bounds(
            varying_spec(rng, drafters), rng.randint(1, 6 if drafters < 3 else 4), rng.choice([1, 2, 3])
        )
        found.append(ratios[0])
        bounds.append(ratios[1])
    assert sum(ratio > 1 - 1e-9 for ratio in found) > 0.9 * len(found)
    assert sum(ratio < 1 + 1e-6 for ratio in bounds) > 0.7 * len(bounds)


def depth(steps):
    return 1 + max(depth(step.draft) for step in steps) if steps else 0


def greatest_length(steps):
    return max(longest(steps), *(greatest_length(step.draft) for step in steps)) if steps else 1


@settings(max_examples=200, deadline=None)
@given(strategies.specs(goes=False))
def test_the_bound_holds_for_every_cascade_with_until_steps_too(spec):
    cascade = Cascade.from_json(spec)
    problem = Problem(cascade.with_draft(()), greatest_length(cascade.draft), max(1, depth(cascade.draft)))
    value = ewif(cascade)
    assert upper_bound(problem, near=max(1.0, value), points=32) >= value * (1 - 1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_the_best_flat_draft_is_the_best_of_all_flat_drafts(seed):
    rng = random.Random(seed)
    spec, max_tokens = varying_spec(rng, rng.randint(1, 3)), rng.randint(1, 5)
    problem = problem_of(spec, max_tokens, 1)
    value = ewif(problem.cascade.with_draft(best_flat(problem)))
    assert value == pytest.approx(enumeration.best(spec, max_tokens, 1)[0], rel=1e-12)


def test_flat_problems_are_exact_whatever_varies():
    for seed in range(4):
        certificate = optimise(problem_of(calibration(seed, 3), 16, 1)).certificate
        assert certificate.kind == "extrapolated"
        assert certificate.gap < 1e-9


@pytest.mark.parametrize(
    ("seed", "drafters", "greatest_gap"), [(0, 2, 1e-6), (0, 3, 0.02), (1, 3, 0.005), (2, 3, 1e-6)]
)
def test_what_is_left_to_gain_on_calibrations_is_small(seed, drafters, greatest_gap):
    """Taking the best of every hazard and cost, as the simple bound does, leaves over 40 % open."""
    problem = problem_of(calibration(seed, drafters), 16, 3)
    optimum = optimise(problem)
    assert optimum.ewif > 2
    assert 0 <= optimum.certificate.gap < greatest_gap
    assert closure_bound(problem) > 1.4 * optimum.ewif


def test_chords_and_slopes_lie_above_a_convex_function_on_and_beyond_the_grid():
    rng = np.random.default_rng(2)
    for _ in range(50):
        slope, offset = rng.uniform(0, 5, 6), rng.uniform(0, 3, 6)
        grid = Grid(top=rng.uniform(0.5, 2), n=16)
        mu = rng.uniform(0, 3 * grid.top, 200)
        table = (np.multiply.outer(grid.mu, slope) - offset).max(axis=1)
        value = (np.multiply.outer(mu, slope) - offset).max(axis=1)
        bound = grid.above(table, mu, slope.max())
        assert (bound >= value - 1e-12).all()
        np.testing.assert_allclose(grid.above(table, grid.mu, slope.max()), table, rtol=1e-12, atol=1e-12)
        assert bound[mu < grid.top].max() <= table.max() + 1e-12


def test_the_steepest_slope_is_the_greatest_further_gain_of_a_draft():
    problem = problem_of(calibration(0, 2), 8, 1)
    ratios = np.array([0.5, 2.0, 0.1, 10.0, 1.0, 0.7, 0.9, 1.1])
    weights = np.cumprod(ratios)
    slopes = _Bound(problem, 8).draft(("t",), ratios, 8).steepest
    for j in range(9):
        before = weights[j - 1] if j else 1.0
        assert slopes[j] == pytest.approx(weights[j:].sum() / before, rel=1e-12)


def test_a_finer_grid_tightens_the_chords():
    problem = problem_of(calibration(0, 3), 12, 1)
    coarse, fine = (upper_bound(problem, passes=0, points=points) for points in (8, 128))
    assert ewif(problem.cascade.with_draft(best_flat(problem))) <= fine * (1 + 1e-12) < coarse


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_neighbours_are_feasible_and_different(seed):
    rng = random.Random(seed)
    problem = problem_of(varying_spec(rng, 3), 6, 3)
    draft = ()
    for _ in range(6):
        others = neighbours(problem, draft)
        assert draft not in others
        assert len(set(others)) == len(others)
        for other in others:
            problem.cascade.with_draft(other)
            assert greatest_length(other) <= 6
            assert depth(other) <= 3
        draft = rng.choice(others)


def test_a_search_never_returns_less_than_where_it_starts():
    problem = problem_of(calibration(1, 3), 16, 3)
    start = search(problem).draft
    assert search(problem, [start]).ewif >= ewif(problem.cascade.with_draft(start))


def test_a_problem_too_large_to_follow_says_so_and_is_bounded():
    problem = problem_of(calibration(0, 2), 300, 2)
    optimum = optimise(problem)
    assert "the best of each hazard and cost" in optimum.certificate.searched
    assert optimum.certificate.upper_bound >= optimum.ewif >= ewif(problem.cascade.with_draft(best_flat(problem))) > 2


def test_a_search_cut_short_still_has_the_best_leaves_of_full_length():
    """The drafts searched have at most 64 tokens; the best draft of leaves here has all 300."""
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 1e-4}, "e": {"cost": 0}},
        "acceptance": {
            "t": {
                "d": {"initial": 0.999, "decay": 1.0, "floor": 0.1},
                "e": {"per_position": [0.5, 0.6], "beyond": "last"},
            },
            "d": {"e": 0.5},
        },
    }
    problem = problem_of(spec, 300, 2)
    optimum = optimise(problem)
    assert optimum.ewif >= ewif(problem.cascade.with_draft(best_flat(problem))) > 250
    assert optimum.certificate.upper_bound >= optimum.ewif


def test_an_optimum_of_leaves_is_bounded_again_by_other_means():
    optimum = optimise(problem_of(calibration(1, 3), 32, 1))
    assert optimum.ewif <= checked_bound(optimum) <= optimum.ewif * (1 + 1e-4)
    worse = replace(optimum, draft=(), ewif=1.0)
    assert checked_bound(worse) >= optimum.ewif
    assert checked_bound(optimise(problem_of(calibration(1, 2), 300, 1))) is None
    assert checked_bound(optimise(problem_of(calibration(1, 2), 6, 2))) is None
