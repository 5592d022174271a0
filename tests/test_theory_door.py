"""The door of theory: what `import analysis` offers, when it loads what, and cascades built, read and shown."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run

import analysis
from analysis import Cascade, InputError, Step, ewif, ewif_by_length, fit, moments, optimise, predict
from analysis.commands import ewif as ewif_command
from analysis.theory.closed_forms import horizontal_ewif, speculative_ewif, vertical_ewif

CALIBRATION = Path(__file__).parent.parent / "results" / "cpu" / "calibration.json"


@pytest.fixture
def run_line(capsys, monkeypatch):
    return lambda *words: run(ewif_command, capsys, monkeypatch, *words)


def test_tab_shows_the_public_names_and_each_is_there():
    assert set(dir(analysis)) == set(analysis.__all__) >= {"Cascade", "ewif", "moments", "optimise", "fit", "predict"}
    for name in analysis.__all__:
        assert getattr(analysis, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'evif'"):
        analysis.evif  # noqa: B018


def test_importing_theory_loads_nothing_heavy_and_evaluating_only_numpy():
    code = (
        "import sys, analysis\nassert 'numpy' not in sys.modules\n"
        "analysis.ewif(analysis.Cascade.speculative(.8, .1, 5))\n"
        "assert not {'scipy', 'sympy', 'torch', 'numba', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_subpackage_does_not_hide_a_function():
    code = (
        "import analysis.fitting, analysis.prediction, analysis.optimum; from analysis import fit, predict, optimise\n"
    )
    subprocess.run([sys.executable, "-c", code + "assert all(map(callable, (fit, predict, optimise)))"], check=True)


def test_constructors_agree_with_the_papers_formulas():
    assert ewif(Cascade.speculative(0.7, 0.05, 6)) == pytest.approx(speculative_ewif(0.7, 0.05, 6), abs=1e-12)
    vertical = Cascade.vertical(alpha=0.7, inner_alpha=0.4, c=0.2, inner_c=0.01, rounds=3, k=4)
    assert ewif(vertical) == pytest.approx(vertical_ewif(0.7, 0.4, 0.2, 0.01, 3, 4), abs=1e-12)
    steps = [(0.8, 0.2, 2), (0.5, 0.05, 1), (0.3, 0.0, 4)]
    assert ewif(Cascade.horizontal(*steps)) == pytest.approx(horizontal_ewif(steps), abs=1e-12)


def test_constructors_take_what_a_specification_takes():
    c = Cascade.speculative({"per_position": [0.9, 0.5]}, {"fixed": 0.1, "per_token": 0.01}, 2)
    assert ewif(c) == pytest.approx((1 + 0.9 + 0.45) / (1 + 2 * 0.11))
    assert Cascade.speculative(0.8, 0.1, 0).draft == ()
    with pytest.raises(InputError, match=r"acceptance\.target\.draft: got 80"):
        Cascade.speculative(80, 0.1, 5)


def test_from_json_reads_a_dict_a_text_and_a_path(tmp_path):
    c = Cascade.vertical(0.8, 0.45, 0.1, 0, 3, 10)
    file = tmp_path / "c.json"
    file.write_text(c.canonical())
    assert Cascade.from_json(c.to_json()) == Cascade.from_json("\n " + c.canonical()) == c
    assert Cascade.from_json(file) == Cascade.from_json(str(file)) == c
    with pytest.raises(InputError, match=r"nowhere\.json: no such file"):
        Cascade.from_json("nowhere.json")
    with pytest.raises(InputError, match="malformed "):
        Cascade.from_json('{"target": ')


def test_with_length_changes_one_leaf_and_refuses_other_drafts():
    c = Cascade.speculative(0.8, 0.1, 5)
    assert c.with_length(7).draft == (Step("draft", tokens=7),)
    assert c.with_length(0).draft == ()
    with pytest.raises(InputError, match=r"draft: got d1 3x\(d2 x10\), expected one step of `tokens`"):
        Cascade.vertical(0.8, 0.45, 0.1, 0, 3, 10).with_length(3)


def test_a_cascade_shows_its_draft_defines_the_notation_and_escapes_names():
    c = Cascade.vertical(0.8, 0.45, 0.1, 0, 1, 10)
    assert "Cascade d1 1x(d2 x10), reviewed by target" in repr(c)
    assert "d1 reviews 1 round of the draft in brackets" in repr(c)
    assert "d2 drafts 10 tokens itself" in c._repr_html_()
    spec = {"target": "<b>", "models": {"<b>": {"cost": 1}}, "draft": []}
    assert "<b>" not in Cascade.from_json(spec)._repr_html_()
    assert "&lt;b&gt;" in Cascade.from_json(spec)._repr_html_()


def test_ewif_by_length_marks_the_best_and_all_within_one_per_cent():
    rows = ewif_by_length(Cascade.speculative(0.8, 0.1, 1), longest=12)
    assert [row.tokens for row in rows] == list(range(13))
    best = max(rows, key=lambda row: row.ewif)
    assert [row for row in rows if row.is_best] == [best]
    assert all(row.is_near == (row.ewif >= 0.99 * best.ewif) for row in rows)
    assert rows[0].ewif == 1


def test_optimise_fit_and_moments_take_what_a_notebook_has(tmp_path):
    models = Cascade.vertical(0.8, 0.45, 0.1, 0.0, 1, 1)
    assert optimise(models, max_tokens=8).ewif >= ewif(models)
    counts = {"rows": [{"examined": [100, 80], "accepted": [80, 60]}]}
    (tmp_path / "counts.json").write_text(json.dumps(counts))
    assert [f.acceptance for f in fit(counts)] == [f.acceptance for f in fit(tmp_path / "counts.json")]
    (constant,) = fit({"mean_length": 2.5, "draft_length": 4, "bonus_counted": True})
    assert ewif(Cascade.speculative(constant.acceptance, 0, 4)) == pytest.approx(2.5)
    assert moments(models).tokens_per_cycle == pytest.approx(ewif(models) * moments(models).cost_per_cycle)


def test_predictions_are_rows_for_given_drafts():
    rows = predict(CALIBRATION, [[{"by": "mag", "tokens": 4}], Cascade.speculative(0.5, 0.1, 0)])
    assert [(row["name"], row["rung"]) for row in rows[:3]] == [("mag x4", r) for r in ("iid", "iid+t(q)", "fits")]
    assert all(row["low"] <= row["speedup"] <= row["high"] for row in rows)
    with pytest.raises(InputError, match="rungs: got 'magic'"):
        predict(CALIBRATION, [], rungs=["magic"])


@pytest.mark.parametrize("numbers", [[".82", ".65", ".48", ".33", ".21"], [".82,.65,.48,.33,.21"]])
def test_five_rates_of_an_engine_give_a_table_by_length(run_line, numbers):
    done = run_line("ewif", "--survival", *numbers, "--draft-cost", ".06", "--json")
    rows = json.loads(done.stdout.splitlines()[-1])["rows"]
    assert [row["tokens"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert rows[5]["ewif"] == pytest.approx((1 + 0.82 + 0.65 + 0.48 + 0.33 + 0.21) / 1.3)


def test_a_table_says_where_the_data_end_and_what_a_review_is_taken_to_cost(run_line):
    done = run_line("ewif", "--survival", ".82", ".65", ".48", "--draft-cost", ".06")
    assert "whether more than 3 tokens gain is not known" in done.stdout
    assert "A review is taken to cost one target call" in done.stdout
    falling = run_line("ewif", "--survival", ".5", ".1", ".01", "--draft-cost", ".1", "--review-cost", ".02")
    assert "Acceptance is known for 3 positions" in falling.stdout
    assert "A review is taken" not in falling.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--survival", ".5", ".6", "--draft-cost", ".1"], "--survival, position 2: got 0.6 after 0.5"),
        (["--survival", "82", "--draft-cost", ".1"], "--survival: got '82', expected a number in [0, 1]"),
        (["--alpha", ".8"], "--draft-cost: missing"),
        ([], "SPEC.json: missing"),
        (["--survival", ".8", ".6", "--draft-cost", ".1", "--by-length", "9"], "--by-length: got '9'"),
    ],
)
def test_what_cannot_be_read_is_refused(run_line, words, problem):
    done = run_line("ewif", *words)
    assert done.returncode == 2
    assert problem in done.stderr


@pytest.mark.parametrize("asked", [[], ["20"]])
def test_a_table_ends_where_a_specifications_data_end_and_says_so_once(run_line, tmp_path, asked):
    spec = Cascade.speculative(0.8, 0.1, 5).to_json()
    spec["models"][spec["target"]]["cost"] = {"by_tokens": [1, 1.1, 1.3, 1.6, 2, 2.5]}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    done = run_line("ewif", tmp_path / "spec.json", "--by-length", *asked)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["0", "1", "2", "3", "4", "5"]
    assert lines[3].endswith("best")
    field = f"models.{spec['target']}.cost.by_tokens"
    assert lines[-1] == f"The table ends where the data do: {field} has 6 entries."


def test_a_table_goes_on_where_the_specification_says_how(run_line, tmp_path):
    spec = Cascade.speculative(0.8, 0.1, 5).to_json()
    spec["models"][spec["target"]]["cost"] = {"by_tokens": [1, 1.1, 1.3], "beyond": "linear"}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    done = run_line("ewif", tmp_path / "spec.json", "--by-length", "7")
    assert len(done.stdout.splitlines()) == 9
    assert "ends" not in done.stdout


def test_data_for_no_token_at_all_are_refused(run_line, tmp_path):
    spec = Cascade.speculative(0.8, 0.1, 5).to_json()
    spec["models"][spec["target"]]["cost"] = {"by_tokens": [1]}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    done = run_line("ewif", tmp_path / "spec.json", "--by-length")
    assert done.returncode == 2
    assert "has 1 entry, which tells nothing of a draft of one token" in done.stderr
