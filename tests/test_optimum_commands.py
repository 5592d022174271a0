"""The command lines of the optimum and of its speed."""

import json
import subprocess
import sys

import pytest
from command_line import run

from analysis.commands import ewif, optimise, theory_speed

SPEC = {
    "target": "t",
    "models": {"t": {"cost": 1}, "a": {"cost": 0.1}, "b": {"cost": 0}},
    "acceptance": {"t": {"a": 0.8, "b": 0.4}, "a": {"b": 0.6}},
}


def analysis(*arguments):
    command = [sys.executable, "-m", "analysis", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def ran(monkeypatch, capsys):
    """Run one command in this process; gives its status, stdout and stderr."""

    def call(module, *arguments):
        return run(module, capsys, monkeypatch, *arguments)

    return call


@pytest.fixture
def refused(ran):
    """Run a command that must fail; gives its line on stderr."""

    def call(module, *arguments):
        status, out, err = ran(module, *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)
        return err

    return call


@pytest.fixture
def models(tmp_path):
    def write(**changes):
        path = tmp_path / "models.json"
        path.write_text(json.dumps(SPEC | changes))
        return path

    return write


def test_optimise_prints_the_draft_and_a_certificate(models):
    done = analysis("optimise", models(), "--verify", "--k-matrix", "--max-tokens", 10, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["certificate"]["kind"] in ("limited", "extrapolated")
    assert result["certificate"]["proved_bound"] == pytest.approx(result["ewif"], rel=1e-9)
    assert result["k_matrix"]["ewif"] <= result["k_matrix"]["upper_bound"]
    assert "uncertainty" not in result


def test_verify_says_what_it_found_for_drafts_of_leaves_too(models, ran):
    path = models(acceptance={"t": {"a": {"per_position": [0.8, 0.7], "beyond": "last"}, "b": 0.4}})
    _, out, _ = ran(optimise, "optimise", path, "--verify", "--json")
    result = json.loads(out.splitlines()[-1])
    assert result["certificate"]["kind"] in ("limited", "extrapolated")
    assert result["certificate"]["proved_bound"] == pytest.approx(result["ewif"], rel=1e-4)
    _, out, _ = ran(optimise, "optimise", path, "--verify", "--max-tokens", 300)
    assert "no second proof: drafts of leaves have one up to 256 tokens" in out
    nested = models(acceptance={"t": {"a": {"per_position": [0.8, 0.7], "beyond": "last"}, "b": 0.4}, "a": {"b": 0.6}})
    _, out, _ = ran(optimise, "optimise", nested, "--verify", "--max-tokens", 4)
    assert "no second proof: the upper bound is proved without the search" in out


def test_the_draft_printed_has_the_ewif_printed(models, tmp_path, ran):
    _, out, _ = ran(optimise, "optimise", models(), "--json")
    result = json.loads(out.splitlines()[-1])
    spec = tmp_path / "best.json"
    spec.write_text(json.dumps(SPEC | {"draft": result["draft"]}))
    _, out, _ = ran(ewif, "ewif", spec, "--json")
    assert json.loads(out.splitlines()[-1])["ewif"] == result["ewif"]


def test_uncertainty_adds_a_recommendation(models, ran):
    path = models(uncertainty={"acceptance": {"t": {"a": 0.1}}})
    _, out, _ = ran(optimise, "optimise", path, "--samples", 10, "--json")
    assert {"draft", "mean_regret", "best_share"} <= set(json.loads(out.splitlines()[-1])["uncertainty"])
    _, out, _ = ran(optimise, "optimise", path, "--samples", 10, "--max-tokens", 5)
    assert "recommended" in out


def test_a_draft_in_the_file_is_ignored_with_a_note(models, ran):
    status, out, err = ran(optimise, "optimise", models(draft=[{"by": "b", "tokens": 1}]))
    assert status == 0
    assert "not read" in err
    assert out.startswith("EWIF")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--max-tokens", "0"], "--max-tokens"),
        (["--max-tokens", "4097"], "--max-tokens"),
        (["--max-tokens", "x"], "--max-tokens"),
        (["--max-depth", "0"], "--max-depth"),
        (["--samples", "-1"], "--samples"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_bad_options_are_refused_in_one_line(models, refused, arguments, field):
    assert refused(optimise, "optimise", models(), *arguments).startswith(f"error: {field}: got ")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"acceptance": {}}, "acceptance.t"),
        ({"models": SPEC["models"] | {"a": {"load": "x"}}}, "models.a.cost"),
        ({"acceptance": {"t": {"a": 1.2}}}, "acceptance.t.a"),
        ({"uncertainty": {"acceptance": {"t": {"z": 0.1}}}}, "uncertainty.acceptance.t.z"),
    ],
)
def test_bad_models_are_refused_in_one_line(models, refused, changes, field):
    assert refused(optimise, "optimise", models(**changes)).startswith(f"error: {field}")


@pytest.mark.slow
def test_bench_ends_with_its_medians():
    done = analysis("bench", "--repeats", 1)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    for name in ("grid_evals_per_s", "nested_eval_ms", "optimise_small_s", "optimise_large_s"):
        assert result[name] > 0


def test_bench_refuses_no_repeats(refused):
    assert refused(theory_speed, "theory-speed", "--repeats", 0).startswith("error: --repeats: got '0'")
