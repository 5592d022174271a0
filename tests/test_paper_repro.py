"""The ordered list of artefacts: building, reuse, failure, refusals."""

import argparse
import dataclasses
import importlib
import json
import os
import subprocess
import sys

import calibrations
import numpy as np
import pytest
import synthetic_traces

import paper_repro
from analysis.model import Cascade, InputError
from analysis.model.records.calibration import calibration_of
from analysis.paper import calibration_data
from analysis.theory.exact import ewif
from figures.figure import Figure
from figures.report import given, long_run, page, this_run
from figures.report.artefacts import Artefact, Build, Builder, with_inputs
from figures.report.command_lines import by_commands, call, words_of
from figures.report.drawing import drawing
from figures.report.given import Given
from realrun.runs.prompts import shipped_prompts

OURS = Given(shipped_prompts())
ARTEFACTS = paper_repro.artefacts(OURS, full=False)


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
    assert names == [
        *("real-prompts", "real-calibration", "real-predictions", "real-choice", "real-measurements"),
        *("real-ladder", "real-figure"),
    ]


def test_every_artefact_has_a_title_and_what_the_report_shows_a_caption():
    for artefact in (*ARTEFACTS, *paper_repro.artefacts(OURS, full=True)):
        assert artefact.title
        assert artefact.caption or not any(file.endswith((".md", ".png")) for file in artefact.files)
    headings = [artefact.heading for artefact in ARTEFACTS]
    assert len({page.slug(heading) for heading in headings}) == len(headings)


def test_importing_the_script_lists_nothing_and_loads_neither_sympy_nor_torch():
    assert not [name for name, value in vars(paper_repro).items() if isinstance(value, (tuple, list, Artefact))]
    code = "import sys, paper_repro; print({'sympy', 'torch', 'transformers'} & set(sys.modules))"
    call = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=paper_repro.ROOT
    )
    assert call.stdout.strip() == "set()"


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
        (["--prompts", "/none.jsonl", "--list"], "error: /none.jsonl: no such file"),
        (["--prompts", "/dev/null", "--list"], "error: --prompts: got '/dev/null', expected a regular file"),
        (["--models", "/dev", "--list"], "error: --models: got '/dev', expected a regular file"),
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


@pytest.mark.parametrize("damage", ["emptied", "changed", "missing"])
@pytest.mark.parametrize("file", ["ewif_curves.png", "ewif_curves.pdf"])
def test_an_output_that_is_not_what_was_written_does_not_count_as_finished(run, tmp_path, file, damage):
    run("--only", "ewif-curves", "--out", tmp_path)
    whole = (tmp_path / file).read_bytes()
    if damage == "missing":
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(b"" if damage == "emptied" else whole[:-1])
    assert "ewif-curves: built in" in run("--only", "ewif-curves", "--out", tmp_path)[2]
    assert (tmp_path / file).read_bytes() == whole


@pytest.mark.parametrize("content", [None, ""])
def test_an_artefact_that_leaves_a_file_out_or_empty_has_failed(tmp_path, content):
    (tmp_path / ".finished").mkdir()
    hollow = Artefact("a", (), ("a.md",), lambda run: None if content is None else run.write("a.md", content))
    builder = Builder(Build(tmp_path, seed=0, full=False), [hollow])
    builder.build(hollow)
    assert builder.failed == {"a": "InputError: a: a.md was not written, or is empty"}
    assert not builder.is_finished(hollow)


