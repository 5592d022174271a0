"""Predictions from calibrations of which everything is known."""

import json

import calibrations
import numpy as np
import pytest
from calibrations import ALPHAS, PROPOSE, call_seconds, flat, unit
from command_line import run

from analysis.commands import cascades as cascades_command
from analysis.commands import optimise as optimise_command
from analysis.commands import predict as predict_command
from analysis.model import Cascade, InputError, Step
from analysis.model.notation import draft_name
from analysis.model.records.calibration import calibration_of
from analysis.model.records.named import FAMILIES, NamedDraft, family_of, read_named_drafts, settled_family
from analysis.prediction import cascades, predict
from analysis.prediction.specifications import with_loop
from analysis.theory.exact import cycle_law


def calibrated(acceptance, **options):
    return calibration_of(Cascade.from_json(calibrations.calibration(acceptance, **options), needs_draft=False))


def predicted(calibration, draft, rung):
    [row] = predict(calibration, [NamedDraft("x", "speculative", draft)], [rung])
    return row


def closed_form(alpha, k):
    return (1 - alpha ** (k + 1)) / (1 - alpha)


@pytest.mark.parametrize("k", [1, 4, 8])
def test_the_first_rung_is_the_formula_of_speculative_decoding(k):
    row = predicted(calibrated(flat(ALPHAS)), (Step("a", tokens=k),), "iid")
    assert row["speedup"] == pytest.approx(closed_form(0.75, k) / (1 + k * 0.1))
    assert row["tokens_per_cycle"] == pytest.approx(closed_form(0.75, k))


def test_the_second_rung_adds_what_longer_calls_cost():
    row = predicted(calibrated(flat(ALPHAS)), (Step("a", tokens=4),), "iid+t(q)")
    cost = (call_seconds("t", 5, 100) + 4 * call_seconds("a", 1, 100)) / unit()
    assert row["speedup"] == pytest.approx(closed_form(0.75, 4) / cost)


def test_the_third_rung_adds_the_loop_to_both_sides():
    loop = {"per_cycle": 2e-3, "per_review": 1e-3, "per_drafted_token": 5e-4}
    known = calibrated(flat(ALPHAS), loop_seconds=loop)
    flat_row = predicted(known, (Step("a", tokens=4),), "fits")
    seconds = call_seconds("t", 5, 100) + 2e-3 + 4 * (call_seconds("a", 1, 100) + 5e-4)
    assert flat_row["speedup"] == pytest.approx(closed_form(0.75, 4) * (unit() + 2e-3) / seconds)
    proposed = predicted(
        calibrated(flat(ALPHAS), loop_seconds=loop | {"per_proposal": 1e-4}), (Step("mag", tokens=2),), "fits"
    )
    seconds = call_seconds("t", 3, 100) + 2e-3 + 2 * (PROPOSE + 1e-4)
    assert proposed["speedup"] == pytest.approx(closed_form(0.35, 2) * (unit() + 2e-3) / seconds)
    nested = (Step("a", rounds=1, draft=(Step("b", tokens=1),)),)
    one, two = (call_seconds("t", 1 + n, 100) + 2e-3 for n in (1, 2))
    seconds = call_seconds("b", 1, 100) + 5e-4 + call_seconds("a", 2, 100) + 1e-3 + 0.45 * one + 0.55 * two
    tokens = 1 + 0.75 + 0.55 * 0.75**2
    assert predicted(known, nested, "fits")["speedup"] == pytest.approx(tokens * (unit() + 2e-3) / seconds)


def test_autoregressive_decoding_is_predicted_for_certain():
    for row in predict(calibrated(flat(ALPHAS), loop_seconds={"per_cycle": 1e-3}), [NamedDraft("ar", "x", ())]):
        assert row["speedup"] == row["low"] == row["high"] == row["tokens_per_cycle"] == 1


