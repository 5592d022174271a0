"""Tables that end: what reads past their end is told, refused or assumed as asked, and never certified."""

import json
import random

import enumeration
import numpy as np
import oracles
import pytest
from command_line import run

from analysis.commands import optimise as command
from analysis.model import Advice, Cascade, InputError, Step, readings
from analysis.optimum import ContradictionError, Problem, optimise
from analysis.optimum.bound import upper_bound
from analysis.optimum.certificate import consistent
from analysis.optimum.closure import closure_bound
from analysis.optimum.hull import outlined, upper_hull
from analysis.theory.exact import cycle_law, ewif
from analysis.theory.moments import cycle_moments
from analysis.theory.sensitivity import sensitivities
from simulate.reference import run_cycles
from simulate.sampler import Sampler
from simulate.sweep.task import Task

TIMES = [1, 1.1, 1.3, 1.6, 2, 2.5]
DIP = {
    "target": "t",
    "models": {
        "t": {"cost": {"by_tokens": [1 + 0.02 * q for q in range(16)] + [1.27]}},
        "d1": {"cost": 0.15},
        "d2": {"cost": 0.05},
        "m": {"cost": 0.002},
    },
    "acceptance": {"t": {"d1": 0.8, "d2": 0.65, "m": 0.45}, "d1": {"d2": 0.75, "m": 0.5}, "d2": {"m": 0.5}},
}


def spec_of(cost=1, hazard=0.8, tokens=None, drafter=0):
    draft = [{"by": "m", "tokens": tokens}] if tokens else []
    models = {"t": {"cost": cost}, "m": {"cost": drafter}}
    return {"target": "t", "models": models, "acceptance": {"t": {"m": hazard}}, "draft": draft}


def cascade_of(**given):
    return Cascade.from_json(spec_of(**given))


def table(beyond=None, values=TIMES):
    return {"by_tokens": values} | ({"beyond": beyond} if beyond else {})


def hazards(beyond=None, values=(0.9, 0.8, 0.7)):
    return {"per_position": list(values)} | ({"beyond": beyond} if beyond else {})


def test_costs_rise_on_by_the_last_difference_and_never_fall():
    def at(values, q):
        return cascade_of(cost=table("linear", values)).cost("t").at(q)

    assert [at(TIMES, q) for q in (6, 7, 16)] == pytest.approx([2.5, 3.0, 7.5])
    assert at([1, 2, 1.5], 10) == 1.5
    assert cascade_of(cost=table("last")).cost("t").at(16) == 2.5


@pytest.mark.parametrize("beyond", ["linear", "last"])
def test_theory_moments_and_both_samplers_agree_beyond_the_end(beyond):
    spec = spec_of(cost=table(beyond), hazard=hazards("last"), tokens=9)
    law = oracles.cycle_outcomes(spec)
    cascade = Cascade.from_json(spec)
    expected = float(oracles.mean_tokens(law) / oracles.mean_cost(law))
    assert ewif(cascade) == pytest.approx(expected, rel=1e-12)
    moments = cycle_moments(cascade)
    assert moments.tokens_per_cycle / moments.cost_per_cycle == pytest.approx(expected, rel=1e-12)
    sampler = Sampler(cascade)
    blocks = sampler.draw((1,), 200_000)
    cost = blocks.ticks * sampler.layout.tick / blocks.cycles
    assert cost == pytest.approx(cycle_law(cascade).cost_per_cycle, rel=1e-9)
    assert run_cycles(cascade, 50, seed=1).cost_per_cycle == pytest.approx(cost, rel=1e-9)


def test_sensitivity_to_the_last_entries_counts_what_they_carry_beyond():
    spec = spec_of(cost=table("linear"), tokens=9)
    found = {each.path: each for each in sensitivities(Cascade.from_json(spec))}
    for i in (4, 5):
        values = list(TIMES)
        values[i] += 1e-6
        slope = (ewif(cascade_of(cost=table("linear", values), tokens=9)) - ewif(Cascade.from_json(spec))) / 1e-6
        assert found[f"models.t.cost.by_tokens[{i}]"].ewif == pytest.approx(slope, rel=1e-4)


