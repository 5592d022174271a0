"""``cascade-ewif limits``: on a tiny model, with rates from a file."""

import json
from functools import partial

import calibrations
import pytest
import tiny
import torch
from calibrations import ALPHAS, flat
from command_line import run as run_module
from rooflines import RATES

from realrun.commands import limits
from realrun.roofline import rates as measuring
from realrun.roofline.kernels import kernels_for


@pytest.fixture
def run(monkeypatch, capfd):
    return partial(run_module, limits, capfd, monkeypatch, "limits")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("limits") / "t")


@pytest.fixture
def rates(tmp_path):
    (tmp_path / "rates.json").write_text(json.dumps(RATES.to_json()))
    return tmp_path / "rates.json"


@pytest.fixture
def known(tmp_path, model):
    """A calibration of the tiny model, with other rates than the file's."""
    spec = calibrations.calibration(flat(ALPHAS), dtype="bfloat16", machine_rates=RATES.to_json() | {"read": 1e3})
    spec["models"]["t"]["load"] = model
    (tmp_path / "c.json").write_text(json.dumps(spec))
    return tmp_path / "c.json"


def row(method, seconds, **changes):
    return {
        "method": method,
        "settings": {"draft": []},
        "id": 1,
        "prompt_tokens": 5,
        "tokens": 10,
        "seconds": seconds,
        "prefill_seconds": 0.0,
        "cycles": 10,
        "calls": {"t": {"q": {"1": 10}, "seconds": seconds}},
        "dtype": "float32",
    } | changes


def test_the_table_alone(run, model, rates):
    found = run("--model", model, "--rates", rates, "--held", 10)
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    assert "cpu, 2 threads: reads 30.0 GB/s from memory (one thread 20.0, from its own caches 80.0" in found.stdout
    assert "(measured before)" in found.stdout
    assert "after 10 held ones" in found.stdout
    assert "of the limit" not in found.stdout


def test_numbers_of_a_tiny_model(run, model, rates):
    found = run("--model", model, "--rates", rates, "--held", 10, "--json")
    told = json.loads(found.stdout)
    assert told["rates"] == RATES.to_json()
    limits_of = {each["format"]: each for each in told["limits"]}
    assert list(limits_of) == list(limits._FORMATS)
    one = limits_of["float32"]
    assert one["weight_bytes"] == 4 * 7488
    assert one["held_bytes"] == 4 * 480
    assert one["least_seconds"]["1"] == pytest.approx((4 * 7488 + 4 * 480) / 3e10)
    assert one["tokens_per_second"] == pytest.approx(1 / one["least_seconds"]["1"])
    assert "Least ms of a call" in found.stderr


def test_what_it_writes_gives_the_rates_again(run, model, rates, tmp_path):
    out, again = tmp_path / "out.json", tmp_path / "again.json"
    assert run("--model", model, "--rates", rates, "--out", out, "--markdown", tmp_path / "m.md").returncode == 0
    assert run("--model", model, "--rates", out, "--out", again).returncode == 0
    assert json.loads(again.read_text()) == json.loads(out.read_text())
    assert (tmp_path / "m.md").read_text().startswith("cpu, 2 threads")


def test_without_a_file_rates_are_measured(run, model, monkeypatch):
    asked = []
    monkeypatch.setattr(measuring, "measured_rates", lambda device: asked.append(device) or RATES)
    found = run("--model", model)
    assert "(measured now)" in found.stdout
    assert asked == ["cpu"]


def test_a_calibration_is_held_against_the_rates_of_its_own_machine(run, known, rates):
    found = run("--calibration", known, "--json")
    told = json.loads(found.stdout)
    assert told["rates"]["read"] == 1e3
    assert told["calls"]["weights"] == "bfloat16"
    shares = told["calls"]["shares"]
    assert len(shares) == len(calibrations.SIZES) * len(calibrations.CONTEXTS)
    first = next(each for each in shares if (each["q"], each["held"]) == (1, 100))
    least = (2 * 7488 + 2 * 48 * 100) / 1e3
    assert first["least"] == pytest.approx(least)
    assert first["share"] == pytest.approx(least / calibrations.unit())
    assert "after 100 held tokens, bfloat16" in found.stderr
    assert "! above the limit" in found.stderr  # 40 ms for what takes 25 s by these rates
    given = json.loads(run("--calibration", known, "--rates", rates, "--weights", "int8", "--json").stdout)
    assert given["rates"]["read"] == 3e10
    assert given["calls"]["weights"] == "int8"


def test_a_calibration_without_rates_is_held_against_this_machine_and_that_is_said(run, known, monkeypatch):
    spec = json.loads(known.read_text())
    del spec["meta"]["calibration"]["machine_rates"]
    known.write_text(json.dumps(spec))
    monkeypatch.setattr(measuring, "measured_rates", lambda device: RATES)
    found = run("--calibration", known)
    assert found.returncode == 0
    assert "tells no rates of the machine" in found.stderr
    assert "timed with" not in found.stderr


