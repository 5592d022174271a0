"""Standardised walltime improvement and the headline, on rows whose answers are known by hand."""

import dataclasses
import itertools
import json
import math

import command_line
import numpy as np
import pytest

from analysis.commands import swi as command
from analysis.model import Affine, Cascade, InputError, Model, Step, acceptances, scalar_models
from analysis.model.records.runs import read_runs
from analysis.paper.published import read_rows
from analysis.paper.swi import costs as swi
from analysis.paper.swi import tables as headline_tables
from analysis.paper.swi.best import headline
from analysis.paper.swi.ceiling import possible, with_costs
from analysis.paper.swi.speed import at_one_speed
from analysis.theory.exact import ewif

LEAF = [{"by": "d", "tokens": 3}]
VERTICAL = [{"by": "d", "rounds": 2, "draft": [{"by": "m", "tokens": 4}]}]
MIXED = [{"by": "d", "rounds": 1, "draft": [{"by": "m", "tokens": 4}]}, {"by": "d", "tokens": 2}]
LOOKUP = [{"by": "m", "tokens": 8}]


def pair(reviewer, drafter, *examined):
    return {"reviewer": reviewer, "drafter": drafter, "examined": list(examined), "accepted": [0] * len(examined)}


def row(method, draft, key, tokens, seconds, calls, acceptance=(), **changes):
    logs = {
        m: {"calls": sum(q.values()), "q": {str(k): n for k, n in q.items()}, "seconds": 1.0} for m, q in calls.items()
    }
    base = {"method": method, "settings": {"draft": draft}, "repeat": 0, "id": key, "tokens": tokens}
    base |= {"seconds": seconds + 0.5, "prefill_seconds": 0.5, "calls": logs, "acceptance": list(acceptance)}
    return base | ({"counts": {"m": {}}} if "m" in calls else {}) | changes


def autoregressive(key, tokens=12, seconds=12.0, **changes):
    return row("ar", [], key, tokens, seconds, {"t": {1: tokens}}, **changes)


def speculative(key, seconds=8.0, cycles=4, **changes):
    calls = {"t": {4: cycles}, "d": {1: 2 * cycles, 2: cycles}}
    return row("sd", LEAF, key, 12, seconds, calls, [pair("t", "d", cycles, 3)], **changes)


def vertical(key, seconds=5.0, cycles=3, **changes):
    calls = {"t": {5: cycles}, "d": {5: 2 * cycles}, "m": {1: 20}}
    acceptance = [pair("t", "d", cycles), pair("d", "m", 2 * cycles - 1, 2)]
    return row("cs", VERTICAL, key, 12, seconds, calls, acceptance, **changes)


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def rows(tmp_path):
    return write(tmp_path / "rows.jsonl", [f(i) for i in range(6) for f in (autoregressive, speculative, vertical)])


COSTS = {"t": 100.0, "d": 10.0}


def test_all_counts_every_call_of_a_network_and_reviews_only_those_of_a_draft(rows):
    by = {run.method: run for run in read_runs(rows)[:3]}
    everything, reviews = (swi.standardised(COSTS, convention) for convention in ("all", "reviews"))
    assert everything(by["ar"]) == reviews(by["ar"]) == 12
    assert everything(by["sd"]) == pytest.approx(4 + 12 * 0.1)
    assert reviews(by["sd"]) == 4  # a leaf's drafting is free by the authors' convention
    assert everything(by["cs"]) == pytest.approx(3 + 6 * 0.1)
    assert reviews(by["cs"]) == pytest.approx(3 + 5 * 0.1)  # one review found nothing drafted


def test_a_model_that_reviews_and_drafts_is_counted_for_its_reviews_alone(tmp_path):
    calls = {"t": {4: 2}, "d": {1: 4, 5: 2}, "m": {1: 5}}
    acceptance = [pair("t", "d", 2), pair("d", "m", 2)]
    (run,) = read_runs(write(tmp_path / "r.jsonl", [row("x", MIXED, "p", 9, 1.0, calls, acceptance)]))
    assert (run.calls["d"], run.reviews["d"]) == (6, 2)
    assert run.statistical == {"m"}
    assert swi.family(run) == "cascade"


