"""The ordered list of artefacts: building, reuse, failure, refusals."""

import dataclasses
import json
import sys

import calibrations
import numpy as np
import pytest
import synthetic_traces

import paper_real
import paper_repro
from analysis import calibration_data
from analysis.model import InputError
from figures.artefacts import Artefact, Builder, Run, with_inputs
from paper_repro import ARTEFACTS


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs ``python paper_repro.py`` and returns its exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["paper_repro.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            paper_repro.exit_with(paper_repro.main)
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return run


def test_inputs_come_before_what_needs_them():
    seen = set()
    for artefact in ARTEFACTS:
        assert seen.issuperset(artefact.inputs), artefact.name
        seen.add(artefact.name)
    assert len(seen) == len(ARTEFACTS)


def test_files_belong_to_one_artefact_each():
    files = [file for artefact in ARTEFACTS for file in artefact.files]
    assert len(files) == len(set(files))


def test_naming_an_artefact_brings_its_inputs():
    names = [artefact.name for artefact in with_inputs(ARTEFACTS, ["real-figure"])]
    assert names == ["real-calibration", "real-predictions", "real-measurements", "real-ladder", "real-figure"]


def test_list_names_every_artefact(run):
    status, out, _ = run("--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [artefact.name for artefact in ARTEFACTS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "tabel1"], "error: --only: got 'tabel1', expected names of table1"),
        (["--seed", "-1"], "error: --seed: got '-1', expected a whole number"),
        (["--out", "/dev/null/x", "--only", "ewif-curves"], "error: --out: the folder /dev/null/x cannot be written"),
    ],
)
def test_bad_input_is_one_line(run, arguments, message):
    status, _, err = run(*arguments)
    assert status == 2
    assert err.splitlines()[-1].startswith(message)


def test_finished_artefacts_are_reused_and_others_are_not(run, tmp_path):
    assert run("--only", "ewif-curves", "--out", tmp_path)[0] == 0
    first = (tmp_path / "ewif_curves.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert "![ewif_curves](ewif_curves.png)" in (tmp_path / "report.md").read_text()
    assert run("--only", "schematic", "--out", tmp_path)[0] == 0
    assert "![ewif_curves](ewif_curves.png)" in (tmp_path / "report.md").read_text()
    assert "ewif-curves: finished before, reused" in run("--only", "ewif-curves", "--out", tmp_path)[2]
    assert "ewif-curves: built in" in run("--only", "ewif-curves", "--out", tmp_path, "--seed", "1")[2]
    (tmp_path / "ewif_curves.pdf").unlink()
    assert "ewif-curves: built in" in run("--only", "ewif-curves", "--out", tmp_path, "--seed", "1")[2]
    assert (tmp_path / "ewif_curves.png").read_bytes() == first


def counting(name, inputs, value):
    """An artefact that writes a number and what its inputs hold."""

    def build(run):
        run.write(f"{name}.json", [value, *(run.read(f"{other}.json") for other in inputs)])

    return Artefact(name, name, inputs, (f"{name}.json",), build)


def test_what_was_built_from_other_inputs_is_built_anew(tmp_path):
    settings = Run(tmp_path, seed=0, full=False)
    (tmp_path / ".finished").mkdir()

    def build_all(*artefacts, only=None):
        builder = Builder(settings, artefacts)
        for artefact in artefacts:
            if only in (None, artefact.name):
                builder.build(artefact)

    upper = counting("upper", ("lower",), 1)
    build_all(counting("lower", (), 10), upper)
    (tmp_path / "lower.json").unlink()
    build_all(counting("lower", (), 20), upper, only="lower")
    build_all(counting("lower", (), 20), upper)
    assert settings.read("upper.json") == [1, [20]]


def test_an_unreadable_mark_only_costs_building_anew(tmp_path):
    (tmp_path / ".finished").mkdir()
    (tmp_path / ".finished" / "a.json").write_text("{")
    builder = Builder(Run(tmp_path, seed=0, full=False), [counting("a", (), 1)])
    builder.build(counting("a", (), 1))
    assert not builder.failed
    assert builder.is_finished(counting("a", (), 1))


def broken(run):
    raise InputError("weather", "too bad")


def test_a_failed_artefact_is_reported_and_the_others_still_come(run, tmp_path, monkeypatch):
    def without(artefact):
        return dataclasses.replace(artefact, build=broken) if artefact.name == "real-calibration" else artefact

    monkeypatch.setattr(paper_repro, "ARTEFACTS", tuple(without(artefact) for artefact in ARTEFACTS))
    status, out, _ = run("--only", "real-figure", "ewif-curves", "--out", tmp_path)
    assert status == 1
    assert (tmp_path / "ewif_curves.png").exists()
    assert "FAILED real-calibration: InputError: weather: too bad" in out
    assert "FAILED real-ladder: needs real-calibration, real-predictions, real-measurements" in out
    assert "**Failed:** needs real-ladder" in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "real_ladder.md").exists()