def test_other_threads_than_the_calibrations_are_said(run, known, rates):
    spec = json.loads(known.read_text())
    spec["meta"]["calibration"]["threads"] = 1
    known.write_text(json.dumps(spec))
    found = run("--calibration", known, "--rates", rates)
    assert "--calibration: its calls were timed with 1 threads, the rates with 2" in found.stderr


@pytest.mark.parametrize(
    ("load", "notes", "expected"),
    [
        ({"weights": "int8"}, "bfloat16", "int8"),
        ({"dtype": "float32"}, "bfloat16", "float32"),
        ({}, "float16", "float16"),
    ],
)
def test_what_a_load_says_of_its_weights_comes_first(load, notes, expected, known):
    spec = json.loads(known.read_text())
    spec["models"]["t"]["load"] = {"name": "x"} | load
    spec["meta"]["calibration"]["dtype"] = notes
    known.write_text(json.dumps(spec))
    assert limits.weights_of(limits.read_calibration(known)) == expected


def test_methods_are_held_against_their_limits(run, model, rates, tmp_path):
    rows = [
        row("autoregressive", 1e-3),
        row("llama.cpp[2]", 1e-3, settings={"file": "m.gguf"}, calls={"t": {"seconds": 1e-3}}),
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    found = run("--model", model, "--rates", rates, "--measured", tmp_path / "rows.jsonl", "--json")
    ours, theirs = json.loads(found.stdout)["methods"]
    least = (4 * 7488 + 4 * 48 * 10) / 3e10
    assert ours["tokens_per_second"] == pytest.approx(10 / 1e-3)
    assert ours["of_plain"] == ours["of_calls"] == pytest.approx(10 * least / 1e-3)
    assert theirs["of_plain"] is None  # without --gguf
    assert theirs["tokens_per_second"] == pytest.approx(9 / 1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "maxgram"], "--model: 'maxgram' cannot be the target"),
        (["--held", -1], "--held: got '-1', expected a whole number in 0.."),
        (["--weights", "int7"], "--weights: got 'int7', expected one of float32, bfloat16"),
        (["--rates", "none.json"], "none.json: no such file"),
        (["--gguf", "none.gguf"], "none.gguf: cannot be read"),
    ],
)
def test_bad_input_is_one_line(run, model, rates, arguments, message):
    found = run("--model", model, "--rates", rates, *arguments)
    assert found.returncode == 2
    assert message in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_model_that_has_no_such_limit_is_named(run, rates, tmp_path, capfd):
    folder = tiny.save(tmp_path / "t5", "t5")
    capfd.readouterr()
    found = run("--model", folder, "--rates", rates)
    assert found.returncode == 2
    assert found.stderr.endswith(f"error: --model: {folder!r} is an encoder-decoder, expected a decoder\n")


def test_wrong_rates_are_named_with_their_file(run, model, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps({"rates": {"device": "cpu", "threads": 1, "read": "much"}}))
    found = run("--model", model, "--rates", tmp_path / "r.json")
    assert found.returncode == 2
    assert "rates.products: got null, expected an object (in " in found.stderr


def test_a_calibration_that_tells_no_format_needs_the_option(run, known):
    spec = json.loads(known.read_text())
    del spec["meta"]["calibration"]["dtype"]
    known.write_text(json.dumps(spec))
    found = run("--calibration", known)
    assert found.returncode == 2
    assert "--weights: missing: the calibration says None, expected one of float32" in found.stderr
    assert run("--calibration", known, "--weights", "bfloat16").returncode == 0


def test_kernels_are_timed_for_each_format(run, model, rates):
    found = run("--model", model, "--rates", rates, "--kernels", "--json")
    assert found.returncode == 0, found.stderr
    kernels = {each["kernel"]: each for each in json.loads(found.stdout.splitlines()[-1])["kernels"]}
    assert {"float32", "bfloat16"} <= set(kernels)
    for each in kernels.values():
        assert set(each["seconds"]) == {"1", "4", "8", "16"}
        assert min(each["seconds"].values()) > 0
    assert kernels["float32"]["bytes"] == 2 * kernels["bfloat16"]["bytes"]


def test_every_kernel_multiplies_by_the_weights_it_was_given():
    torch.manual_seed(0)
    weight, rows = torch.randn(64, 96), torch.rand(5, 96) * 2 - 1
    expected = rows @ weight.T
    kernels = list(kernels_for([(64, 96)], torch.device("cpu")))
    assert len(kernels) > 2
    for kernel in kernels:
        found = kernel.make(weight)(rows.to(kernel.inputs)).float()
        error = float((found - expected).norm() / expected.norm())
        assert error < (0.15 if "int4" in kernel.name else 0.02), kernel.name