@pytest.mark.parametrize(
    ("draft", "expected"),
    [([], "autoregressive"), (LEAF, "speculative"), (LOOKUP, "maxgram"), (VERTICAL, "cascade"), (MIXED, "cascade")],
)
def test_families_are_told_by_the_draft(draft, expected, tmp_path):
    calls = {"t": {1: 1}, "d": {1: 1}, "m": {1: 1}}
    (run,) = read_runs(write(tmp_path / "r.jsonl", [row("x", draft, "p", 9, 1.0, calls)]))
    assert swi.family(run) == expected


def test_improvements_are_ratios_of_totals_with_all_tokens_alike(tmp_path):
    path = write(
        tmp_path / "r.jsonl",
        [
            autoregressive("a", 10, 10.0),
            autoregressive("b", 90, 45.0),
            speculative("a", 6.0),
            speculative("b", 18.0),
        ],
    )
    found = swi.totals(read_runs(path), swi.wall_clock, {"a", "b"})
    assert found.per_token().tolist() == pytest.approx([55 / 100, 24 / 24])
    assert found.per_token(np.array([[1.0, 0.0], [0.0, 2.0]])) == pytest.approx(np.array([[1.0, 0.5], [0.5, 1.5]]))


def test_repeats_are_added_and_prompts_not_run_by_all_are_left_out(tmp_path):
    path = write(
        tmp_path / "r.jsonl",
        [autoregressive("a"), autoregressive("a", seconds=18.0, repeat=1), autoregressive("b"), speculative("a")],
    )
    found = swi.totals(read_runs(path), swi.wall_clock, {"a", "b"})
    assert found.prompts == ("a",)
    assert found.expense.tolist() == [[30.0], [8.0]]
    assert found.tokens.tolist() == [[24.0], [12.0]]
    with pytest.raises(InputError, match="no prompt was run by every method"):
        swi.totals(read_runs(path), swi.wall_clock, {"b"})


FAMILIES = {"ar": "autoregressive", "sd": "speculative", "cs": "cascade"}


def test_the_headline_is_the_best_cascade_over_the_best_speculative_decoding(rows):
    found = headline("wall", swi.totals(read_runs(rows), swi.wall_clock, set(range(6))), FAMILIES, seed=0)
    assert found.best["speculative"] == ("sd", pytest.approx(12 / 8))
    assert found.best["cascade"] == ("cs", pytest.approx(12 / 5))
    assert found.additional == pytest.approx(8 / 5 - 1)
    # every prompt is alike, so neither choice nor resampling changes anything
    assert [found.low, found.high, found.held_out, found.held_out_low, found.held_out_high] == pytest.approx([0.6] * 5)


def test_the_headline_counts_expense_a_token_where_texts_differ_in_length():
    expense = np.array([[12.0, 12.0], [8.0, 8.0], [7.0, 7.0], [9.0, 9.0]])
    tokens = np.array([[12.0, 12.0], [10.0, 10.0], [7.0, 7.0], [18.0, 18.0]])
    found = swi.Expenses(("ar", "sd", "short", "cs"), ("a", "b"), expense, tokens)
    best = headline("wall", found, FAMILIES | {"short": "cascade"}, seed=0)
    assert best.best["cascade"] == ("cs", pytest.approx(2.0))
    assert best.additional == pytest.approx(0.8 / 0.5 - 1)
    assert best.held_out == pytest.approx(0.8 / 0.5 - 1)


def noisy_totals(seed, methods=12, prompts=20):
    """All methods alike but for noise: the truth is that no family gains anything on another."""
    generator = np.random.default_rng(seed)
    names = ("ar", *(f"s{i}" for i in range(methods)), *(f"c{i}" for i in range(2 * methods)))
    expense = np.exp(0.3 * generator.standard_normal((len(names), prompts)))
    families = {n: {"a": "autoregressive", "s": "speculative", "c": "cascade"}[n[0]] for n in names}
    return swi.Expenses(names, tuple(range(prompts)), expense, np.ones_like(expense)), families


