"""The optimum of constant problems against the enumeration of every draft, and the proofs that come with it."""

import importlib
import math
import random
from dataclasses import replace

import enumeration
import numpy as np
import pytest

from analysis.model import Cascade, InputError, Step, longest
from analysis.optimum import Problem, optimise, solvable
from analysis.optimum.closure import closure_bound
from analysis.optimum.flat import best_flat
from analysis.optimum.hull import upper_hull
from analysis.optimum.many import ewif_of_each
from analysis.optimum.programme import BATCH, Programme, merged
from analysis.optimum.trim import trimmed
from analysis.optimum.verify import proved_bound
from analysis.theory.exact import ewif

optimising = importlib.import_module("analysis.optimum.optimise")


def constant_spec(rng, drafters, pairs=1.0):
    """Random acceptances and costs in which 0, 1, ties and free drafters are frequent."""

    def probability():
        return rng.choice([0.0, 0.5, 1.0, *(rng.random() for _ in range(5))])

    def cost():
        return rng.choice([0.0, 0.1, *(0.3 * rng.random() for _ in range(3))])

    names = "abc"[:drafters]
    rows = {"t": {name: probability() for name in names}}
    for reviewer in names:
        rows[reviewer] = {by: probability() for by in names if by != reviewer and rng.random() < pairs}
    models = {"t": {"cost": rng.choice([1.0, 0.5, 3.0])}} | {name: {"cost": cost()} for name in names}
    return {"target": "t", "models": models, "acceptance": rows}


def problem_of(spec, max_tokens, max_depth):
    return Problem(Cascade.from_json(spec, needs_draft=False), max_tokens, max_depth)


def assert_equals_enumeration(spec, max_tokens, max_depth):
    expected, draft, _ = enumeration.best(spec, max_tokens, max_depth)
    optimum = optimise(problem_of(spec, max_tokens, max_depth))
    assert optimum.ewif == pytest.approx(expected, rel=1e-11), (spec, draft)
    assert ewif(optimum.cascade) == optimum.ewif
    assert_feasible(optimum.draft, max_tokens, max_depth)
    assert optimum.certificate.kind in ("exact", "limited")
    assert expected <= optimum.certificate.upper_bound <= expected * (1 + 1e-11)
    assert abs(optimum.certificate.surplus) < 1e-11


def assert_feasible(steps, max_tokens, max_depth):
    assert not steps or max_depth > 0
    assert longest(steps) <= max_tokens
    for step in steps:
        assert step.until is None
        if step.draft:
            assert_feasible(step.draft, max_tokens, max_depth - 1)


def test_the_enumeration_evaluates_drafts_as_the_exact_law_does():
    spec = constant_spec(random.Random(1), 3)
    cascade = Cascade.from_json(spec, needs_draft=False)
    drafts = list(enumeration.drafts(spec, "t", 3, 3))
    assert len(drafts) > 90
    assert len({str(steps) for steps, *_ in drafts}) == len(drafts)
    for steps, length, law, cost in drafts:
        evaluated = Cascade.from_json(spec | {"draft": steps})
        assert longest(evaluated.draft) == length
        tokens = sum((i + 1) * p for i, p in enumerate(law))
        assert ewif(evaluated) == pytest.approx(tokens / cost * cascade.cost("t").at(1), rel=1e-12)


def test_the_enumeration_counts_what_counting_by_hand_counts():
    spec = {
        "target": "t",
        "models": {m: {"cost": 1} for m in "tab"},
        "acceptance": {"t": {"a": 0, "b": 0}, "a": {"b": 0}},
    }
    # Leaves: 2^n drafts of n tokens; the only round of at most two tokens is a over one token of b.
    assert enumeration.best(spec, 2, 1)[2] == 1 + 2 + 4
    assert enumeration.best(spec, 2, 2)[2] == 1 + 2 + 4 + 1


@pytest.mark.parametrize("seed", range(340))
def test_the_optimum_is_the_best_of_all_drafts(seed):
    rng = random.Random(seed)
    assert_equals_enumeration(constant_spec(rng, rng.randint(1, 3), rng.choice([1, 0.6])), rng.randint(1, 5), 2)


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_the_best_of_all_drafts_of_three_drafters_and_six_tokens(seed):
    assert_equals_enumeration(constant_spec(random.Random(1000 + seed), 3), 6, 2)