def test_reading_past_an_end_that_says_nothing_gives_the_old_value_and_says_so():
    with pytest.warns(Advice, match=r"models\.t\.cost\.by_tokens: has 6 entries, the draft reads up to entry 10"):
        silent = ewif(cascade_of(cost=table(), tokens=9))
    assert silent == ewif(cascade_of(cost=table("last"), tokens=9))
    with pytest.warns(Advice, match=r"acceptance\.t\.m\.per_position: has 3 entries, the draft reads up to entry 4"):
        Sampler(cascade_of(hazard=hazards(), tokens=4))
    with pytest.warns(Advice, match="has 1 entry, the draft reads up to entry 2"):
        ewif(cascade_of(hazard=hazards(values=[0.8]), tokens=2))


@pytest.mark.parametrize("evaluate", [ewif, cycle_moments, Sampler, lambda cascade: run_cycles(cascade, 2, 0)])
def test_a_table_that_refuses_is_not_read_past_its_end(evaluate):
    evaluate(cascade_of(cost=table("refuse"), tokens=5))
    with pytest.raises(InputError, match=r"models\.t\.cost\.by_tokens: has 6 entries, the draft reads up to entry 7"):
        evaluate(cascade_of(cost=table("refuse"), tokens=6))
    with pytest.raises(InputError, match=r"acceptance\.t\.m\.per_position: has 3 entries"):
        evaluate(cascade_of(hazard=hazards("refuse"), tokens=4))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cost": table("flat")}, "models.t.cost.beyond"),
        ({"cost": table("linear", [1])}, "models.t.cost.by_tokens"),
        ({"hazard": hazards("linear")}, "acceptance.t.m.beyond"),
        ({"cost": table() | {"beyond": None}}, "models.t.cost.beyond"),
    ],
)
def test_what_a_table_cannot_say_is_refused_by_name(given, field):
    with pytest.raises(InputError) as error:
        cascade_of(**given)
    assert error.value.field == field


def test_readings_are_those_of_the_steps_that_read():
    spec = spec_of(hazard=0.5)
    spec["models"]["d"] = {"cost": table()}
    spec["acceptance"]["t"]["d"] = {"accepted": hazards(), "corrected": hazards(values=[0.6, 0.5])}
    spec["acceptance"]["d"] = {"m": hazards()}
    inner = {"by": "m", "tokens": 2}
    spec["draft"] = [{"by": "d", "rounds": 1, "draft": [inner]}, {"by": "m", "tokens": 9}]
    read = {reading.field: reading.read for reading in readings(Cascade.from_json(spec))}
    assert read == {
        "acceptance.t.d.accepted.per_position": 2,
        "acceptance.t.d.corrected.per_position": 3,
        "acceptance.d.m.per_position": 2,
        "models.d.cost.by_tokens": 3,
    }


def test_tasks_of_old_specifications_keep_their_identity():
    """What was written before tables could end was without trailing repeats, and a number where one was left."""
    old = Task(cascade_of(cost=1, hazard=0.8, tokens=2))
    for given in ({"cost": table(values=[1, 1, 1])}, {"hazard": hazards("last", [0.8, 0.8])}):
        assert Task(cascade_of(tokens=2, **given)).id == old.id
    task = Task(cascade_of(cost=table(values=[1, 1.5, 1.5, 1.5]), tokens=2))
    assert json.loads(task.canonical)["models"]["t"]["cost"] == {"by_tokens": [1, 1.5]}
    again = Task.from_canonical(json.loads(task.canonical))
    assert again.id == task.id
    again.sampler()
    assert Task(cascade_of(cost=table("linear"), tokens=2)).id != Task(cascade_of(cost=table(), tokens=2)).id