def test_prompts_from_a_pipe_are_refused_since_they_can_be_read_but_once(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    status, _, err = run("--prompts", tmp_path / "pipe", "--list")
    assert status == 2
    assert "expected a regular file" in err.splitlines()[-1]


def counting(name, inputs, value):
    """An artefact that writes a number and what its inputs hold."""

    def build(run):
        run.write(f"{name}.json", [value, *(run.read(f"{other}.json") for other in inputs)])

    return Artefact(name, inputs, (f"{name}.json",), build)


def test_what_was_built_from_other_inputs_is_built_anew(tmp_path):
    settings = Build(tmp_path, seed=0, full=False)
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
    builder = Builder(Build(tmp_path, seed=0, full=False), [counting("a", (), 1)])
    builder.build(counting("a", (), 1))
    assert not builder.failed
    assert builder.is_finished(counting("a", (), 1))


def test_files_of_an_earlier_build_are_gone_before_the_next_and_when_it_fails(tmp_path):
    (tmp_path / ".finished").mkdir()
    settings = Build(tmp_path, seed=0, full=False)
    (tmp_path / "a.json").write_text("old")

    def build(run):
        assert not (tmp_path / "a.json").exists()
        raise InputError("weather", "too bad")

    builder = Builder(settings, [Artefact("a", (), ("a.json",), build)])
    builder.build(Artefact("a", (), ("a.json",), build))
    assert builder.failed == {"a": "InputError: weather: too bad"}
    assert not (tmp_path / "a.json").exists()


BARE = Figure("Bare", "", (3.3, 2.0), lambda ax, data: None)


@pytest.mark.parametrize("nothing", [None, []])
def test_a_figure_without_data_is_a_failure_by_name(tmp_path, nothing):
    with pytest.raises(InputError, match="bare: the files have nothing to draw"):
        drawing("bare", lambda _: nothing, Figure("Bare", "", (3.3, 2.0), lambda ax, data: None)).build(
            Build(tmp_path, 0, False)
        )
    assert not list(tmp_path.iterdir())


def broken(run):
    raise InputError("weather", "too bad")


def test_a_failed_artefact_is_reported_and_the_others_still_come(run, tmp_path, monkeypatch):
    def without(artefact):
        return dataclasses.replace(artefact, build=broken) if artefact.name == "real-calibration" else artefact

    monkeypatch.setattr(paper_repro, "artefacts", lambda *_: tuple(without(artefact) for artefact in ARTEFACTS))
    status, out, _ = run("--only", "real-figure", "ewif-curves", "--out", tmp_path)
    assert status == 1
    assert (tmp_path / "ewif_curves.png").exists()
    assert "FAILED real-calibration: InputError: weather: too bad" in out
    assert "FAILED real-choice: needs real-predictions" in out
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
    call(["analysis", "predict", *map(str, both), "--out", str(folder / "predicted.jsonl")])
    traces = folder / "calibration.traces.jsonl.gz"
    call(["simulate", "replay", *map(str, both), "--traces", str(traces), "--out", str(folder / "replay.jsonl")])
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
    run = Build(tmp_path_factory.mktemp("out"), seed=0, full=False)
    (run.out / ".finished").mkdir()
    files = long_run.recorded(recorded)
    artefacts = (*long_run.of_long_run(files), *long_run.of_shapes((), files))
    builder = Builder(run, artefacts)
    for artefact in artefacts:
        builder.build(artefact)
    return run, builder, artefacts


def test_every_artefact_of_a_long_run_comes_from_its_files_alone(built):
    _, builder, artefacts = built
    assert builder.failed == {}
    assert all(builder.is_finished(artefact) for artefact in artefacts)
    assert all(a.heading.endswith(": recorded on 2 CPU cores") for a in artefacts if a.name not in ("scale", "costs"))


def test_the_tables_of_a_long_run_stand_in_the_report(built):
    run, builder, artefacts = built
    page.write_report(artefacts, builder)
    report = (run.out / "report.md").read_text()
    for words in ("median abs.", "chosen elsewhere", "constant hazard", "claimed EWIF", "![survival](survival.png)"):
        assert words in report


def test_the_ladder_joins_what_was_measured(built):
    found = built[0].read("ladder.json")
    speedups = {row["name"]: row["measured"]["speedup"] for row in found["cascades"]}
    assert speedups["mag x4"] == pytest.approx((0.05 * 48 + 0.01) / (0.05 * 20 + 0.01))
    assert list(found["rungs"]) == ["iid", "iid+t(q)", "fits", "replay"]
    assert len(calibration_data.remainders(found)) == 4


def test_the_map_has_the_measured_cascades_where_they_belong(built, recorded):
    calibration = json.loads((recorded / "calibration.json").read_text())
    found = calibration_data.neighbourhood(_calibration(calibration), built[0].read("ladder.json"))
    assert found["labels"] == ["a", "mag"]
    assert {(p["first"], p["second"]) for p in found["measured"]} == {(3, 0), (0, 4), (2, 2)}
    assert found["ewif"][0][0] == pytest.approx(1)
    del calibration["meta"]["calibration"]["seconds"]["mag"]
    assert calibration_data.neighbourhood(_calibration(calibration), built[0].read("ladder.json")) is None


def _calibration(document):
    return calibration_of(Cascade.from_json(document, needs_draft=False))


def test_the_map_is_of_the_two_drafters_measured_most():
    calibration = calibrations.calibration(calibrations.flat(calibrations.ALPHAS))
    drafts = [[("a", 2)], [("b", 1), ("mag", 4)], [("b", 3)], [("mag", 1)], [("mag", 4), ("b", 1)]]
    rows = [
        {"draft": [{"by": by, "tokens": n} for by, n in draft], "measured": {"speedup": 1.0 + i}}
        for i, draft in enumerate(drafts)
    ]
    found = calibration_data.neighbourhood(_calibration(calibration), {"cascades": rows})
    assert found["labels"] == ["b", "mag"]
    assert [(p["first"], p["second"], p["speedup"]) for p in found["measured"]] == [
        (1, 4, 2.0),
        (3, 0, 3.0),
        (0, 1, 4.0),
    ]
    one = Cascade.from_json({**calibration, "draft": rows[1]["draft"]})
    assert found["ewif"][1][4] == pytest.approx(ewif(one))


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
    assert long_run.recorded(tmp_path) is None
    (tmp_path / "calibration.json").write_text("{}")
    assert long_run.recorded(tmp_path) is None
    assert [path.name for path in long_run.recorded(recorded)["predicted"]] == ["predicted.jsonl", "replay.jsonl"]


@pytest.mark.parametrize("case", ["full", "prompts", "models"])
def test_the_full_profile_and_what_is_ones_own_show_what_was_measured_now(case, recorded, tmp_path):
    mine, models = tmp_path / "mine.jsonl", tmp_path / "models.json"
    mine.write_text(shipped_prompts().read_text())
    models.write_text(json.dumps(given.MODELS))
    chosen = {"full": OURS, "prompts": Given(mine), "models": Given(shipped_prompts(), models)}[case]
    kept = {a.name: a for a in paper_repro.artefacts(OURS, False, recorded)}
    assert kept["ladder"].inputs == ()
    assert kept["ladder"].sources
    found = {a.name: a for a in paper_repro.artefacts(chosen, case == "full", recorded)}
    assert list(found) == list(kept)
    assert found["ladder"].inputs == ("real-calibration", "real-predictions", "real-measurements")
    assert found["checks"].inputs == ("real-calibration",)
    assert found["real-prompts"].sources == chosen.files
    assert found["ladder"].heading.endswith(": this run")
    seen = set()
    for artefact in found.values():
        assert seen.issuperset(artefact.inputs), artefact.name
        seen.add(artefact.name)


def test_words_that_stand_for_files_and_the_seed_are_put_in_their_place(tmp_path):
    run = Build(tmp_path, seed=7, full=False)
    files = {"measured": ("a b.jsonl", tmp_path / "c"), "none": ()}
    words = words_of("analysis x @measured --n @none --seed @seed --out @o.json", run, files)
    here = tmp_path.resolve()
    assert words == [
        *("analysis", "x", f"{here}/a b.jsonl", f"{here}/c", "--n", "--seed", "7", "--out", f"{here}/o.json")
    ]


def test_a_command_that_fails_is_an_artefacts_failure(tmp_path):
    run = Build(tmp_path, 0, False)
    with pytest.raises(InputError, match=r"python -m analysis checks: .*none: no such file"):
        by_commands("analysis checks @none")(run)
    by_commands("analysis checks @none", accepted=(2,))(run)


def written(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_prompts_are_split_and_the_quick_profile_takes_few(tmp_path):
    every = [row["id"] for row in written(shipped_prompts())]
    for full, counts in ((True, (12, 24)), (False, (6, 6))):
        run = Build(tmp_path, 0, full)
        artefact = next(a for a in this_run.of_this_run(OURS, full) if a.name == "real-prompts")
        artefact.build(run)
        files = ("real_calibration_prompts.jsonl", "real_prompts.jsonl")
        found = [[row["id"] for row in written(tmp_path / file)] for file in files]
        assert found == [every[24 : 24 + counts[0]], every[: counts[1]]]
    models = json.loads((tmp_path / "real_models.json").read_text())
    Cascade.from_json(models)
    assert models == {**given.MODELS, "draft": []}


def test_models_of_ones_own_take_the_place_of_ours(tmp_path, run):
    mine = {"target": "big", "models": {"big": {"load": "a"}, "mag": {"load": "maxgram"}}, "draft": []}
    (tmp_path / "models.json").write_text(json.dumps(mine))
    status, _, err = run("--models", tmp_path / "models.json", "--only", "real-prompts", "--out", tmp_path / "out")
    assert (status, json.loads((tmp_path / "out" / "real_models.json").read_text())) == (0, mine), err
    (tmp_path / "models.json").write_text(json.dumps(mine | {"target": "x"}))
    assert run("--models", tmp_path / "models.json", "--list")[0] == 2


def test_the_quick_profile_measures_the_best_predicted_of_every_family(tmp_path):
    run = Build(tmp_path, 0, False)
    listed = [{"name": n, "family": f, "draft": d} for n, (f, d) in DRAFTS.items()]
    listed.append({"name": "a x9", "family": "speculative", "draft": [{"by": "a", "tokens": 9}]})
    rows = [{"name": each["name"], "rung": "replay", "speedup": 1.0 + i / 10} for i, each in enumerate(listed)]
    run.write("real_cascades.jsonl", listed)
    run.write("real_replayed.jsonl", rows)
    this_run.build_choice(run, full=False)
    assert {each["name"] for each in written(tmp_path / "real_chosen.jsonl")} == {*DRAFTS, "a x9"} - {"a x3"}
    this_run.build_choice(run, full=True)
    assert written(tmp_path / "real_chosen.jsonl") == listed


def test_a_text_that_is_not_the_targets_own_fails_the_artefact_and_stays_in_its_table(tmp_path, monkeypatch):
    run = Build(tmp_path, 0, False)
    run.write("real_chosen.jsonl", [{"name": "a x3", "family": "speculative", "draft": DRAFTS["a x3"][1]}])
    run.write("real_prompts.jsonl", [{"id": i, "prompt": "?"} for i in range(5)])
    lines = []

    def commands(line, files, accepted):
        def build(run):
            lines.append(words_of(line, run, files))
            kinds = ["identical", "divergent" if "float32" in line else "near-tie", "identical"]
            rows = [{"cascade": "lossless-speculative", "category": kind} for kind in kinds]
            run.write(f"real_lossless_{'float32' if 'float32' in line else 'measured'}.jsonl", rows)

        return build

    monkeypatch.setattr(this_run, "by_commands", commands)
    with pytest.raises(InputError, match="1 texts are not the target's own"):
        this_run.build_lossless(run, OURS, 3, 40)
    row = (tmp_path / "real_lossless.md").read_text().splitlines()[2]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["speculative", "2/0/1", "2/1/0"]
    for line in lines:
        assert line[:3] == ["realrun", "lossless", f"{tmp_path.resolve()}/lossless-speculative.json"]
        assert callable(parsed(line[0], line[1:]).run)
    assert len(written(tmp_path / "real_lossless_prompts.jsonl")) == 3


def parsed(package, words):
    """Whether the package's own parser takes these words."""
    module = importlib.import_module(f"{package}.commands.{words[0]}")
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.add(parser.add_subparsers())
    return parser.parse_args(words)


def test_every_command_line_is_one_that_its_command_understands(monkeypatch, tmp_path):
    lines = []

    def commands(*given, files=None, accepted=(0,)):
        return lambda run: lines.extend((line, files or {}) for line in given)

    without_commands = ("real-prompts", "real-choice", "real-lossless")
    for module in (this_run, long_run):
        monkeypatch.setattr(module, "by_commands", commands)
    for full in (True, False):
        for artefact in paper_repro.artefacts(OURS, full, tmp_path / "none"):
            if artefact.build.__name__ == "<lambda>" and artefact.name not in without_commands:
                artefact.build(Build(tmp_path, 0, full))
    asked = set()
    for line, files in lines:
        package, *words = words_of(line, Build(tmp_path, 0, False), files)
        asked.add((package, words[0]))
        assert callable(parsed(package, words).run)
    names = ("calibrate", "bench"), ("cascades", "predict", "ladder", "checks", "swi", "scale"), ("replay",)
    packages = ("realrun", "analysis", "simulate")
    assert asked == {(package, name) for package, group in zip(packages, names, strict=True) for name in group}


def test_learning_curves_come_from_cards():
    card = {"curve": [{"step": 1, "tokens": 10, "loss": 3.0, "agreement": 0.1}]}
    found = calibration_data.learning_curves([("d1", card), ("d2", {})])
    assert found == [{"name": "d1", "points": [{"tokens": 10, "agreement": 0.1}]}]