def test_hazards_by_the_inner_review_count_where_a_drafter_hands_up_what_just_that_review_let_pass():
    both = {"accepted": 0.9, "corrected": 0.5}
    known = calibrated(flat(ALPHAS), by_type={"t": {"a": {"inner": "mag", **both}}})
    nested = (Step("a", rounds=2, draft=(Step("mag", tokens=3),)),)
    assert with_loop(known, nested).pair("t", "a").at(0, corrected=True) == 0.5
    assert with_loop(known, (Step("a", tokens=3),)).pair("t", "a").at(0) == 0.75
    assert with_loop(known, (*nested, Step("a", tokens=1))).pair("t", "a").at(0, corrected=True) == 0.75
    other = (Step("a", rounds=2, draft=(Step("b", tokens=3),)),)
    assert with_loop(known, other).pair("t", "a").at(0, corrected=True) == 0.75
    assert with_loop(known, (*nested, *other)).pair("t", "a").at(0, corrected=True) == 0.75


def beta_prompts(generator, a, b, prompts, tokens):
    """Prompts whose alpha is Beta(a, b), or all alike where b is None."""
    alphas = np.full(prompts, a) if b is None else generator.beta(a, b, prompts)
    return [(tokens, {("t", "a"): (int(generator.binomial(tokens, alpha)), tokens)}) for alpha in alphas]


def test_intervals_are_as_wide_as_predictions_scatter_over_sets_of_prompts():
    """Fixed seeds. Half width over the scatter of 150 sets: its standard error is 6 %."""
    generator = np.random.default_rng(5)
    found, halves = [], []
    for _ in range(150):
        prompts = beta_prompts(generator, 6, 3, 60, 90)
        alpha = sum(counts["t", "a"][0] for _, counts in prompts) / (60 * 90)
        row = predicted(
            calibrated({"t": {"a": alpha}}, models=("t", "a"), prompts=prompts), (Step("a", tokens=4),), "iid"
        )
        found.append(np.log(row["speedup"]))
        halves.append(np.log(row["high"] / row["speedup"]) / 1.96)
    assert np.mean(halves) == pytest.approx(np.std(found), rel=0.2)


def test_uncertain_costs_widen_intervals_but_the_unit_does_not():
    draft = (Step("a", tokens=4),)
    wide = calibrated(flat(ALPHAS), uncertainty={"models": {"a": {"cost": {"by_tokens": [0.01]}}}})
    row = predicted(wide, draft, "iid")
    assert np.log(row["high"] / row["low"]) / 2 == pytest.approx(1.96 * 0.4 / 1.4 * 0.1, rel=0.02)
    of_target = {"models": {"t": {"cost": {"by_tokens": [0.1] + [0.0] * 63}}}}
    row = predicted(calibrated(flat(ALPHAS), uncertainty=of_target), draft, "iid")
    assert row["high"] == row["low"]


def sub(models):
    known = {key: alpha for key, alpha in ALPHAS.items() if all(any(m[0] == c for m in models) for c in key)}
    return calibrated(flat(known), models=models)


@pytest.mark.parametrize(
    "models", [("t", "a", "b", "mag"), ("t", "a", "mag"), ("t", "a"), ("t", "mag"), ("t", "a", "b")]
)
def test_there_are_forty_different_cascades_for_any_models(models):
    found = cascades(sub(models), optima=False)
    assert len(found) >= 40
    assert len({named.name for named in found}) == len({named.draft for named in found}) == len(found)
    assert all(named.family in FAMILIES for named in found)
    assert found == cascades(sub(models), optima=False)
    assert found[0].draft == ()
    for named in found:
        sub(models).cascade.with_draft(named.draft)


def test_all_families_are_there_and_the_optimum_is_the_best_of_them():
    known = sub(("t", "a", "mag"))
    found = cascades(known)
    families = {named.family for named in found}
    assert families >= set(FAMILIES) - {"optimum"}
    best = [named for named in found if "fits" in named.extra.get("optimum_of", ())]
    assert len(best) == 1
    ewifs = {named.name: cycle_law(with_loop(known).with_draft(named.draft)).ewif for named in found}
    assert ewifs[best[0].name] == max(ewifs.values())