@pytest.mark.parametrize("seed", range(60))
def test_the_optimum_is_the_best_of_all_drafts_of_depth_three(seed):
    assert_equals_enumeration(constant_spec(random.Random(2000 + seed), 3), 4, 3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_the_optimum_is_the_best_of_all_drafts_of_full_size(seed):
    assert_equals_enumeration(constant_spec(random.Random(3000 + seed), 3), 6, 2)


@pytest.mark.parametrize("seed", range(10))
def test_an_independent_check_proves_the_optimum(seed):
    problem = problem_of(constant_spec(random.Random(seed), 3), 10, 3)
    value, _ = Programme(problem).best()
    assert value * (1 - 1e-12) <= proved_bound(Programme(problem)) <= value * (1 + 1e-9)


def test_the_check_notices_every_missing_vertex():
    rng = random.Random(5)
    spec = constant_spec(rng, 3)
    for row in spec["acceptance"].values():
        row.update({by: rng.uniform(0.3, 0.9) for by in row})
    for name in "abc":
        spec["models"][name]["cost"] = rng.uniform(0.01, 0.3)
    problem = problem_of(spec, 6, 2)
    nodes = Programme(problem).nodes
    assert proved_bound(Programme(problem)) < Programme(problem).best()[0] * (1 + 1e-11)
    tried = [(n, left) for n, node in enumerate(nodes) for left, hull in enumerate(node.hulls) if hull.cost.size > 2]
    assert len(tried) > 10
    for n, left in tried:
        for missing in (0, nodes[n].hulls[left].cost.size // 2, -1):
            programme = Programme(problem)
            hulls = programme.nodes[n].hulls
            hulls[left] = hulls[left].only(np.delete(np.arange(hulls[left].cost.size), missing))
            assert proved_bound(programme) > Programme(problem).best()[0] * (1 + 1e-9)


def test_the_check_notices_a_programme_that_forgets_rounds():
    class WithoutRounds(Programme):
        def _rounds(self, node, left):
            return []

    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "a": {"cost": 0.2}, "b": {"cost": 0}},
        "acceptance": {"t": {"a": 0.9, "b": 0.3}, "a": {"b": 0.7}},
    }
    problem = problem_of(spec, 8, 2)
    wrong, right = WithoutRounds(problem), Programme(problem)
    assert wrong.best()[0] < 0.99 * right.best()[0]
    assert proved_bound(wrong) > right.best()[0]


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_for_large_problems_holds_for_small_ones(seed):
    spec = constant_spec(random.Random(seed), 3)
    assert closure_bound(problem_of(spec, 4, 3)) >= enumeration.best(spec, 4, 3)[0]


def test_a_problem_too_large_says_so_and_is_bounded_closely():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "a": {"cost": 0.1}, "b": {"cost": 0.01}},
        "acceptance": {"t": {"a": 0.8, "b": 0.5}, "a": {"b": 0.6}},
    }
    optimum = optimise(problem_of(spec, 4096, 2))
    assert "too large" in optimum.certificate.searched
    assert optimum.certificate.gap < 1e-6
    assert optimum.ewif == pytest.approx(optimise(problem_of(spec, 40, 2)).ewif, rel=1e-9)


def best_leaves(problem):
    return ewif(problem.cascade.with_draft(best_flat(problem)))


def test_one_drafter_is_solved_exactly_at_the_greatest_length():
    spec = {"target": "t", "models": {"t": {"cost": 1}, "d": {"cost": 0}}, "acceptance": {"t": {"d": 1.0}}}
    optimum = optimise(problem_of(spec, 4096, 3))
    assert (optimum.ewif, optimum.certificate.kind) == (4097, "limited")


def test_a_drafter_with_nothing_to_review_costs_no_search_of_rounds():
    """Lengths that the exact programme goes through: K for t->e, K^2 / 4 for t->d over e, K - 1 for d->e."""
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 0.1}, "e": {"cost": 0}},
        "acceptance": {"t": {"d": 0.5, "e": 0.5}, "d": {"e": 0.5}},
    }
    work = solvable._least_work
    assert work(problem_of(spec, 100, 3), math.inf) == BATCH * (100 + 2500 + 99)
    assert work(problem_of(spec, 100, 1), math.inf) == BATCH * 200


