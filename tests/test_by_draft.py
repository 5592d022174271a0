"""Costs by draft: what a go costs, against hand computation, enumeration in rationals, and all drafts of leaves."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import Cascade, InputError, Problem, cycle_law, ewif, ewif_by_length, generations, moments, optimise
from analysis.model import Advice, ByDraft, Tabulated, readings
from analysis.model.records.calibration import calibration_of
from analysis.optimum.kmatrix import best_k_matrix
from analysis.optimum.uncertain import perturbed, recommend
from analysis.theory.fixed_cost import fixed_cost
from analysis.theory.sensitivity import sensitivities, standard_error
from simulate import estimate
from simulate.kernel.program import exact_cost
from simulate.reference import run_cycles
from simulate.sampler import Generation, Sampler
from simulate.torch_engine import TorchSampler

HEADS = {"by_draft": [0.3, 0.31, 0.35], "beyond": "linear"}


def spec(draft, cost=HEADS, **other):
    models = {"t": {"cost": 1}, "d": {"cost": cost}, "e": {"cost": 0.05}, "r": {"cost": 0.2}}
    rows = {"t": {"d": 0.8, "e": 0.5, "r": 0.7}, "r": {"d": 0.6, "e": 0.5}}
    return {"target": "t", "models": models, "acceptance": rows, "draft": draft} | other


def cascade(*steps, **other):
    return Cascade.from_json(spec(list(steps), **other))


def cost_of(*steps, **other):
    return cycle_law(cascade(*steps, **other)).cost_per_cycle


@pytest.mark.parametrize(("k", "cost"), [(1, 0.3), (2, 0.31), (3, 0.35), (4, 0.39), (6, 0.47)])
def test_a_go_costs_what_the_list_says(k, cost):
    assert cost_of({"by": "d", "tokens": k}) == pytest.approx(1 + cost, abs=1e-15)
    tokens = (1 - 0.8 ** (k + 1)) / 0.2
    assert ewif(cascade({"by": "d", "tokens": k})) == pytest.approx(tokens / (1 + cost), rel=1e-14)


def test_two_steps_are_two_goes():
    assert cost_of({"by": "d", "tokens": 1}, {"by": "d", "tokens": 2}) == pytest.approx(1 + 0.3 + 0.31)
    assert cost_of({"by": "d", "tokens": 2}, {"by": "e", "tokens": 3}) == pytest.approx(1 + 0.31 + 3 * 0.05)


def test_a_block_of_an_until_is_a_go():
    assert cost_of({"by": "d", "until": 4}) == pytest.approx(1 + 4 * 0.3)
    assert cost_of({"by": "d", "until": 4, "block": 3}) == pytest.approx(1 + 2 * 0.35)
    assert cost_of({"by": "e", "tokens": 5}, {"by": "d", "until": 4, "block": 3}) == pytest.approx(1 + 5 * 0.05)


def test_inside_a_review():
    inner = {"by": "r", "rounds": 2, "draft": [{"by": "d", "tokens": 2}]}
    assert cost_of(inner) == pytest.approx(1 + 2 * (0.31 + 0.2))


def test_a_go_cut_by_the_end_of_a_text_costs_as_a_shorter_one():
    """Two tokens left: room for one drafted token; then, where it was rejected, none."""
    found = generations(cascade({"by": "d", "tokens": 3}), 3)
    first = found.mean[1]
    assert first == 1
    second = 1.3 + 0.2 * first
    assert found.mean[2] == pytest.approx(second)
    # three left: a go of two; yields 1, 2 or 3 with .2, .16, .64
    assert found.mean[3] == pytest.approx(1.31 + 0.2 * second + 0.16 * first)


@pytest.mark.parametrize(
    "steps",
    [
        [{"by": "d", "tokens": 2}, {"by": "e", "until": 4}, {"by": "d", "until": 5, "block": 2}],
        [{"by": "r", "until": 3, "draft": [{"by": "d", "tokens": 2}]}, {"by": "d", "until": 5, "block": 2}],
        [{"by": "r", "rounds": 1, "draft": [{"by": "e", "tokens": 1}, {"by": "d", "until": 3, "block": 2}]}],
    ],
)
def test_law_and_moments_are_those_of_enumeration(steps):
    law = oracles.cycle_outcomes(spec(steps))
    found, second = cycle_law(cascade(*steps)), moments(cascade(*steps))
    mean = oracles.mean_cost(law)
    assert found.cost_per_cycle == pytest.approx(float(mean), rel=1e-13)
    assert found.tokens_per_cycle == pytest.approx(float(oracles.mean_tokens(law)), rel=1e-13)
    variance = sum((cost - mean) ** 2 * mass for (_, cost), mass in law.items())
    assert second.cost_variance == pytest.approx(float(variance), abs=1e-13)


ENGINES = {
    "flat": [{"by": "d", "tokens": 3}, {"by": "e", "tokens": 1}, {"by": "d", "until": 6, "block": 2}],
    "nested": [{"by": "r", "until": 3, "draft": [{"by": "d", "tokens": 2}]}, {"by": "d", "until": 5, "block": 2}],
}


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_draws_the_law(name):
    """Mean cost and mean tokens within 5 standard errors: a false alarm in less than one of a million runs."""
    it = cascade(*ENGINES[name])
    law, second = cycle_law(it), moments(it)
    reference = run_cycles(it, 4000, 1)
    sampler = TorchSampler(it)
    torch = sampler.draw((1, "by draft"), 20000)
    kernel = estimate(it, cycles=20000, seed=1)
    seen = [(float(reference.cost / reference.cycles), 4000), (kernel.cost_per_cycle, 20000)]
    seen.append((float(exact_cost(it, torch.calls)) / torch.cycles, 20000))
    for cost, cycles in seen:
        assert abs(cost - law.cost_per_cycle) <= 5 * (second.cost_variance / cycles) ** 0.5 + 1e-12
    assert abs(kernel.tokens_per_cycle - law.tokens_per_cycle) <= 5 * (second.tokens_variance / 20000) ** 0.5


def test_the_kernel_counts_goes():
    it = cascade(*ENGINES["flat"])
    calls = Sampler(it).draw((1, "calls"), 100).calls
    assert calls == {("t", 7): 100, ("d", 3): 100, ("e", 1): 100, ("d", 2): 100}


def test_the_kernel_cuts_goes_at_the_end_of_a_generation():
    """Mean cost of generations of three tokens, by the value of the test above, within 5 standard errors."""
    it = cascade({"by": "d", "tokens": 3})
    sampler = Sampler(it, generation=Generation(3))
    sample = sampler.sample((1, "cut"), 20000)
    expected = generations(it, 3)
    assert abs(sample.costs.mean() - expected.mean[3]) <= 5 * (expected.variance[3] / 20000) ** 0.5


def test_fixed_cost():
    assert fixed_cost(cascade({"by": "d", "tokens": 3}, {"by": "d", "until": 8, "block": 2})) == pytest.approx(
        1 + 0.35 + 3 * 0.31
    )
    inner = {"by": "r", "rounds": 1, "draft": [{"by": "d", "tokens": 2}]}
    assert fixed_cost(cascade(inner, {"by": "d", "until": 5})) is None


def test_sensitivities_and_standard_errors():
    steps = ({"by": "d", "tokens": 5},)
    found = {each.path: each for each in sensitivities(cascade(*steps))}
    c, gain = 1 + 0.43, (1 - 0.8**6) / 0.2
    # 5 tokens, two beyond the end: c_3 + 2 (c_3 - c_2)
    assert found["models.d.cost.by_draft[0]"].ewif == 0
    assert found["models.d.cost.by_draft[1]"].ewif == pytest.approx(2 * gain / c**2)
    assert found["models.d.cost.by_draft[2]"].ewif == pytest.approx(-3 * gain / c**2)
    errors = {"models": {"d": {"cost": {"by_draft": [0.01, 0.02, 0.03]}}}}
    by_delta = standard_error(cascade(*steps, uncertainty=errors))
    assert by_delta == pytest.approx(gain / c**2 * ((2 * 0.02) ** 2 + (3 * 0.03) ** 2) ** 0.5)
    drawn = perturbed(cascade(*steps, uncertainty=errors), np.random.default_rng(0))
    assert isinstance(drawn.cost("d"), ByDraft)
    assert drawn.cost("d") != cascade(*steps).cost("d")


def test_reading_and_canonical_form():
    it = cascade({"by": "d", "tokens": 2})
    assert it.cost("d") == ByDraft((0.3, 0.31, 0.35), "linear")
    assert it.to_json()["models"]["d"] == {"cost": HEADS}
    assert Cascade.from_json(it.canonical()) == it
    assert ByDraft((0.3, 0.3, 0.3)).law_json() == {"by_draft": [0.3]}
    assert ByDraft((0.0, 0.0), "last").law_json() == 0.0
    assert ByDraft((0.1, 0.2), "linear").law_json() == {"by_draft": [0.1, 0.2], "beyond": "linear"}
    assert ByDraft((0.1, 0.2)).drafting(0) == 0
    assert Tabulated((0.1, 0.15)).drafting(3) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ({"by_draft": []}, r"models.d.cost.by_draft: got \[\], expected a list of at least one number"),
        ({"by_draft": [0.1, -1]}, r"models.d.cost.by_draft\[1\]: got -1, expected a number in \[0, 1e\+60\]"),
        ({"by_draft": [0.1], "beyond": "linear"}, r"models.d.cost.by_draft: got \[0.1\], expected at least two"),
        ({"by_draft": [0.1], "beyond": "on"}, "models.d.cost.beyond: got 'on', expected last or linear or refuse"),
        ({"by_draft": [0.1], "per_token": 1}, "models.d.cost.per_token: unknown key, expected one of by_draft, beyond"),
        ({"by_draft": 0.1}, "models.d.cost.by_draft: got 0.1, expected a list"),
    ],
)
def test_bad_costs_are_named(cost, message):
    with pytest.raises(InputError, match=f"^{message}"):
        cascade({"by": "d", "tokens": 1}, cost=cost)


def test_who_reviews_has_no_cost_by_draft():
    with pytest.raises(InputError, match=r"^models.d.cost: got by_draft, expected a cost by tokens: draft\[0\] has it"):
        Cascade.from_json(
            spec([{"by": "d", "rounds": 1, "draft": [{"by": "e", "tokens": 1}]}])
            | {"acceptance": {"t": {"d": 0.5}, "d": {"e": 0.5}}}
        )
    with pytest.raises(InputError, match=r"^models.t.cost: got by_draft, expected a cost by tokens: the target"):
        Cascade.from_json({"target": "t", "models": {"t": {"cost": {"by_draft": [1]}}}, "draft": []})


def test_the_end_of_the_list():
    short = {"by_draft": [0.3, 0.31]}
    with pytest.warns(Advice, match=r"models.d.cost.by_draft: has 2 entries, the draft reads up to entry 3"):
        assert cost_of({"by": "d", "tokens": 3}, cost=short) == pytest.approx(1.31)
    with pytest.raises(InputError, match=r"models.d.cost.by_draft: has 2 entries, .* \"beyond\" is \"refuse\""):
        cost_of({"by": "d", "tokens": 3}, cost=short | {"beyond": "refuse"})
    [reading] = readings(cascade({"by": "e", "tokens": 9}, {"by": "d", "until": 12, "block": 2}, cost=short))
    assert (reading.field, reading.read, reading.is_beyond) == ("models.d.cost.by_draft", 2, False)


def test_by_length():
    flat = Cascade.speculative(alpha=0.8, c={"by_draft": [0.3], "beyond": "last"}, k=1)
    rows = ewif_by_length(flat, longest=12)
    assert [row.cost_per_cycle for row in rows] == pytest.approx([1.0] + [1.3] * 12)
    assert rows[-1].is_best


def compositions(total):
    """Every way to write a number as ordered summands."""
    if total == 0:
        yield ()
    for first in range(1, total + 1):
        for rest in compositions(total - first):
            yield (first, *rest)


def best_by_trying_all(problem_spec, drafters, most):
    """Greatest EWIF of all drafts of leaves, by rational arithmetic straight from the JSON."""
    best = Fraction(0)
    for length in range(most + 1):
        for goes in compositions(length):
            for who in itertools.product(drafters, repeat=len(goes)):
                steps = [{"by": by, "tokens": tokens} for by, tokens in zip(who, goes, strict=True)]
                law = oracles.cycle_outcomes(problem_spec | {"draft": steps})
                best = max(best, oracles.mean_tokens(law) / oracles.mean_cost(law))
    return float(best)


small = st.floats(0.01, 0.5)
lists = st.lists(small, min_size=2, max_size=4)
hazards = st.one_of(
    st.floats(0.05, 0.95),
    st.fixed_dictionaries({"per_position": st.lists(st.floats(0.05, 0.95), min_size=2, max_size=4)}).map(
        lambda value: value | {"beyond": "last"}
    ),
)


@settings(max_examples=40)
@given(lists, st.sampled_from(["last", "linear"]), small, hazards, hazards, st.floats(0, 0.2))
def test_the_optimum_is_the_best_of_all_drafts_of_leaves(listed, beyond, other, first, second, slope):
    models = {
        "t": {"cost": {"fixed": 1.0, "per_token": slope}},
        "d": {"cost": {"by_draft": listed, "beyond": beyond}},
        "e": {"cost": other},
    }
    given_spec = {"target": "t", "models": models, "acceptance": {"t": {"d": first, "e": second}}}
    problem = Problem(Cascade.from_json(given_spec, needs_draft=False), max_tokens=4)
    found = optimise(problem)
    assert found.ewif == pytest.approx(best_by_trying_all(given_spec, ("d", "e"), 4), rel=1e-12)
    assert found.is_complete
    assert found.certificate.upper_bound == pytest.approx(found.ewif)


def optimal(cost, alpha=0.8, **limits):
    problem = {"target": "t", "models": {"t": {"cost": 1}, "d": {"cost": cost}}, "acceptance": {"t": {"d": alpha}}}
    return optimise(Problem(Cascade.from_json(problem, needs_draft=False), **limits))


def test_dear_long_goes_are_split():
    """Goes of one token cost .01 each, a go of two .5: three goes of one token are no go of three."""
    found = optimal({"by_draft": [0.01, 0.5], "beyond": "last"}, max_tokens=3)
    assert [(step.by, step.tokens) for step in found.draft] == [("d", 1)] * 3


def test_flat_costs_draft_as_long_as_they_may():
    found = optimal({"by_draft": [0.3], "beyond": "last"}, max_tokens=8)
    assert [step.tokens for step in found.draft] == [8]
    assert found.certificate.kind == "extrapolated"
    assert found.certificate.limits.beyond_data == ("models.d.cost.by_draft",)


def test_an_optimum_does_not_go_beyond_the_list():
    found = optimal({"by_draft": [0.3, 0.3]}, max_tokens=8)
    assert max(step.tokens for step in found.draft) == 2
    assert found.certificate.limits.not_considered == (("models.d.cost.by_draft", 2),)
    whole = optimal({"by_draft": [0.3, 0.31, 0.5, 0.9, 1.4, 2, 3, 4]}, alpha=0.5, max_tokens=8)
    assert whole.certificate.kind == "exact"


def test_nested_problems_are_refused_by_name():
    with pytest.raises(
        InputError, match=r"^models.d.cost.by_draft: optimised for drafts of leaves alone, got max_depth 3"
    ):
        Problem(cascade(), max_tokens=4)
    assert optimise(Problem(cascade(), max_tokens=4, max_depth=1)).is_complete
    with pytest.raises(InputError, match=r"^models.d.cost.by_draft: K-matrices are compared"):
        best_k_matrix(Problem(cascade(), max_tokens=4, max_depth=1))


def test_a_recommendation_under_uncertainty():
    it = cascade(uncertainty={"models": {"d": {"cost": {"by_draft": [0.05, 0.05, 0.05]}}}})
    problem = Problem(it, max_tokens=4, max_depth=1)
    advice = recommend(problem, optimise(problem), 20, 0)
    low, high = advice.ewif_interval
    assert low < ewif(it.with_draft(advice.draft)) < high
    assert advice.against == "the optimum of each draw"


def test_a_calibration_has_no_costs_by_draft():
    known = Path(__file__).parent.parent / "results" / "cpu" / "calibration.json"
    document = json.loads(known.read_text())
    document["models"]["copy"]["cost"] = {"by_draft": [0.1]}
    document["uncertainty"]["models"].pop("copy", None)
    with pytest.raises(InputError, match=r"^models.copy.cost: got by_draft, .* a calibration has the times of calls"):
        calibration_of(Cascade.from_json(document))
