"""``python -m realrun bench``: what it prints and writes, and bad input in one line."""

import json
from functools import partial
from importlib import metadata

import pytest
import tiny
import torch
from command_line import run_realrun

from realrun.bench import driver
from realrun.bench import flashspec_decoder as flash
from realrun.commands.bench import named_cascades
from realrun.loading import ensemble as models
from realrun.runs.measure import interleave

MAG = {"by": "mag", "tokens": 3}
DRAFTS = {"speculative": [{"by": "a", "tokens": 2}], "full": [{"by": "a", "rounds": 1, "draft": [MAG]}, MAG]}


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs ``python -m realrun bench``."""
    return partial(run_realrun, capfd, monkeypatch, "bench")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {name: tiny.save(root / name, seed=seed) for seed, name in enumerate("tab")}


@pytest.fixture
def files(tmp_path, folders):
    """Two specifications and some prompts; a function that writes more."""

    def write(name, draft, **loads):
        models = {"t": folders["t"], "a": folders["a"], "mag": "maxgram"} | loads
        spec = {"target": "t", "models": {key: {"load": load} for key, load in models.items()}, "draft": draft}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(spec))
        return path

    for name, draft in DRAFTS.items():
        write(name, draft)
    lines = [{"id": i, "prompt": text} for i, text in enumerate(["hello world", "abc abc ab", "the dog the"])]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return write


def options(tmp_path, *more):
    return ["--prompts", tmp_path / "prompts.jsonl", "--max-new-tokens", 8, "--memory-prompt", 0, *more]


def test_the_last_line_is_one_json_object_and_all_else_goes_to_stderr(run, tmp_path, files):
    cascades = [tmp_path / "speculative.json", tmp_path / "full.json"]
    baselines = ["--baseline", "autoregressive", "hf-assisted", "hf-prompt-lookup"]
    out = tmp_path / "rows.jsonl"
    result = run(*cascades, *baselines, *options(tmp_path, "--json", "--out", out, "--memory-prompt", 20))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("\n") == 1
    summary = json.loads(result.stdout)
    assert list(summary["methods"]) == [
        *("speculative", "full", "autoregressive", "hf-assisted[a 2]", "hf-assisted[a 4]", "hf-prompt-lookup[3]")
    ]
    assert all(method["equal_tokens"]["equal"] == 3 for method in summary["methods"].values())
    assert summary["baseline_models"] == "plain"
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 3 * 6
    assert {row["method"] for row in rows} == set(summary["methods"])
    assert len({row["task"] for row in rows}) == len(summary["methods"])
    assert all(row["schema"] == 1 and row["dtype"] == "float32" and row["torch"] for row in rows)
    assert "95 % interval" in result.stderr


@pytest.mark.parametrize("more", [(), ("--counts-only",), ("--tune", 1)])
def test_rows_are_in_the_file_as_they_come_and_the_same_command_goes_on(run, tmp_path, files, monkeypatch, more):
    out = tmp_path / "rows.jsonl"
    arguments = (tmp_path / "full.json", *options(tmp_path, "--out", out, "--json", *more))

    def dying(*given):
        for number, row in enumerate(interleave(*given)):
            if given[4] == "bench" and number == 2:
                raise KeyboardInterrupt
            yield row

    with monkeypatch.context() as patch:
        patch.setattr(driver, "interleave", dying)
        assert run(*arguments).returncode == 130
    content = out.read_text()
    assert len(content.splitlines()) == 2
    assert content.endswith("\n")
    out.write_text("".join(content.splitlines(keepends=True)[:1]))  # the journal is written first, and may be ahead
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    assert out.read_text().startswith(content)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    summary = json.loads(result.stdout)
    runs = summary["prompts"] * len(summary["methods"])
    assert len(rows) == runs == len({(row["method"], row["id"]) for row in rows})
    assert all(method["equal_tokens"]["equal"] == summary["prompts"] for method in summary["methods"].values())
    assert not (tmp_path / "rows.jsonl.journal").exists()


def test_rows_of_a_finished_run_are_refused(run, tmp_path, files, monkeypatch):
    out = tmp_path / "rows.jsonl"
    out.write_text('{"method": "x"}\n' * 2)
    monkeypatch.setattr(models, "load_ensemble", lambda *arguments, **more: pytest.fail("models are loaded"))
    result = run(tmp_path / "full.json", *options(tmp_path, "--out", out))
    assert result.returncode == 2
    assert result.stderr == f"error: --out: {out} holds 2 rows already, name another file\n"
    assert out.read_text() == '{"method": "x"}\n' * 2


def test_a_model_without_load_is_named(run, tmp_path, files):
    spec = {"target": "t", "models": {"t": {"cost": 1}, "d": {"cost": 0.1}}, "acceptance": {"t": {"d": 0.8}}}
    (tmp_path / "theory.json").write_text(json.dumps(spec | {"draft": [{"by": "d", "tokens": 2}]}))
    result = run(tmp_path / "theory.json", *options(tmp_path))
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {tmp_path / 'theory.json'}, models.t.load: missing, expected what to load")


def test_an_empty_file_takes_rows(run, tmp_path, files):
    out = tmp_path / "rows.jsonl"
    out.touch()
    assert run(tmp_path / "full.json", *options(tmp_path, "--out", out)).returncode == 0
    assert len(out.read_text().splitlines()) == 3 * 2


def test_without_json_the_tables_are_the_output(run, tmp_path, files):
    result = run(tmp_path / "full.json", *options(tmp_path, "--repeats", 2))
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["method", "dtype", "tok/s"]
    assert any(line.startswith("same settings  full") for line in lines)
    titles = [line.split() for line in lines if line.startswith("method")]
    assert [title[1] for title in titles] == ["dtype", "0", "prefill"]
    assert not any(path.suffix == ".jsonl" and path.name != "prompts.jsonl" for path in tmp_path.iterdir())


def test_a_target_alone_has_neither_positions_nor_comparisons(run, tmp_path, files):
    result = run(files("alone", []), *options(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "Hazard" not in result.stdout
    assert "ratio" not in result.stdout


BAD = [
    (["--baseline", "vllm"], "--baseline: got 'vllm', expected one of autoregressive, hf-autoregressive, hf-assisted"),
    (["--baseline-models", "own"], "--baseline-models: got 'own', expected one of plain, shared"),
    (["--max-new-tokens", "0"], "--max-new-tokens: got '0', expected a whole number in 1.."),
    (["--repeats", "none"], "--repeats: got 'none', expected a whole number in 1.."),
    (["--tune", "3"], "--tune: got '3', expected a whole number in 0..2"),
    (["--memory-prompt", "-1"], "--memory-prompt: got '-1', expected a whole number in 0.."),
    (["--dtype", "int4"], "--dtype: got 'int4', expected one of float32"),
    (["--seed", "x"], "--seed: got 'x', expected a whole number in 0.."),
    (["--prompts", "nowhere.jsonl"], "nowhere.jsonl: no such file"),
    (["--out", "/nowhere/rows.jsonl"], "/nowhere/rows.jsonl: the folder /nowhere does not exist"),
]


@pytest.mark.parametrize(("more", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_bad_options_are_one_line_and_leave_nothing(run, tmp_path, files, more, message):
    result = run(tmp_path / "full.json", *options(tmp_path, *more))
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not result.stdout
    assert not (tmp_path / "rows.jsonl").exists()


def test_specifications_that_disagree_are_refused(run, tmp_path, files, folders):
    other = files("other", DRAFTS["speculative"], a=folders["b"])
    result = run(tmp_path / "full.json", other, *options(tmp_path))
    assert result.returncode == 2
    assert "other, models.a.load: got" in result.stderr.splitlines()[-1]


def test_a_baseline_that_fits_no_cascade_is_refused(run, tmp_path, files):
    alone = files("alone", [MAG])
    result = run(alone, *options(tmp_path, "--baseline", "hf-assisted"))
    assert result.returncode == 2
    assert "--baseline: got hf-assisted, but no cascade has a drafter that it could use" in result.stderr


def test_files_of_one_name_are_told_apart_by_their_paths(tmp_path, files):
    (tmp_path / "sub").mkdir()
    again = tmp_path / "sub" / "full.json"
    again.write_text((tmp_path / "full.json").read_text())
    reserved = files("autoregressive", [])
    names = list(
        named_cascades(list(map(str, [tmp_path / "full.json", again, tmp_path / "speculative.json", reserved])))
    )
    assert names == [str(tmp_path / "full.json"), str(again), "speculative", str(reserved)]


def test_without_flashspec_the_line_says_how_to_get_it(run, monkeypatch, tmp_path, files):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(flash.metadata, "version", version)
    result = run(tmp_path / "full.json", *options(tmp_path, "--baseline", "flashspec"))
    assert result.returncode == 2
    assert "expected version 0.3.1 (pip install 'cascade-ewif[bench]')" in result.stderr.splitlines()[-1]
    monkeypatch.setattr(flash.metadata, "version", lambda name: "0.2.0")
    result = run(tmp_path / "full.json", *options(tmp_path, "--baseline", "flashspec"))
    assert result.returncode == 2
    assert "version 0.2.0 of it is installed" in result.stderr.splitlines()[-1]


@pytest.fixture
def flashspec():
    return pytest.importorskip("flashspec", reason="the extra `bench` is not installed")


def test_flashspec_gives_the_same_tokens_with_every_kind_of_drafter(flashspec, run, tmp_path, files):
    lookup = files("lookup", [MAG])
    cascades = [tmp_path / "speculative.json", tmp_path / "full.json", lookup]
    result = run(*cascades, *options(tmp_path, "--baseline", "flashspec", "--json"))
    assert result.returncode == 0, result.stderr
    methods = json.loads(result.stdout)["methods"]
    assert list(methods)[3:] == ["flashspec[a 2]", "flashspec[lookup 3, else a 4]", "flashspec[lookup 3]"]
    for method in methods.values():
        assert method["equal_tokens"]["equal"] == 3
        assert method["accepted"] <= method["examined"] <= method["drafted"]
        assert 0 <= method["accepted"] + method["target_reviews"] - method["tokens"] <= 3  # a text's last token, if cut


def test_flashspec_would_run_past_the_context_and_is_refused_in_time(flashspec, run, tmp_path, files):
    more = ["--baseline", "flashspec", "--max-new-tokens", 100]
    result = run(tmp_path / "speculative.json", *options(tmp_path, *more))
    assert result.returncode == 2
    assert "--max-new-tokens: got 100, expected at most 84 beside flashspec" in result.stderr.splitlines()[-1]


def test_in_bfloat16_the_other_programs_run_unpacked_weights_unless_shared(run, tmp_path, files):
    more = ["--baseline", "hf-autoregressive", "--dtype", "bfloat16", "--json"]
    for kind in ("plain", "shared"):
        result = run(tmp_path / "full.json", *options(tmp_path, *more, "--baseline-models", kind))
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["baseline_models"] == kind


def test_plain_models_have_neither_packed_layers_nor_our_attention_nor_a_short_head(folders):
    from analysis.model import Cascade
    from realrun.bench.plain import plain_cascade, restore_attention
    from realrun.loading.ensemble import load_ensemble
    from realrun.network.attention import NAME

    models = {"t": {"load": folders["t"]}, "a": {"load": {"name": "skip:2", "head": 20}}, "m": {"load": "maxgram"}}
    draft = [{"by": "a", "tokens": 1}, {"by": "m", "tokens": 1}]
    cascade = Cascade.from_json({"target": "t", "models": models, "draft": draft})
    ours = load_ensemble(cascade, torch.bfloat16)
    plain = load_ensemble(plain_cascade(cascade), torch.bfloat16)
    restore_attention(plain)

    def kinds(ensemble, name):
        network = ensemble.models[name].network
        return {type(module).__name__ for module in network.modules()}, network.config._attn_implementation

    assert ours.models["a"].output_ids is not None
    assert plain.models["a"].output_ids is None
    assert NAME == kinds(ours, "t")[1] == kinds(ours, "a")[1]
    for name in "ta":
        layers, attention = kinds(plain, name)
        assert "PackedLinear" not in layers
        assert attention == "sdpa"


def test_a_drafter_whose_context_is_shorter_limits_other_programs_but_not_our_engine(run, tmp_path, files):
    short = tiny.save(tmp_path / "short", seed=1, max_position_embeddings=40)
    cascade = files("short", DRAFTS["full"], a=short)
    long = options(tmp_path, "--max-new-tokens", 60)
    assert run(cascade, *long).returncode == 0
    result = run(cascade, "--baseline", "hf-assisted", *long)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith(
        "error: --max-new-tokens: got 60, expected at most 29 beside programs that end a text where a drafter's context"
    )
    assert run(cascade, "--baseline", "hf-assisted", *options(tmp_path, "--max-new-tokens", 29)).returncode == 0


def test_a_drafter_with_a_short_head_can_be_timed_beside_its_target_alone(run, tmp_path, files):
    cascade = files("head", DRAFTS["speculative"], a={"name": "skip:2", "head": 20})
    assert run(cascade, *options(tmp_path)).returncode == 0


def test_the_task_of_a_row_does_not_change_with_costs(run, tmp_path, files):
    cascade = files("plain", DRAFTS["speculative"])
    spec = json.loads(cascade.read_text())
    spec["models"]["a"]["cost"] = 0.3
    tasks = []
    for out in (tmp_path / "before.jsonl", tmp_path / "after.jsonl"):
        assert run(cascade, *options(tmp_path, "--out", out)).returncode == 0
        tasks.append({json.loads(line)["task"] for line in out.read_text().splitlines()})
        cascade.write_text(json.dumps(spec))
    assert tasks[0] == tasks[1]
    assert len(tasks[0]) == 2
