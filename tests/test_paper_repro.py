"""The ordered list of artefacts: building, reuse, failure, refusals."""

import dataclasses
import sys

import pytest

import paper_repro
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
    assert names == ["real-runs", "real-table", "real-figure"]


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
        return dataclasses.replace(artefact, build=broken) if artefact.name == "real-runs" else artefact

    monkeypatch.setattr(paper_repro, "ARTEFACTS", tuple(without(artefact) for artefact in ARTEFACTS))
    status, out, _ = run("--only", "real-figure", "ewif-curves", "--out", tmp_path)
    assert status == 1
    assert (tmp_path / "ewif_curves.png").exists()
    assert "FAILED real-runs: InputError: weather: too bad" in out
    assert "FAILED real-table: needs real-runs" in out
    assert "**Failed:** needs real-table" in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "real_table.md").exists()
