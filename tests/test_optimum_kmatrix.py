"""The best K-matrix against trying every matrix, and its bound."""

import itertools
import random

import pytest

from analysis.model import Cascade, InputError, longest
from analysis.optimum import Problem
from analysis.optimum import kmatrix as module
from analysis.optimum.kmatrix import best_k_matrix, tokens_bound
from analysis.theory.exact import ewif


def spec_of(seed, drafters):
    """Drafters a, b, ... from the dearest to the cheapest, each reviewing those after it."""
    rng = random.Random(seed)
    names = "abc"[:drafters]
    models = {"t": {"cost": 1}} | {name: {"cost": 0.2 / 4**i} for i, name in enumerate(names)}
    rows = {r: {by: rng.uniform(0.3, 0.9) for by in names if r == "t" or by > r} for r in ("t", *names[:-1])}
    return {"target": "t", "models": models, "acceptance": rows}


def problem_of(seed, drafters, max_tokens, max_depth=3):
    return Problem(Cascade.from_json(spec_of(seed, drafters), needs_draft=False), max_tokens, max_depth)


def test_the_best_matrix_does_not_depend_on_the_unit_of_cost():
    given = problem_of(1, 2, 6)
    expected = best_k_matrix(given)
    for unit in (2.0**-12, 2.0**30):
        spec = spec_of(1, 2)
        spec["models"] = {name: {"cost": unit * entry["cost"]} for name, entry in spec["models"].items()}
        found = best_k_matrix(Problem(Cascade.from_json(spec, needs_draft=False), 6, 3))
        assert found.matrix == expected.matrix
        assert found.ewif == pytest.approx(expected.ewif, rel=1e-12)
        assert found.upper_bound == pytest.approx(expected.upper_bound, rel=1e-9)


def best_of_all(problem, names, block):
    cascade = problem.cascade
    best, top = 0.0, problem.max_tokens
    upper = [(r, j) for r in range(len(names)) for j in range(r, len(names))]
    for lengths in itertools.product(range(top + 1), repeat=len(upper)):
        matrix = [[0] * len(names) for _ in names]
        for (r, j), length in zip(upper, lengths, strict=True):
            matrix[r][j] = length
        built = Cascade.from_k_matrix(matrix, "t", names, cascade.models, cascade.acceptance)
        levels = [built.draft, *(step.draft for step in built.draft)]
        assert block == top, "from_k_matrix has blocks of 10"
        try:
            if all(longest(level) <= top for level in levels):
                best = max(best, ewif(built))
        except InputError:
            continue
    return best


@pytest.mark.parametrize("seed", range(2))
def test_the_matrix_found_is_the_best_of_all_of_two_drafters(seed):
    problem = problem_of(seed, 2, 10)
    found = best_k_matrix(problem)
    assert found.searched.startswith("all 1331")
    assert found.ewif == pytest.approx(best_of_all(problem, ["a", "b"], 10), rel=1e-12)
    assert ewif(problem.cascade.with_draft(found.draft)) == found.ewif


@pytest.mark.parametrize("seed", range(4))
def test_climbing_finds_what_trying_all_finds(seed, monkeypatch):
    problem = problem_of(seed, 2, 12)
    every = best_k_matrix(problem)
    monkeypatch.setattr(module, "ENUMERATED", 0)
    climbed = best_k_matrix(problem)
    assert "climbing" in climbed.searched
    assert climbed.ewif == pytest.approx(every.ewif, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_bounds_of_k_matrices_hold(seed):
    problem = problem_of(seed, 2, 10)
    found = best_k_matrix(problem)
    assert found.ewif <= found.upper_bound < 1.25 * found.ewif
    assert found.ewif <= tokens_bound(problem)


def test_a_matrix_of_three_drafters_is_feasible_and_beats_plain_speculation():
    problem = problem_of(3, 3, 12)
    found = best_k_matrix(problem)
    assert longest(found.draft) <= 12
    assert found.drafters == ("a", "b", "c")
    rebuilt = Cascade.from_k_matrix(
        found.matrix, "t", found.drafters, problem.cascade.models, problem.cascade.acceptance
    )
    assert rebuilt.draft == found.draft
    assert 1 < found.ewif <= found.upper_bound


def test_depth_one_has_no_inner_rows():
    found = best_k_matrix(problem_of(1, 2, 10, max_depth=1))
    assert all(not step.draft for step in found.draft)


@pytest.mark.parametrize("max_tokens", [3, 7, 12])
def test_no_level_of_a_matrix_is_longer_than_allowed_though_length_pays(max_tokens):
    spec = spec_of(0, 2)
    spec["models"] |= {"a": {"cost": 0.001}, "b": {"cost": 0.0}}
    spec["acceptance"] = {"t": {"a": 0.99, "b": 0.98}, "a": {"b": 0.99}}
    found = best_k_matrix(Problem(Cascade.from_json(spec, needs_draft=False), max_tokens, 2))
    assert longest(found.draft) == max_tokens
    assert all(longest(step.draft) <= max_tokens for step in found.draft)