@pytest.mark.parametrize("cost", [table(), table("linear"), table("refuse"), table(values=[1]), table(values=[1, 1])])
def test_a_table_is_written_as_it_was_read(cost):
    cascade = cascade_of(cost=cost, hazard=hazards("last", [0.5, 0.5]))
    assert Cascade.from_json(cascade.to_json()) == cascade
    assert cascade.to_json()["models"]["t"]["cost"] == cost


def test_an_optimum_ends_with_the_data_unless_told_to_go_on():
    inside = optimise(Problem(cascade_of(cost=table())))
    assert (inside.draft, inside.certificate.kind) == ((Step("m", tokens=2),), "exact")
    assert inside.certificate.limits.not_considered == (("models.t.cost.by_tokens", 6),)
    flat, linear = (optimise(Problem(cascade_of(cost=table(beyond)))) for beyond in ("last", "linear"))
    assert (flat.draft[0].tokens, flat.certificate.kind) == (16, "extrapolated")
    assert (linear.draft[0].tokens, linear.certificate.kind) == (2, "extrapolated")
    assert "assumed" in linear.certificate.limits.notes()[0]


@pytest.mark.parametrize("values", [[0.9], [0.9, 0.9, 0.9], [0.9, 0.89, 0.88, 0.88, 0.88]])
def test_positions_that_were_fitted_are_all_that_is_certified(values):
    optimum = optimise(Problem(cascade_of(hazard=hazards(values=values), drafter=0.01)))
    assert optimum.draft == (Step("m", tokens=len(values)),)
    assert optimum.certificate.kind == "limited"


def test_an_optimum_at_the_greatest_length_says_so():
    certificate = optimise(Problem(cascade_of())).certificate
    assert certificate.kind == "limited"
    assert "max_tokens is 16" in certificate.limits.notes()[-1]
    assert optimise(Problem(cascade_of(drafter=0.1))).certificate.kind == "exact"


def small_spec(rng):
    """Two drafters, tables that end at random or go on, a target's call that may get cheaper with more tokens."""

    def beyond(*words):
        return {"beyond": word} if (word := rng.choice([None, *words])) else {}

    def entry():
        listed = {"per_position": [rng.random() for _ in range(rng.randint(1, 4))]} | beyond("last", "refuse")
        return rng.choice([rng.random(), listed, {"accepted": rng.random(), "corrected": listed}])

    def cost(low):
        listed = {"by_tokens": [low + 0.5 * rng.random() for _ in range(rng.randint(2, 5))]} | beyond("last", "linear")
        return rng.choice([low + 0.1, listed])

    return {
        "target": "t",
        "models": {"t": {"cost": cost(0.8)}, "a": {"cost": cost(0.0)}, "b": {"cost": 0.02}},
        "acceptance": {"t": {"a": entry(), "b": entry()}, "a": {"b": entry()}},
    }


@pytest.mark.parametrize("seed", range(40))
def test_the_optimum_is_the_best_of_all_drafts_within_the_tables(seed):
    spec = small_spec(random.Random(seed))
    models = Cascade.from_json(spec, needs_draft=False)
    problem = Problem(models, 4, 2)
    unit = models.cost("t").at(1)
    best = 0.0
    for steps, _, law, cost in enumeration.drafts(spec, "t", 4, 2):
        read = readings(Cascade.from_json(spec | {"draft": steps}))
        if not any(each.is_beyond and each.beyond in (None, "refuse") for each in read):
            best = max(best, unit * sum((i + 1) * p for i, p in enumerate(law)) / cost)
    optimum = optimise(problem)
    assert optimum.ewif == pytest.approx(best, rel=1e-9)
    for bound in (upper_bound(problem, optimum.ewif, points=32, passes=1), closure_bound(problem)):
        assert bound >= best * (1 - 1e-12)