def test_theory_looks_for_an_optimum_without_a_drafter_that_abstains_where_there_are_others():
    """`copy` says little, and is right then: hazards of .1 and .9. Behind `a` it is not right as often."""
    acceptance = {"t": {"a": 0.5, "mag": {"per_position": [0.1, 0.9]}}, "a": {"mag": 0.1}}
    spec = calibrations.calibration(acceptance, models=("t", "a", "mag"))
    both = calibration_of(Cascade.from_json(spec, needs_draft=False))
    spec["models"]["mag"]["load"] = {"name": "maxgram", "min_match": 2, "bigram": None}
    careful = calibration_of(Cascade.from_json(spec, needs_draft=False))

    def optimum(calibration):
        found = [named for named in cascades(calibration) if "fits" in named.extra.get("optimum_of", ())]
        return {step.by for step in found[0].draft}

    assert optimum(both) == {"a", "mag"}
    assert optimum(careful) == {"a"}
    alone = calibrated({"t": {"mag": 0.5}}, models=("t", "mag"))
    assert optimum(alone) == {"mag"}


def test_names_read_like_the_draft():
    draft = (Step("d1", rounds=2, draft=(Step("mag", tokens=4),)), Step("d2", until=9), Step("mag", tokens=6))
    assert draft_name(draft) == "d1 2x(mag x4) + d2 to9 + mag x6"
    assert draft_name(()) == "autoregressive"


def test_the_order_of_models_follows_who_reviews_whom():
    spec = calibrations.calibration(flat(ALPHAS), models=("mag", "b", "t", "a"))
    known = calibration_of(Cascade.from_json(spec, needs_draft=False))
    assert known.drafters == ("a", "b", "mag")
    assert known.neural == ("a", "b")


def test_commands_go_from_a_calibration_to_predictions(tmp_path, capsys, monkeypatch):
    prompts = beta_prompts(np.random.default_rng(6), 6, 3, 20, 90)
    spec = calibrations.calibration(flat(ALPHAS | {"ta": 0.67}), prompts=prompts)
    file = calibrations.write(tmp_path / "c.json", spec)
    listed, out = tmp_path / "cascades.jsonl", tmp_path / "p.jsonl"
    status, text, _ = run(cascades_command, capsys, monkeypatch, "cascades", file, "--out", listed, "--no-optima")
    assert (status, text.split()[1]) == (0, "cascades:")
    status, text, _ = run(
        predict_command, capsys, monkeypatch, "predict", file, "--cascades", listed, "--out", out, "--json"
    )
    rows = json.loads(text.splitlines()[-1])["rows"]
    assert status == 0
    assert rows == [json.loads(line) for line in out.read_text().splitlines()]
    named = read_named_drafts(listed, Cascade.from_json(spec, needs_draft=False))
    assert len(rows) == 3 * len(named)
    assert all(row["low"] <= row["speedup"] <= row["high"] for row in rows)


def test_optimise_takes_a_calibration_and_gives_an_interval(tmp_path, capsys, monkeypatch):
    uncertainty = {"acceptance": flat(dict.fromkeys(("ta", "tm", "am"), 0.02))}
    acceptance = flat({key: ALPHAS[key] for key in ("ta", "tm", "am")})
    file = calibrations.write(
        tmp_path / "c.json", calibrations.calibration(acceptance, models=("t", "a", "mag"), uncertainty=uncertainty)
    )
    arguments = ("optimise", file, "--max-tokens", 6, "--max-depth", 2, "--samples", 5, "--json")
    status, text, _ = run(optimise_command, capsys, monkeypatch, *arguments)
    found = json.loads(text.splitlines()[-1])
    low, high = found["uncertainty"]["ewif_interval"]
    assert (status, low < found["ewif"] * 1.1, high > 1) == (0, True, True)
    draft = found["uncertainty"]["draft"]
    known = calibration_of(Cascade.from_json(json.loads(file.read_text()), needs_draft=False))
    row = predicted(known, Cascade.from_json(json.loads(file.read_text()) | {"draft": draft}).draft, "fits")
    assert found["expected"] == {key: row[key] for key in ("rung", "speedup", "low", "high", "tokens_per_cycle")}