@pytest.mark.parametrize("seed", range(30))
def test_a_problem_too_large_to_solve_is_never_worse_than_its_best_leaves(seed, monkeypatch):
    """The greatest work is lowered so that 60 tokens are too many; drafters are good enough to want all of them."""
    monkeypatch.setattr(solvable, "WORK", 100)
    rng = random.Random(seed)
    models = {"t": {"cost": 1}, "d": {"cost": 1e-4}, "e": {"cost": 0}}
    rows = {"t": {"d": rng.uniform(0.99, 1), "e": rng.random()}, "d": {"e": rng.random()}}
    problem = problem_of({"target": "t", "models": models, "acceptance": rows}, 60, 3)
    optimum = optimise(problem)
    certificate = optimum.certificate
    assert "too large" in certificate.searched
    assert best_leaves(problem) * (1 - 1e-12) <= optimum.ewif <= certificate.upper_bound
    assert (certificate.surplus, certificate.hull_points, certificate.nodes) == (None, None, None)
    draft, value, complete = optimising.optimise_draft(problem, ())
    assert not complete
    assert value == ewif(problem.cascade.with_draft(draft)) >= best_leaves(problem)


@pytest.mark.slow
def test_a_thousand_tokens_of_a_nearly_perfect_drafter_are_all_drafted():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 1e-4}, "e": {"cost": 0}},
        "acceptance": {"t": {"d": 0.9999, "e": 0.3}, "d": {"e": 0.5}},
    }
    problem = problem_of(spec, 1500, 3)
    assert optimise(problem).ewif >= best_leaves(problem) * (1 - 1e-12) > 1200


def test_costs_as_far_apart_as_a_specification_allows_are_optimised_without_overflow():
    for target, drafter in ((1e-59, 1e60), (1e60, 1e-60), (1e60, 1e60), (1e-59, 1e-60)):
        models = {"t": {"cost": target}, "a": {"cost": drafter}, "b": {"cost": drafter}}
        spec = {"target": "t", "models": models, "acceptance": {"t": {"a": 0.9, "b": 0.5}, "a": {"b": 0.5}}}
        for varying in (0.5, {"per_position": [0.5, 0.6], "beyond": "last"}):
            spec["acceptance"]["t"]["b"] = varying
            optimum = optimise(problem_of(spec, 8, 2))
            assert 1 <= optimum.ewif <= optimum.certificate.upper_bound < 10


def test_useless_drafters_leave_autoregressive_decoding():
    spec = {"target": "t", "models": {"t": {"cost": 1}, "a": {"cost": 0.9}}, "acceptance": {"t": {"a": 0.5}}}
    optimum = optimise(problem_of(spec, 16, 3))
    assert (optimum.draft, optimum.ewif) == ((), 1.0)


def test_a_drafter_no_dearer_than_its_acceptance_is_used():
    """Leviathan et al., corollary 3.9: some length gains if and only if alpha > c."""
    for c, gains in ((0.49, True), (0.51, False)):
        spec = {"target": "t", "models": {"t": {"cost": 1}, "a": {"cost": c}}, "acceptance": {"t": {"a": 0.5}}}
        assert bool(optimise(problem_of(spec, 16, 3)).draft) is gains


def test_a_free_drafter_is_nested_below_a_good_one():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "a": {"cost": 0.2}, "b": {"cost": 0}},
        "acceptance": {"t": {"a": 0.9, "b": 0.3}, "a": {"b": 0.7}},
    }
    optimum = optimise(problem_of(spec, 16, 3))
    assert optimum.draft[0].by == "a"
    assert optimum.draft[0].draft[0].by == "b"
    assert optimise(problem_of(spec, 16, 1)).ewif < optimum.ewif


def test_a_missing_pair_is_not_used():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "a": {"cost": 0.2}, "b": {"cost": 0}},
        "acceptance": {"t": {"a": 0.9}, "a": {}},
    }
    assert all(step.by == "a" and not step.draft for step in optimise(problem_of(spec, 16, 3)).draft)


