"""The command line of the simulation: results, refusals, and JSON on the last line."""

import json
import resource

import pytest
from sweeps import BETA, FLAT, NESTED, run

from analysis.model import Cascade
from analysis.theory.exact import ewif


@pytest.fixture
def spec(tmp_path):
    def write(value, name="spec.json"):
        path = tmp_path / name
        path.write_text(json.dumps(value))
        return path

    return write


def last(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("engine", ["reference", "kernel", "torch"])
def test_every_engine_estimates_the_exact_ewif(spec, engine):
    """Three interval half widths: a false alarm in 10^8."""
    found = last(run("run", spec(NESTED), "--cycles", "20000", "--engine", engine, "--json"))
    low, high = found["ci95"]
    assert abs(found["ewif"] - ewif(Cascade.from_json(NESTED))) < 3 * (high - low) / 2
    assert set(found) == {"ewif", "ci95", "tokens_per_cycle", "cost_per_cycle", "cycles", "seconds"}
    assert found["cycles"] == 20000


def test_compare_says_which_cascade_is_better(spec):
    first, second = spec(NESTED, "first.json"), spec(FLAT, "second.json")
    found = last(run("compare", first, second, "--blocks", "50000", "--json"))
    exact = ewif(Cascade.from_json(NESTED)) - ewif(Cascade.from_json(FLAT))
    half = (found["ci95"][1] - found["ci95"][0]) / 2
    assert abs(found["difference"] - exact) < 3 * half
    assert found["difference"] == pytest.approx(found["first"] - found["second"])


def test_generations_are_reported_beside_stationary_cycles(spec):
    found = last(run("generations", spec(NESTED), "--tokens", "10", "--prefill", "2", "--cycles", "100000", "--json"))
    assert found["difference"] == pytest.approx(found["ewif"] - found["stationary_ewif"])
    assert found["ewif"] == pytest.approx((10 + 2) / found["cost"])
    assert found["difference_ci95"][1] < 0  # short generations and their prefill gain less


def test_generations_take_a_process(spec):
    found = last(run("generations", spec(FLAT | {"process": BETA}), "--tokens", "30", "--cycles", "20000", "--json"))
    assert found["generations"] > 100


def test_a_full_disk_under_the_cache_of_compiled_loops_costs_no_result(spec, tmp_path, monkeypatch):
    """The limit on file sizes stands in for a full disk: the cache's index is larger than that."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    arguments = ("run", spec(FLAT), "--engine", "kernel", "--cycles", "1000", "--json")
    cramped, free = last(run(*arguments, preexec_fn=limit)), last(run(*arguments))
    assert cramped | {"seconds": 0} == free | {"seconds": 0}
    assert list((tmp_path / "cache").rglob("*.nbi"))  # with room, it is kept


def test_bench_ends_with_its_four_numbers():
    found = last(run("bench", "--repeats", "1", "--memory-cycles", "100000000"))
    for key in ("flat_cycles_per_s", "decay_cycles_per_s", "nested_rounds_per_s", "rng_doubles_per_s"):
        assert found[key] > 0
    assert found["memory_mib_long"] < found["memory_mib_1e6"] + 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "SPEC", "--engine", "warp"], "--engine: got 'warp'"),
        (["run", "SPEC", "--engine", "torch", "--device", "abacus"], "--device: got 'abacus'"),
        (["compare", "SPEC", "SPEC", "--blocks", "1"], "--blocks: got '1'"),
        (["generations", "SPEC", "--tokens", "0"], "--tokens: got '0'"),
        (["generations", "SPEC", "--tokens", "9", "--prefill", "x"], "--prefill: got 'x'"),
        (
            ["generations", "SPEC", "--tokens", "9", "--prefill", "-1"],
            "--prefill: got '-1', expected a finite",
        ),
        (["generations", "SPEC", "--tokens", "9", "--prefill", "nan"], "--prefill: got 'nan'"),
        (["bench", "--memory-cycles", "10000000000000", "--device", "abacus"], "--device: got 'abacus'"),
        (["summarise", "no.csv"], "no.csv: no such file"),
        (["bench", "--repeats", "0"], "--repeats: got '0'"),
    ],
)
def test_wrong_options_are_refused_in_one_line(spec, arguments, message):
    done = run(*[spec(FLAT) if a == "SPEC" else a for a in arguments])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert len(done.stderr.splitlines()) == 1