def test_optimise_leaves_out_a_drafter_that_abstains_with_its_standard_errors(tmp_path, capsys, monkeypatch):
    acceptance = {"t": {"a": 0.5, "mag": 0.4}, "a": {"mag": 0.3}}
    errors = {"t": {"a": 0.02, "mag": 0.02}, "a": {"mag": 0.02}}
    uncertainty = {"acceptance": errors, "models": {"mag": {"cost": 0.001}}}
    spec = calibrations.calibration(acceptance, models=("t", "a", "mag"), uncertainty=uncertainty)
    spec["models"]["mag"]["load"] = {"name": "maxgram", "min_match": 2, "bigram": None}
    file = calibrations.write(tmp_path / "c.json", spec)
    arguments = ("optimise", file, "--max-tokens", 4, "--samples", 5, "--json")
    status, text, err = run(optimise_command, capsys, monkeypatch, *arguments)
    assert status == 0, err
    assert "note: mag: left out" in err
    found = json.loads(text.splitlines()[-1])
    assert {step["by"] for step in found["uncertainty"]["draft"]} == {"a"}


def test_optimise_prints_the_interval_too(tmp_path, capsys, monkeypatch):
    spec = calibrations.calibration(
        flat({"ta": ALPHAS["ta"]}),
        models=("t", "a"),
        prompts=beta_prompts(np.random.default_rng(7), 6, 3, 20, 90),
        uncertainty={"acceptance": {"t": {"a": 0.02}}},
        loop_seconds={"per_cycle": 4e-3, "per_drafted_token": 4e-3},
    )
    file = calibrations.write(tmp_path / "c.json", spec)
    status, text, _ = run(optimise_command, capsys, monkeypatch, "optimise", file, "--max-tokens", 8, "--samples", 20)
    lines = {line.split()[0]: line.split() for line in text.splitlines() if not line.startswith(" ")}
    assert status == 0
    ewif = float(lines["EWIF"][1])
    with_loop_time = calibration_of(Cascade.from_json(spec, needs_draft=False))
    best = max(cycle_law(with_loop(with_loop_time, (Step("a", tokens=k),))).ewif for k in range(1, 9))
    assert ewif == pytest.approx(best, abs=1e-6)  # what a drafted token costs the loop counts
    low, high = (float(lines["expected"][i].strip(",")) for i in (6, 8))
    assert low < float(lines["expected"][2].strip(",")) < high
    assert "EWIF lies between" not in text  # one interval, that of the speedup
    assert "regret is what knowing the true numbers would gain" in text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda meta: meta.pop("seconds"), "seconds.t: missing"),
        (lambda meta: meta["seconds"].pop("a"), "meta.calibration.seconds.a: missing"),
        (lambda meta: meta["seconds"]["t"]["median"].pop(), "seconds.t.median: has 2 rows"),
        (lambda meta: meta["seconds"]["t"].update(q=[1, 2, 2, 8, 16, 32, 64]), "seconds.t.q: expected ascending"),
        (lambda meta: meta.update(loop_seconds={"per_cycle": "x"}), "loop_seconds.per_cycle"),
    ],
)
def test_a_broken_calibration_is_refused_by_field(change, field):
    spec = calibrations.calibration(flat(ALPHAS))
    change(spec["meta"]["calibration"])
    with pytest.raises(InputError, match=field):
        calibration_of(Cascade.from_json(spec, needs_draft=False))


def test_a_specification_without_a_calibration_is_refused():
    spec = calibrations.calibration(flat(ALPHAS)) | {"meta": {}}
    with pytest.raises(InputError, match=r"meta\.calibration: missing"):
        calibration_of(Cascade.from_json(spec, needs_draft=False))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"name": "x", "family": "bad"}', "line 1.draft: missing"),
        ('{"name": "x", "family": "bad", "draft": [{"by": "z", "tokens": 1}]}', r"draft\[0\].by"),
        ('{"name": "x", "family": "bad", "draft": []}\n{"name": "x", "family": "bad", "draft": []}', "there twice"),
    ],
)
def test_a_broken_list_of_cascades_is_refused_by_line(line, problem, tmp_path):
    file = tmp_path / "cascades.jsonl"
    file.write_text(line)
    with pytest.raises(InputError, match=problem):
        read_named_drafts(file, calibrated(flat(ALPHAS)).cascade)