def test_choosing_the_best_on_its_own_prompts_is_optimistic_and_on_others_is_not():
    found = [headline("wall", *noisy_totals(seed), seed=seed) for seed in range(60)]
    own, other = (np.array([getattr(h, key) for h in found]) for key in ("additional", "held_out"))
    error = {id(v): v.std(ddof=1) / math.sqrt(len(v)) for v in (own, other)}
    # twice as many cascades to choose from as speculative ones; false alarm 6e-5 at four standard errors
    assert own.mean() > 2 * error[id(own)]
    assert abs(other.mean()) < 4 * error[id(other)]
    assert own.mean() > other.mean()


def test_the_interval_of_a_fixed_choice_covers_the_truth_as_often_as_it_says():
    """One method a family: 300 draws, nominal 95 %; the bounds are crossed with probability below 1e-5 at 93 %."""
    covered = 0
    for seed in range(300):
        generator = np.random.default_rng((7, seed))
        expense = np.exp(0.3 * generator.standard_normal((3, 40))) * np.array([[2.0], [1.3], [1.0]])
        totals = swi.Expenses(("ar", "sd", "cs"), tuple(range(40)), expense, np.ones_like(expense))
        found = headline("wall", totals, FAMILIES, seed)
        covered += found.low <= 0.3 <= found.high
    assert 0.87 * 300 <= covered <= 0.99 * 300


@pytest.mark.parametrize("missing", ["autoregressive", "speculative", "cascade"])
def test_a_headline_needs_every_family(missing, rows):
    kept = [run for run in read_runs(rows) if FAMILIES[run.method] != missing]
    families = {m: f for m, f in FAMILIES.items() if f != missing}
    with pytest.raises(InputError, match=f"has no {missing} method"):
        headline("wall", swi.totals(kept, swi.wall_clock, set(range(6))), families, 0)


def test_prior_work_costs_go_through_their_points_and_rise_with_the_share():
    for published in read_rows("swi_costs.csv"):
        if published["previous_work"]:
            share = float(published["model_parameters"]) / 11300
            assert swi.prior_work_cost(share) == pytest.approx(float(published["previous_work"]))
    shares = np.geomspace(1e-4, 1, 200)
    costs = [swi.prior_work_cost(share) for share in shares]
    assert all(b > a for a, b in itertools.pairwise(costs))
    between = math.sqrt((60 / 11300) * (220 / 11300))
    assert swi.prior_work_cost(between) == pytest.approx(math.sqrt(0.02 * 0.04))
    assert swi.prior_work_cost(0) == 0


def test_tables_are_relative_to_the_target_and_the_slip_makes_drafters_ten_times_cheaper():
    found = swi.cost_tables({"t": 200.0, "d": 50.0}, "t", {"t": 4.0, "d": 3.0, "other": 9.0})
    assert found["MS"] == {"t": 1.0, "d": 0.25}
    assert found["MS, target x10"] == {"t": 1.0, "d": 0.025}
    assert found["PW"] == {"t": 1.0, "d": pytest.approx(swi.prior_work_cost(0.25))}
    assert found["c"] == {"t": 1.0, "d": 0.75}


def test_a_called_model_without_parameters_is_named(rows):
    with pytest.raises(InputError, match="missing for 'd', which 'sd' calls"):
        swi.totals(read_runs(rows), swi.standardised({"t": 1.0}, "all"), {0})


def test_the_slip_hides_what_drafting_costs(rows):
    runs, found = read_runs(rows), swi.cost_tables({"t": 100.0, "d": 10.0}, "t")
    gain = {}
    for name in ("MS", "MS, target x10"):
        total = swi.totals(runs, swi.standardised(found[name], "all"), set(range(6)))
        gain[name] = total.per_token()[0] / total.per_token()[1:]
    assert (gain["MS, target x10"] > gain["MS"]).all()
    assert gain["MS, target x10"] == pytest.approx([12 / (4 + 0.12), 12 / (3 + 0.06)])