def test_the_unit_of_cost_is_the_targets_call():
    spec = constant_spec(random.Random(8), 3)
    expected = optimise(problem_of(spec, 8, 3))
    for unit in (7.0, 4e-4, 1e12):
        scaled = spec | {"models": {m: {"cost": unit * entry["cost"]} for m, entry in spec["models"].items()}}
        assert optimise(problem_of(scaled, 8, 3)).ewif == pytest.approx(expected.ewif, rel=1e-12)


def test_equal_neighbours_are_merged_without_changing_the_value():
    steps = (Step("a", tokens=1), Step("a", tokens=2), *(Step("a", rounds=1, draft=(Step("b", tokens=1),)),) * 3)
    assert merged(steps) == (Step("a", tokens=3), Step("a", rounds=3, draft=(Step("b", tokens=1),)))


def test_a_draft_is_trimmed_of_what_does_nothing():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "a": {"cost": 0.1}, "b": {"cost": 0}},
        "acceptance": {"t": {"a": 0.8, "b": 0.3}, "a": {"b": 0.3}},
    }
    cascade = Cascade.from_json(spec, needs_draft=False)
    draft = (Step("a", rounds=2, draft=(Step("b", tokens=90),)), Step("b", tokens=90))
    shorter = trimmed(draft, lambda steps: ewif(cascade.with_draft(steps)))
    assert longest(shorter[:1]) < 60
    assert longest(shorter[1:]) < 30
    assert ewif(cascade.with_draft(shorter)) == pytest.approx(ewif(cascade.with_draft(draft)), rel=2e-12)


@pytest.mark.parametrize("seed", range(20))
def test_one_draft_under_many_constants_is_the_exact_law_of_each(seed):
    specs = [constant_spec(random.Random(100 * seed + i), 3) for i in range(4)]
    cascades = [Cascade.from_json(spec, needs_draft=False) for spec in specs]
    draft = optimise(problem_of(specs[0], 8, 3)).draft
    expected = [ewif(cascade.with_draft(draft)) for cascade in cascades]
    np.testing.assert_allclose(ewif_of_each(draft, cascades), expected, rtol=1e-12)


def test_the_hull_keeps_exactly_the_points_that_some_direction_prefers():
    rng = np.random.default_rng(4)
    for _ in range(200):
        cost, gain = rng.integers(0, 6, 12) / 5, rng.integers(0, 6, 12) / 5
        kept = upper_hull(cost, gain)
        for mu in np.append(rng.exponential(1, 30), 0.0):
            assert (mu * gain - cost)[kept].max() == (mu * gain - cost).max()
        slopes = np.diff(gain[kept]) / np.diff(cost[kept])
        assert (np.diff(slopes) < 0).all()
        assert (slopes > 0).all()


@pytest.mark.parametrize(
    ("field", "limits"),
    [("max_tokens", (0, 3)), ("max_tokens", (4097, 3)), ("max_depth", (4, 0)), ("max_depth", (4, 9))],
)
def test_limits_out_of_range_are_refused_by_name(field, limits):
    with pytest.raises(InputError, match=field):
        problem_of(constant_spec(random.Random(1), 2), *limits)


def test_a_model_without_a_cost_is_refused():
    spec = {"target": "t", "models": {"t": {"cost": 1}, "a": {"load": "x"}}, "acceptance": {"t": {"a": 0.5}}}
    with pytest.raises(InputError, match=r"models\.a\.cost: missing"):
        problem_of(spec, 4, 2)


def test_a_target_that_reviews_nobody_is_refused():
    with pytest.raises(InputError, match=r"acceptance\.t: missing"):
        problem_of({"target": "t", "models": {"t": {"cost": 1}}}, 4, 2)


def test_a_programme_refuses_acceptances_that_vary():
    spec = constant_spec(random.Random(1), 1)
    spec["acceptance"]["t"]["a"] = {"per_position": [0.5, 0.6], "beyond": "last"}
    problem = problem_of(spec, 4, 2)
    with pytest.raises(InputError):
        Programme(problem)
    assert Programme(problem.relaxed_to_constants()).best()[0] >= optimise(replace(problem, max_depth=1)).ewif