LEAF = {name: Step(name, tokens=2) for name in ("a", "mag", "copy")}
OVER = {name: Step("a", until=2, draft=(step,)) for name, step in LEAF.items() if name != "a"}


@pytest.mark.parametrize(
    ("draft", "family"),
    [
        ((), "autoregressive"),
        ((LEAF["a"],), "speculative"),
        ((LEAF["mag"],), "maxgram"),
        ((LEAF["a"], LEAF["mag"]), "horizontal"),
        ((LEAF["copy"], LEAF["mag"]), "horizontal"),
        ((OVER["mag"],), "vertical"),
        ((Step("b", rounds=1, draft=(OVER["mag"],)),), "vertical"),
        ((Step("b", rounds=1, draft=(OVER["mag"], LEAF["mag"])),), "full"),
        ((LEAF["copy"], OVER["mag"]), "full"),
    ],
)
def test_one_function_decides_the_family(draft, family):
    assert family_of(draft, {"mag", "copy"}) == family
    for wrong in ("vertical", "horizontal", "full"):
        assert settled_family(wrong, draft) == family_of(draft)
    assert settled_family("bad", draft) == "bad"


def test_the_candidates_have_the_families_of_their_drafts():
    """A drafter that falls in behind one that abstains, and reviews, is both kinds of cascade."""
    spec = calibrations.calibration(flat(ALPHAS))
    spec["models"]["copy"] = {"cost": 0.0, "load": {"name": "maxgram", "min_match": 2, "bigram": None}}
    spec["acceptance"]["t"]["copy"] = 0.6
    spec["meta"]["calibration"]["seconds"]["copy"] = {"propose": {"median": 1e-5}}
    calibration = calibration_of(Cascade.from_json(spec, needs_draft=False))
    found = cascades(calibration, optima=False)
    assert any(named.name == "copy x12 + a to2(mag x4)" and named.family == "full" for named in found)
    for named in found:
        if named.family != "bad":
            assert named.family == family_of(named.draft, calibration.statistical), named.name


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("uncertainty",), {"models": {"a": []}}, "uncertainty.models.a: got [], expected an object"),
        (
            ("uncertainty",),
            {"models": {"a": {"cost": 1e297}}},
            "uncertainty.models.a.cost: got 1e+297, expected a number",
        ),
        (
            ("meta", "calibration", "reference_context"),
            1e308,
            "meta.calibration.reference_context: got 1e+308, expected",
        ),
        (("meta", "calibration", "seconds", "t", "median"), [[0.0] * 7] * 3, "meta.calibration.seconds.t"),
        (("meta", "calibration", "max_new_tokens"), 1e300, "meta.calibration.max_new_tokens: got 1e+300, expected"),
    ],
)
def test_absurd_numbers_of_a_calibration_are_one_line(path, value, message):
    spec = calibrations.calibration(flat(ALPHAS))
    inner = spec
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = value
    with pytest.raises(InputError) as refused:
        calibration_of(Cascade.from_json(spec, needs_draft=False))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("cost", [0, 1e-308])
def test_an_error_beside_a_cost_of_nothing_is_one_line(cost):
    spec = calibrations.calibration(flat(ALPHAS), uncertainty={"models": {"a": {"cost": {"by_tokens": [0.01, 0.01]}}}})
    spec["models"]["a"]["cost"] = {"by_tokens": [cost, 0.2]}
    with pytest.raises(
        InputError, match=r"^models\.a\.cost: got (0|1e-308) for a call on 1 tokens, expected at least 0\.01"
    ):
        calibration_of(Cascade.from_json(spec, needs_draft=False))