def test_tables_of_the_paper_hold_the_best_of_each_kind(rows):
    runs = read_runs(rows)
    slow = [dataclasses.replace(run, method="slow", seconds=99.0) for run in runs if run.method == "cs"]
    table = headline_tables.by_kind([*runs, *slow], {"wall": swi.totals([*runs, *slow], swi.wall_clock, set(range(6)))})
    assert [r["method"] for r in table] == ["autoregressive", "speculative, d", "cascade, d + m"]
    assert table[2]["wall"] == {"improvement": pytest.approx(2.4), "name": "cs", "draft": VERTICAL}
    speeds = {r["method"]: r["tokens_per_second"] for r in headline_tables.tokens_per_second([*runs, *slow])}
    assert speeds["cascade, d + m"] == pytest.approx(12 / 5.5)


def test_a_shorter_limit_counts_cycles_up_to_it(tmp_path):
    log = [[10, 1.0], [10, 2.0], [10, 4.0]]
    ended = [[8, 3.0]]
    path = write(
        tmp_path / "r.jsonl",
        [
            autoregressive("a", 30, 7.0, cycle_log=log),
            autoregressive("b", 8, 3.0, cycle_log=ended),
            speculative("a"),
        ],
    )
    (found,) = headline_tables.by_limit(read_runs(path), (10, 16, 32))
    assert found == {"method": "autoregressive", "10": pytest.approx(18 / (1.5 + 3.5)), "16": pytest.approx(24 / 7.0)}


def models(alphas, costs):
    return Cascade("t", scalar_models(costs), acceptances(alphas))


def test_what_is_possible_is_the_optimum_beside_the_best_speculative_decoding():
    cascade = models({"t": {"d": 0.8, "m": 0.4}, "d": {"m": 0.5}}, {"t": 1.0, "d": 0.2, "m": 0.0})
    found = possible("c", cascade, ["d"], 8)
    singles = [ewif(cascade.with_draft((Step("d", tokens=k),))) for k in range(1, 9)]
    assert found.speculative_ewif == pytest.approx(max(singles))
    assert found.optimum_ewif >= found.speculative_ewif
    nested = ewif(cascade.with_draft((Step("d", rounds=2, draft=(Step("m", tokens=2),)),)))
    assert found.optimum_ewif >= nested
    assert found.optimum_ewif <= found.upper_bound * (1 + 1e-9) <= found.alpha_bound * (1 + 1e-6)
    assert found.alpha_bound == pytest.approx(5)
    assert 0 < found.additional <= found.at_most + 1e-9
    json.dumps(found.to_json())


def test_nothing_is_possible_where_the_only_drafter_is_neural():
    found = possible("c", models({"t": {"d": 0.7}}, {"t": 1.0, "d": 0.1}), ["d"], 10)
    assert found.additional == pytest.approx(0, abs=1e-12)
    assert found.at_most == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="has no neural drafter"):
        possible("c", models({"t": {"m": 0.7}}, {"t": 1.0, "m": 0.0}), [], 10)


def test_a_drafter_that_never_fails_has_no_bound_by_its_acceptance():
    cascade = models({"t": {"d": 0.7, "m": 1.0}, "d": {"m": 0.5}}, {"t": 1.0, "d": 0.1, "m": 0.01})
    found = possible("c", cascade, ["d"], 4)
    assert found.alpha_bound is None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["optimum_ewif"] == pytest.approx(5 / 1.04)


def test_a_table_of_costs_replaces_measured_ones_and_frees_what_it_does_not_name():
    cascade = Cascade("t", {"t": Model(Affine(1, 0.1)), "d": Model(Affine(0.3)), "m": Model(Affine(0.01))})
    changed = with_costs(cascade, {"t": 1.0, "d": 0.05})
    assert [changed.cost(m).at(9) for m in "tdm"] == [1.0, 0.05, 0.0]


def calibration():
    seconds = {
        m: {"unit": "s", "contexts": [64], "q": [1, 8], "median": [[s, 1.2 * s]]}
        for m, s in (("t", 0.04), ("d", 0.008))
    }
    seconds["m"] = {"propose": {"median": 1e-5, "spread": 0.0}}
    cascade = models({"t": {"d": 0.7, "m": 0.3}, "d": {"m": 0.4}}, {"t": 1.0, "d": 0.2, "m": 0.001}).to_json()
    cascade["models"]["m"]["load"] = "maxgram"
    return cascade | {"meta": {"calibration": {"seconds": seconds, "parameters": {"t": 1000, "d": 100}}}}