def test_a_target_whose_greatest_call_is_cheaper_is_bounded_truly():
    problem = Problem(Cascade.from_json(DIP, needs_draft=False))
    bound = upper_bound(problem, near=2.48, points=64, passes=0)
    assert bound > 2.48
    assert min(bound, closure_bound(problem)) < 2.772


def test_a_bound_below_what_was_found_is_a_contradiction():
    assert consistent(2.0, 2.0 + 1e-12) == 2.0 + 1e-12
    for bound in (1.9, float("nan")):
        with pytest.raises(ContradictionError):
            consistent(bound, 2.0)


def test_an_outline_lies_above_its_hull():
    rng = random.Random(0)
    points = sorted((rng.random(), rng.random()) for _ in range(3000))
    cost, gain = (np.array(values) for values in zip(*points, strict=True))
    gain = gain * cost**0.5
    kept = upper_hull(cost, gain)
    x, y = outlined(cost[kept], gain[kept], 6)
    assert x.size < kept.size
    assert (np.interp(cost[kept], x, y) >= gain[kept] - 1e-12).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"m": {"cost": {"by_tokens": [0, 0.1]}}},
        {"t.m": {"accepted": 0.4, "corrected": 0.1}},
        {"t.d": {"initial": 0.8, "decay": 0.5, "floor": 0.8}},
    ],
)
def test_what_is_constant_in_effect_is_solved_as_such(changes):
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 0.1}, "m": {"cost": 0}},
        "acceptance": {"t": {"d": 0.8, "m": 0.4}, "d": {"m": 0.5}},
    }
    plain = optimise(Problem(Cascade.from_json(spec, needs_draft=False)))
    for key, value in changes.items():
        if "." in key:
            spec["acceptance"]["t"][key[2:]] = value
        else:
            spec["models"][key] = value
    changed = optimise(Problem(Cascade.from_json(spec, needs_draft=False)))
    assert (changed.ewif, changed.draft) == (plain.ewif, plain.draft)
    assert changed.certificate.gap < 1e-9


@pytest.mark.parametrize("unit", [7, 1 / 7, 1e-30, 1e30])
@pytest.mark.parametrize("seed", range(8))
def test_the_unit_of_cost_changes_no_draft(seed, unit):
    rng = random.Random(seed)
    costs = {"t": 1.0, "a": rng.choice([0.1, 0.2]), "b": 0.0}
    rows = {"t": {"a": 0.7, "b": 0.4}, "a": {"b": rng.choice([0.5, 0.7])}}

    def best(factor):
        models = {name: {"cost": cost * factor} for name, cost in costs.items()}
        return optimise(
            Problem(Cascade.from_json({"target": "t", "models": models, "acceptance": rows}, needs_draft=False))
        )

    assert best(unit).draft == best(1.0).draft


def test_the_recommended_cascade_is_written_as_a_file_that_runs(tmp_path, capsys, monkeypatch):
    models, out = tmp_path / "models.json", tmp_path / "best.json"
    spec = spec_of(drafter=0.1)
    spec["models"]["m"]["load"] = "maxgram"
    models.write_text(json.dumps(spec))
    status, text, _ = run(command, capsys, monkeypatch, "optimise", str(models), "--out", str(out), "--json")
    assert status == 0
    written = Cascade.from_json(json.loads(out.read_text()))
    assert written.models["m"].load == "maxgram"
    assert ewif(written) == json.loads(text.splitlines()[-1])["ewif"]


def test_the_report_says_what_was_not_considered(tmp_path, capsys, monkeypatch):
    models = tmp_path / "models.json"
    models.write_text(json.dumps(spec_of(cost=table())))
    _, text, _ = run(command, capsys, monkeypatch, "optimise", str(models), "--k-matrix")
    assert 'drafts that read beyond its 6 entries were not considered; add "beyond" there to go on' in text
    assert "matrices as long as the paper's own" in text
