"""``python -m realrun calibrate``: a file that theory and simulation take as it is, and bad input in one line."""

import gzip
import hashlib
import json
import os
import threading
from functools import partial

import pytest
import tiny
from command_line import run_realrun

from analysis.model import Cascade, read_cascade
from analysis.model.records.calibration import read_calibration
from analysis.model.records.uncertainty import uncertain_entries
from analysis.optimum import Problem, optimise
from realrun.calibration.costs import MOST
from realrun.runs.journal import Journal
from simulate.commands.replay import named_traces
from simulate.processes import read_process
from simulate.replay import read_traces


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs ``python -m realrun calibrate``."""
    return partial(run_realrun, capfd, monkeypatch, "calibrate")


PROMPTS = [("abc abc", "x"), ("hello world", "y"), ("zz top", "x"), ("the end", "y"), ("secret words", "x")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate")
    lines = [{"id": i, "prompt": text, "category": kind} for i, (text, kind) in enumerate(PROMPTS)]
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    tiny.save(folder / "t")
    tiny.save(folder / "other", seed=3)
    models = {"t": {"load": str(folder / "t")}, "s": {"load": "skip:2"}, "z": {"load": "skip:1"}}
    models["mag"] = {"load": "maxgram"}
    (folder / "models.json").write_text(json.dumps({"target": "t", "models": models}))
    return folder


@pytest.fixture
def quick(folder, tmp_path):
    return [
        *(folder / "models.json", "--prompts", folder / "prompts.jsonl", "--max-new-tokens", 20, "--turns", 1),
        *("--out", tmp_path / "c.json"),
    ]


def test_the_file_is_a_specification_that_theory_and_simulation_take_as_it_is(run, quick, tmp_path, folder):
    result = run(*quick, "--json", "--temperature", 0, 1, "--top-p", 0.9, "--follow-every", 2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1
    path = tmp_path / "c.json"
    spec = json.loads(path.read_text())
    assert spec["draft"] == []
    assert list(spec["models"]) == ["t", "s", "z", "mag"]
    cascade = read_cascade(path, needs_draft=False)
    assert {(r, d) for r, row in cascade.acceptance.items() for d in row} == {
        *(("t", "s"), ("t", "z"), ("t", "mag"), ("s", "z"), ("s", "mag"), ("z", "mag"))
    }
    assert len(list(uncertain_entries(cascade))) == 6 + 4
    assert all(len(spec["models"][name]["cost"]["by_tokens"]) == MOST for name in "tsz")
    assert spec["models"]["t"]["cost"]["by_tokens"][0] == 1
    assert 0 < spec["models"]["mag"]["cost"] < 1

    found = optimise(Problem(cascade, 4, 2))
    assert found.ewif >= 1
    calibration = read_calibration(path)
    assert json.loads(json.dumps(calibration.to_json())) == spec
    assert calibration.drafters == ("s", "z", "mag")
    assert calibration.max_new_tokens == 20

    meta = spec["meta"]["calibration"]
    assert json.loads(result.stdout)["acceptance_iid"] == meta["acceptance_iid"]
    assert meta["prompts"]["count"] == len(PROMPTS)
    assert meta["prompts"]["file_sha256"] == hashlib.sha256((folder / "prompts.jsonl").read_bytes()).hexdigest()
    assert set(meta["by_category"]) == {"x", "y"}
    assert meta["rounding"]["t"] == {"positions": 40, "different": 0}
    (sampled,) = meta["temperature"]
    assert sampled["policy"] == {"temperature": 1.0, "top_p": 0.9}
    Cascade.from_json(spec | {"acceptance": sampled["acceptance"]})

    traces = tmp_path / meta["traces"]["file"]
    assert hashlib.sha256(traces.read_bytes()).hexdigest() == meta["traces"]["sha256"]
    lines = [json.loads(line) for line in gzip.decompress(traces.read_bytes()).splitlines()]
    assert "secret" not in gzip.decompress(traces.read_bytes()).decode() + path.read_text()
    recorded = read_traces(traces)
    assert recorded.drafters == ("s", "z", "mag")
    for line, row in zip(lines[1:], meta["by_prompt"], strict=True):
        for reviewer, pairs in row["agree"].items():
            for drafter, (accepted, examined) in pairs.items():
                assert line["agree"][reviewer][drafter].count("1") == accepted
                assert examined == line["tokens"] == row["tokens"]
    strings = [
        {r: {d: s.replace(".", "0") for d, s in row.items()} for r, row in x["agree"].items()} for x in lines[1:]
    ]
    replay = read_process({"replay": {"traces": strings, "tokens": 20}})
    with_draft = Cascade.from_json(spec | {"draft": [{"by": "s", "rounds": 1, "draft": [{"by": "mag", "tokens": 3}]}]})
    assert len(replay.plan(with_draft).traces) == len(PROMPTS)


def test_the_same_seed_gives_the_same_acceptances_and_traces(run, quick, tmp_path):
    specs, traces = [], []
    for _ in range(2):
        assert run(*quick, "--limit", 2, "--temperature", 0, 0.8, "--seed", 5).returncode == 0
        spec = json.loads((tmp_path / "c.json").read_text())
        specs.append(
            [spec["acceptance"], spec["uncertainty"]["acceptance"], spec["meta"]["calibration"]["temperature"]]
        )
        traces.append((tmp_path / "c.traces.jsonl.gz").read_bytes())
    assert specs[0] == specs[1]
    assert traces[0] == traces[1]


def test_traces_in_another_folder_are_found_from_that_of_the_calibration(run, quick, tmp_path, monkeypatch):
    for name in ("specs", "traces"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "traces")
    result = run(*quick, "--limit", 2, "--out", tmp_path / "specs" / "c.json", "--traces", "t.gz")
    assert result.returncode == 0, result.stderr
    calibration = read_calibration(tmp_path / "specs" / "c.json")
    assert calibration.traces.file == "../traces/t.gz"
    monkeypatch.chdir(tmp_path)
    found = named_traces("specs/c.json", calibration)
    assert found.resolve() == (tmp_path / "traces" / "t.gz").resolve()
    assert read_traces(found).drafters == calibration.drafters


def test_a_temperature_alone_gives_acceptances_without_traces(run, quick, tmp_path):
    assert run(*quick, "--per-category", 1, "--temperature", 0.7).returncode == 0
    spec = json.loads((tmp_path / "c.json").read_text())
    meta = spec["meta"]["calibration"]
    assert meta["policy"] == {"temperature": 0.7}
    assert meta["prompts"]["ids"] == [0, 1]
    assert "traces" not in meta
    assert not (tmp_path / "c.traces.jsonl.gz").exists()
    assert 0 < spec["acceptance"]["t"]["s"]["per_position"][0] < 1


@pytest.mark.parametrize("kind", ["t5"])
def test_any_target_works_even_an_encoder_decoder_and_its_texts_may_be_written_by_a_draft(run, quick, tmp_path, kind):
    models = {"t": {"load": tiny.save(tmp_path / "t", kind)}, "a": {"load": tiny.save(tmp_path / "a", kind, seed=1)}}
    spec = tmp_path / "models.json"
    spec.write_text(json.dumps({"target": "t", "models": models, "draft": [{"by": "a", "tokens": 3}]}))
    result = run(spec, *quick[1:], "--limit", 2)
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "c.json").read_text())
    assert list(found["acceptance"]) == ["t"]
    assert found["draft"] == []
    assert "by_type" in found["meta"]["calibration"]


def test_another_target_can_be_named(run, quick, tmp_path, folder):
    assert run(*quick, "--limit", 2, "--target", folder / "other").returncode == 0
    spec = json.loads((tmp_path / "c.json").read_text())
    assert spec["models"]["t"]["load"] == str(folder / "other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--max-new-tokens", "0"], "error: --max-new-tokens: got '0', expected a whole number in 1..1000000"),
        (["--temperature", "-1"], "error: --temperature: got '-1', expected a finite number >= 0"),
        (["--temperature", "warm"], "error: --temperature: got 'warm', expected a finite number >= 0"),
        (["--top-p", "0"], "error: --top-p: got '0', expected a number in (0, 1]"),
        (["--turns", "0"], "error: --turns: got '0', expected a whole number in 1..10000"),
        (["--follow-every", "x"], "error: --follow-every: got 'x', expected a whole number in 1..1000000"),
        (["--limit", "1"], "error: --limit: got '1', expected a whole number in 2..1000000"),
        (["--dtype", "int4"], "error: --dtype: got 'int4', expected one of float32, bfloat16, float16, int8"),
        (["--target", "maxgram"], "error: --target: 'maxgram' cannot be the target, expected a neural model"),
        (["--traces", "x", "--temperature", "1"], "error: --traces: given with a temperature"),
        (["--out", "x", "--traces", "./x"], "error: --traces: got './x', expected another file than --out"),
        (["--limit", "2", "--per-category", "2"], "error: --per-category: not allowed with argument --limit"),
    ],
    ids=lambda value: value[0].strip("-") if isinstance(value, list) else "",
)
def test_bad_options_are_one_line(run, quick, tmp_path, change, message):
    result = run(*quick, *change)
    assert result.returncode == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"models": {"t": {"cost": 1}, "d": {"load": "x"}}},
            "error: PATH, models.t.load: missing, expected what to load",
        ),
        ({"models": {"t": {"load": "T"}}}, "error: models: got only the target 't', expected at least one drafter"),
        ({"models": {"t": {"load": "T"}, "d": {"load": "skip:9"}}}, "error: models.d.load: 'skip:9' keeps 9 layers"),
        (
            {"models": {"t": {"load": "T"}, "m": {"load": "maxgram"}}, "lenience": 2},
            "error: lenience: got 2, expected 1",
        ),
    ],
    ids=["no load", "no drafter", "too many layers", "lenience"],
)
def test_a_bad_specification_is_one_line_and_leaves_no_file(run, quick, tmp_path, folder, spec, message):
    path = tmp_path / "models.json"
    path.write_text(json.dumps({"target": "t"} | spec).replace('"T"', json.dumps(str(folder / "t"))))
    result = run(path, *quick[1:])
    assert result.returncode == 2
    assert result.stderr.startswith(message.replace("PATH", str(path))), result.stderr
    assert result.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["models.json"]


@pytest.mark.parametrize("step", [1, 4, 9, 11])
def test_an_interrupted_calibration_goes_on_and_gives_the_same(run, quick, tmp_path, monkeypatch, step):
    """Steps are 5 greedy texts, one turn of timing, the short runs, and 5 sampled texts."""
    options = (*quick, "--temperature", 0, 1, "--limit", 5)
    once = Journal.once

    def interrupted(self, name, make):
        if self._file is not None and len(self) == step and name not in self:
            raise KeyboardInterrupt
        return once(self, name, make)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "once", interrupted)
        result = run(*options)
    assert result.returncode == 130
    assert f"c.json.journal: keeps {step} finished steps, the same command goes on" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["c.json.journal"]
    result = run(*options)
    assert result.returncode == 0, result.stderr
    assert f"c.json.journal: goes on after {step} finished steps" in result.stderr
    found = [json.loads((tmp_path / "c.json").read_text()), (tmp_path / "c.traces.jsonl.gz").read_bytes()]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["c.json", "c.traces.jsonl.gz"]
    assert run(*options).returncode == 0
    straight = [json.loads((tmp_path / "c.json").read_text()), (tmp_path / "c.traces.jsonl.gz").read_bytes()]
    assert found[1] == straight[1]
    for key in ("acceptance", "models"):
        assert found[0][key].keys() == straight[0][key].keys()
    assert found[0]["acceptance"] == straight[0]["acceptance"]
    kept = [spec["meta"]["calibration"]["temperature"] for spec in (found[0], straight[0])]
    assert kept[0] == kept[1]


def test_steps_of_other_weights_or_options_are_not_gone_on_with(run, folder, tmp_path, monkeypatch):
    tiny.save(tmp_path / "t")
    models = {"t": {"load": str(tmp_path / "t")}, "mag": {"load": "maxgram"}}
    (tmp_path / "m.json").write_text(json.dumps({"target": "t", "models": models}))
    options = (tmp_path / "m.json", "--prompts", folder / "prompts.jsonl", "--out", tmp_path / "c.json", "--turns", 1)

    def interrupted(self, name, make):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "once", interrupted)
        assert run(*options, "--max-new-tokens", 4).returncode == 130
    result = run(*options, "--max-new-tokens", 5)
    assert result.returncode == 2
    assert "request is" in result.stderr
    tiny.save(tmp_path / "t", seed=5)
    result = run(*options, "--max-new-tokens", 4)
    assert result.returncode == 2
    said = (
        "weights, configuration or tokenizer of `mag`, `t` changed since: steps of another run, remove it to begin anew"
    )
    assert said in result.stderr or said.replace("`mag`, ", "") in result.stderr


def test_alphas_costs_and_the_time_it_takes_are_told(run, quick):
    result = run(*quick, "--limit", 2)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("will take about ")
    assert "2 texts of up to 20 tokens" in result.stderr
    tables = [[line.split() for line in part.splitlines()] for part in result.stdout.split("\n\n")]
    assert [row[:2] for row in tables[0]] == [
        *(["reviewer", "drafter"], ["t", "s"], ["t", "z"], ["t", "mag"], ["s", "z"], ["s", "mag"], ["z", "mag"])
    ]
    assert all(0 <= float(alpha) <= 1 and float(error) > 0 for _, _, alpha, error in tables[0][1:])
    assert [row[0] for row in tables[1]] == ["model", "t", "s", "z", "mag"]
    assert tables[1][1][1] == "1"
    assert tables[2][0] == ["q", "1", "2", "4", "8", "16", "32", "64"]
    assert tables[2][1][:2] == ["t(q)", "1.000"]


def test_prompts_may_come_from_a_pipe_and_are_read_once(run, quick, folder, tmp_path):
    content = (folder / "prompts.jsonl").read_text()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(content,), daemon=True)
    writer.start()
    quick[quick.index(folder / "prompts.jsonl")] = tmp_path / "pipe"
    assert run(*quick).returncode == 0
    meta = json.loads((tmp_path / "c.json").read_text())["meta"]["calibration"]
    assert meta["prompts"]["file_sha256"] == hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize("name", [b"\xff.json", b"/dev/full"])
def test_an_output_that_cannot_be_is_refused_before_anything_is_loaded(run, quick, tmp_path, monkeypatch, name):
    monkeypatch.setattr("realrun.loading.ensemble.load_ensemble", lambda *given: pytest.fail("models are loaded"))
    quick[-1] = os.fsdecode(name if name.startswith(b"/") else os.fsencode(tmp_path) + b"/" + name)
    result = run(*quick)
    assert result.returncode == 2
    assert "is not UTF-8 text" in result.stderr or "is a device" in result.stderr