def test_the_command_tells_all_measures_sets_and_bounds(tmp_path, capsys, monkeypatch):
    made = [
        f(i, category="even" if i % 2 == 0 else "odd")
        for i in range(6)
        for f in (autoregressive, speculative, vertical)
    ]
    other = {"method": "hf-assisted", "settings": {"drafter": "d"}, "id": 0, "tokens": 3, "seconds": 1.0}
    rows = write(tmp_path / "r.jsonl", [*made, other])
    spec = tmp_path / "c.json"
    spec.write_text(json.dumps(calibration()))
    out = tmp_path / "o.json"
    status, stdout, stderr = command_line.run(
        command,
        capsys,
        monkeypatch,
        "swi",
        "--measured",
        rows,
        "--calibration",
        spec,
        "--json",
        "--out",
        out,
        "--max-tokens",
        "4",
    )
    assert status == 0, stderr
    found = json.loads(stdout)
    assert found == json.loads(out.read_text())
    assert set(found["sets"]) == {"all", "even", "odd"}
    by = {h["measure"]: h for h in found["sets"]["all"]["headlines"]}
    assert set(by) == {"wall-clock"} | {
        f"SWI ({table}), {convention}"
        for table in ("MS", "MS, target x10", "PW", "c")
        for convention in ("all", "reviews")
    }
    assert by["wall-clock"]["additional"] == pytest.approx(0.6)
    assert by["SWI (MS), all"]["additional"] == pytest.approx((4 + 1.2) / (3 + 0.6) - 1)
    assert by["SWI (c), all"]["additional"] == pytest.approx((4 + 2.4) / (3 + 1.2) - 1)
    assert by["SWI (MS), reviews"]["additional"] == pytest.approx(4 / (3 + 0.5) - 1)
    assert found["paper"] == [0.72, 0.81]
    assert [p["costs"] for p in found["possible"]] == ["t(q)", "MS", "MS, target x10", "PW", "c"]
    assert "up to 72% and 81%" in stderr
    assert "at most" in stderr


def test_rows_may_lie_in_several_files_and_only_prompts_of_every_method_count(tmp_path, capsys, monkeypatch):
    parts = [write(tmp_path / "a.jsonl", [f(i) for i in range(4) for f in (autoregressive, speculative)])]
    slow = [f(i, seconds=s) for i in range(1, 6) for f, s in ((autoregressive, 24.0), (vertical, 8.0))]
    parts.append(write(tmp_path / "b.jsonl", slow))  # the machine was half as fast
    out, text = tmp_path / "o.json", tmp_path / "o.md"
    options = ("--parameters", "t=100", "d=10", "--out", out, "--markdown", text)
    status, stdout, stderr = command_line.run(command, capsys, monkeypatch, "swi", "--measured", *parts, *options)
    assert status == 0, stderr
    found = json.loads(out.read_text())
    clock = next(h for h in found["sets"]["all"]["headlines"] if h["measure"] == "wall-clock")
    assert clock["prompts"] == 3
    assert clock["additional"] == pytest.approx(1.0)
    assert [row["tokens_per_second"] for row in found["tokens_per_second"]] == pytest.approx(
        [24 / (12.5 + 12.25), 12 / 8.5, 12 / 4.25]
    )
    assert text.read_text() == stdout
    assert "| all (3)" in stdout
    status, _, stderr = command_line.run(
        command,
        capsys,
        monkeypatch,
        "swi",
        "--measured",
        parts[0],
        write(tmp_path / "c.jsonl", [vertical(9)]),
        *options,
    )
    assert (status, stderr) == (2, "error: --measured: no prompt was run by every method\n")