# What calibrated and measured rows say, from files made up so that the replay is right but for the loop.

DRAFTS = {
    "autoregressive": ("autoregressive", []),
    "a x3": ("speculative", [{"by": "a", "tokens": 3}]),
    "mag x4": ("maxgram", [{"by": "mag", "tokens": 4}]),
    "a x2, mag x2": ("horizontal", [{"by": "a", "tokens": 2}, {"by": "mag", "tokens": 2}]),
    "a 2x(mag x3)": ("vertical", [{"by": "a", "rounds": 2, "draft": [{"by": "mag", "tokens": 3}]}]),
}
PROMPTS, TOKENS = 12, 48


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder with all that a long run leaves; every method takes a known number of seconds."""
    folder = tmp_path_factory.mktemp("results")
    rng = np.random.default_rng(0)
    alphas = {pair: calibrations.ALPHAS[pair] for pair in ("ta", "tm", "am")}
    texts = {("t", "a"): [], ("t", "mag"): [], ("a", "mag"): []}
    for _ in range(PROMPTS):  # the target says 0 everywhere, so that agreements cannot contradict each other
        a, mag = (np.where(rng.random(TOKENS) < alphas[p], 0, rng.integers(1, 4, TOKENS)) for p in ("ta", "tm"))
        for pair, agreed in zip(texts, (a == 0, mag == 0, a == mag), strict=True):
            texts[pair].append(agreed.astype(np.int8))
    synthetic_traces.write(synthetic_traces.as_traces(texts), folder / "calibration.traces.jsonl.gz")
    spec = calibrations.calibration(
        calibrations.flat(alphas), models=("t", "a", "mag"), parameters={"t": 134_515_008, "a": 20_000_000}
    )
    calibrations.write(folder / "calibration.json", spec)
    lines = [json.dumps({"name": n, "family": f, "draft": d}) for n, (f, d) in DRAFTS.items()]
    (folder / "cascades.jsonl").write_text("\n".join(lines))
    both = (folder / "calibration.json", "--cascades", folder / "cascades.jsonl")
    paper_real.command("analysis", "predict", *both, "--out", folder / "predicted.jsonl")
    traces = folder / "calibration.traces.jsonl.gz"
    paper_real.command("simulate", "replay", *both, "--traces", traces, "--out", folder / "replay.jsonl")
    rows = []
    for prompt in range(4):
        for name, (_, draft) in DRAFTS.items():
            cycles = 48 if name == "autoregressive" else 20
            q = 1 if name == "autoregressive" else 4
            calls = {"t": {"calls": cycles, "q": {str(q): cycles}, "seconds": 0.05 * cycles, "prefill_seconds": 0.1}}
            if name.startswith("a "):
                calls["a"] = {"calls": 40, "q": {"1": 40}, "seconds": 0.16, "prefill_seconds": 0.01}
            seconds = 0.1 + sum(log["seconds"] for log in calls.values()) + 0.01
            row = {"method": name, "settings": {"draft": draft}, "repeat": 0, "id": prompt, "category": "chat"}
            row |= {"prompt_tokens": 20, "tokens": list(range(48)), "seconds": seconds, "prefill_seconds": 0.1}
            rows.append(json.dumps(row | {"cycles": cycles, "calls": calls, "drafted": 3 * cycles}))
    (folder / "measured.jsonl").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def built(recorded, tmp_path_factory):
    """Everything that is drawn from these files."""
    run = Run(tmp_path_factory.mktemp("out"), seed=0, full=False)
    (run.out / ".finished").mkdir()
    artefacts = paper_repro.of_long_run(paper_real.Rows.recorded(recorded))
    builder = Builder(run, artefacts)
    for artefact in artefacts:
        builder.build(artefact)
    return run, builder, artefacts


def test_every_artefact_of_a_long_run_comes_from_its_files_alone(built):
    _, builder, artefacts = built
    assert builder.failed == {}
    assert all(builder.is_finished(artefact) for artefact in artefacts)
    assert all("the recorded long run" in a.title for a in artefacts if a.name != "costs")


def test_the_ladder_joins_what_was_measured(built):
    found = built[0].read("ladder.json")
    speedups = {row["name"]: row["measured"]["speedup"] for row in found["cascades"]}
    assert speedups["mag x4"] == pytest.approx((0.05 * 48 + 0.01) / (0.05 * 20 + 0.01))
    assert list(found["rungs"]) == ["iid", "iid+t(q)", "fits", "replay"]
    assert len(calibration_data.remainders(found)) == 4


def test_the_map_has_the_measured_cascades_where_they_belong(built, recorded):
    calibration = json.loads((recorded / "calibration.json").read_text())
    found = calibration_data.neighbourhood(calibration, built[0].read("ladder.json"))
    assert found["labels"] == ["a", "mag"]
    assert {(p["first"], p["second"]) for p in found["measured"]} == {(3, 0), (0, 4), (2, 2)}
    assert found["ewif"][0][0] == pytest.approx(1)
    del calibration["meta"]["calibration"]["seconds"]["mag"]
    assert calibration_data.neighbourhood(calibration, built[0].read("ladder.json")) is None


def test_a_new_record_is_drawn_anew(built, recorded):
    _, builder, artefacts = built
    checks = next(artefact for artefact in artefacts if artefact.name == "checks")
    assert builder.is_finished(checks)
    traces = recorded / "calibration.traces.jsonl.gz"
    whole = traces.read_bytes()
    try:
        traces.write_bytes(whole + b"")
        assert builder.is_finished(checks)
        traces.write_bytes(whole[:-1])
        assert not builder.is_finished(checks)
    finally:
        traces.write_bytes(whole)


def test_half_a_record_is_none(tmp_path, recorded):
    assert paper_real.Rows.recorded(tmp_path) is None
    (tmp_path / "calibration.json").write_text("{}")
    assert paper_real.Rows.recorded(tmp_path) is None
    assert len(paper_real.Rows.recorded(recorded).predicted) == 2


def test_without_a_record_the_same_is_drawn_from_this_run():
    mine = {artefact.name: artefact for artefact in paper_repro.artefacts(None)}
    assert mine["ladder"].inputs == ("real-calibration", "real-predictions", "real-measurements")
    assert mine["checks"].inputs == ("real-calibration",)
    assert "this run" in mine["ladder"].title
    seen = set()
    for artefact in mine.values():
        assert seen.issuperset(artefact.inputs), artefact.name
        seen.add(artefact.name)


def test_a_command_that_fails_is_an_artefacts_failure():
    with pytest.raises(InputError, match="python -m analysis checks: /none: no such file"):
        paper_real.command("analysis", "checks", "/none")


def test_the_quick_cascades_are_specifications_of_the_shipped_models():
    from analysis.model import Cascade

    families = [family for _, family, _ in paper_real.QUICK]
    assert len(set(families)) >= 6
    for name, _, draft in paper_real.QUICK:
        Cascade.from_json({"target": "t", "models": paper_real.MODELS, "draft": draft})
        assert name


def test_learning_curves_come_from_cards():
    card = {"curve": [{"step": 1, "tokens": 10, "loss": 3.0, "agreement": 0.1}]}
    found = calibration_data.learning_curves([("d1", card), ("d2", {})])
    assert found == [{"name": "d1", "points": [{"tokens": 10, "alpha": 0.1}]}]
