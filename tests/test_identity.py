"""Rows made from other weights, another tokenizer or other prompt tokens are refused, in one line that says so."""

import json
from functools import partial

import pytest
import tiny
from command_line import run_realrun

from realrun.runs import generate as generating
from realrun.runs.prompts import encode


@pytest.fixture
def run(monkeypatch, capfd):
    return partial(run_realrun, capfd, monkeypatch)


@pytest.fixture
def files(tmp_path):
    """A specification of two models, and prompts."""
    for seed, name in enumerate(("target", "small")):
        tiny.save(tmp_path / name, seed=seed)
    models = {"t": {"load": str(tmp_path / "target")}, "s": {"load": str(tmp_path / "small")}}
    spec = {"target": "t", "models": models, "draft": [{"by": "s", "tokens": 2}]}
    (tmp_path / "c.json").write_text(json.dumps(spec))
    (tmp_path / "p.jsonl").write_text('{"id": 3, "prompt": "abc"}\n{"id": 4, "prompt": "de f"}\n')
    return tmp_path


def arguments_of(command, files):
    out = files / f"{command}.jsonl"
    options = ("--prompts", files / "p.jsonl", "--max-new-tokens", 4, "--out", out)
    return (command, files / "c.json", *options), out


@pytest.mark.parametrize("command", ["generate", "lossless"])
@pytest.mark.parametrize(("left", "model", "name"), [(1, "small", "s"), (2, "target", "t")])
def test_no_run_goes_on_with_rows_of_other_weights(run, files, command, left, model, name):
    arguments, out = arguments_of(command, files)
    assert run(*arguments).returncode == 0
    rows = out.read_text().splitlines(keepends=True)
    out.write_text("".join(rows[:left]))  # as a kill leaves it; or a whole file, which would be the old result again
    tiny.save(files / model, seed=7)
    result = run(*arguments)
    assert result.returncode == 2
    said = f"error: {out}, line 1: weights, configuration or tokenizer of `{name}` changed since"
    assert result.stderr.splitlines()[-1].startswith(said)
    assert out.read_text() == "".join(rows[:left])


@pytest.mark.parametrize("command", ["generate", "lossless"])
def test_no_run_goes_on_with_rows_of_other_prompt_tokens(run, files, command, monkeypatch):
    """As a chat template makes them that tells the date."""
    arguments, out = arguments_of(command, files)
    assert run(*arguments).returncode == 0
    before = out.read_text()
    monkeypatch.setattr(generating, "encode", lambda *prompt: [*encode(*prompt), 5])
    result = run(*arguments)
    assert (result.returncode, out.read_text()) == (2, before)
    assert "line 1: the prompt tokens of id 3 changed since" in result.stderr


def test_rows_of_other_weights_have_another_task(run, files):
    tasks = set()
    for seed in (1, 7):
        tiny.save(files / "small", seed=seed)
        arguments, out = arguments_of("generate", files)
        assert run(*arguments).returncode == 0
        tasks.add(json.loads(out.read_text().splitlines()[0])["task"])
        out.unlink()
    assert len(tasks) == 2


@pytest.mark.parametrize(
    ("command", "key", "value"),
    [
        ("generate", "seconds", None),
        ("generate", "seconds", "1"),
        ("generate", "tokens", [1.5]),
        ("lossless", "category", "good"),
        ("lossless", "margin", "1"),
        ("lossless", "tokens", -1),
    ],
)
def test_a_finished_row_that_lacks_what_the_summary_reads_is_refused(run, files, command, key, value):
    arguments, out = arguments_of(command, files)
    assert run(*arguments).returncode == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    for changed, message in (
        ({k: v for k, v in rows[0].items() if k != key}, f"line 1: has no {key}, expected a whole row"),
        (rows[0] | {key: value if value is not None else [1]}, f"line 1, {key}: got "),
    ):
        out.write_text("".join(json.dumps(row) + "\n" for row in (changed, rows[1])))
        result = run(*arguments)
        assert result.returncode == 2
        assert message in result.stderr.splitlines()[-1]