def test_files_are_held_together_by_their_autoregressive_rows(tmp_path):
    def runs(factor, second=(autoregressive, vertical)):
        log = [[6, 1.0], [6, 2.0]]
        first = write(tmp_path / "a.jsonl", [f(i) for i in range(4) for f in (autoregressive, speculative)])
        made = [f(i, cycle_log=log) for i in range(4) for f in second]
        for each in made:
            each |= {key: factor * each[key] for key in ("seconds", "prefill_seconds")}
            each["cycle_log"] = [[tokens, factor * seconds] for tokens, seconds in log]
        return at_one_speed(read_runs(first, write(tmp_path / "b.jsonl", made)))

    for slower, alike in zip(runs(3.0), runs(1.0), strict=True):
        assert (slower.seconds, slower.prefill_seconds) == pytest.approx((alike.seconds, alike.prefill_seconds))
        assert [seconds for _, seconds in slower.cycles] == pytest.approx([seconds for _, seconds in alike.cycles])
    with pytest.raises(InputError, match="no autoregressive row of prompt 0 in the file with 'cs'"):
        runs(1.0, (vertical,))


def test_one_name_stands_for_one_draft_in_all_files(tmp_path):
    first = write(tmp_path / "a.jsonl", [speculative(0)])
    second = write(tmp_path / "b.jsonl", [autoregressive(0), vertical(0) | {"method": "sd"}])
    with pytest.raises(InputError, match=r"b.jsonl, line 2.settings.draft: rows of 'sd' tell of different drafts"):
        read_runs(first, second)


def test_sets_can_be_prompt_files(tmp_path, capsys, monkeypatch, rows):
    for name, ids in (("gsm8k", (0, 1, 2, 99)), ("mmlu", (3, 4, 5))):
        write(tmp_path / f"{name}.jsonl", [{"id": i, "prompt": "?"} for i in ids])
    status, stdout, stderr = command_line.run(
        command,
        capsys,
        monkeypatch,
        "swi",
        "--measured",
        rows,
        "--parameters",
        "t=100",
        "d=10",
        "--json",
        "--sets",
        tmp_path / "gsm8k.jsonl",
        tmp_path / "mmlu.jsonl",
    )
    assert status == 0, stderr
    sets = json.loads(stdout)["sets"]
    assert {name: s["headlines"][0]["prompts"] for name, s in sets.items()} == {"all": 6, "gsm8k": 3, "mmlu": 3}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--parameters: missing for the target 't'"),
        (["--parameters", "t=100"], "--parameters: missing for 'd', which 'sd' calls"),
        (["--parameters", "t=x"], "--parameters: got 'x'"),
        (["--parameters", "t=100", "d=10", "--target", "other"], "--parameters: missing|.*expected the target 'other'"),
        (["--parameters", "t=100", "d=10", "--max-tokens", "0"], "--max-tokens: got '0'"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, said, rows, capsys, monkeypatch):
    status, stdout, stderr = command_line.run(command, capsys, monkeypatch, "swi", "--measured", rows, *options)
    assert (status, stdout) == (2, "")
    assert stderr.count("\n") == 1
    assert any(part in stderr for part in said.split("|.*"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"calls": {"d": {"q": {"1": 1}}}}, "calls: got d, expected the target 't'"),
        ({"calls": {"t": {"q": {"1": -1}}}}, "calls.t.q.1: got -1"),
        ({"tokens": 0}, "tokens: got 0"),
        ({"id": None}, "id: got None"),
        ({"cycle_log": [[1]]}, "cycle_log"),
        ({"seconds": "1"}, "seconds: got '1'"),
    ],
)
def test_wrong_rows_are_refused_by_line_and_field(change, said, tmp_path):
    with pytest.raises(InputError) as error:
        read_runs(write(tmp_path / "r.jsonl", [autoregressive("a"), autoregressive("b") | change]))
    assert "line 2" in str(error.value)
    assert said in str(error.value)


def test_the_command_needs_no_option_in_a_checkout(capsys, monkeypatch, tmp_path):
    status, out, err = command_line.run(command, capsys, monkeypatch, "swi", "--max-tokens", 1)
    assert status == 0
    assert out.startswith("| prompts")
    assert "note: rows of measured.jsonl.gz in results/cpu_int8" in err
    monkeypatch.setattr(command, "KEPT", tmp_path)
    status, out, err = command_line.run(command, capsys, monkeypatch, "swi")
    assert (status, err) == (2, "error: --measured: missing, expected rows of `cascade-ewif bench`\n")
