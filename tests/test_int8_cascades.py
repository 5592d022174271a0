"""Cascades over models in 8-bit integers: greedy text is the target's own to the last token, sampled text its law."""

import json
import math
from dataclasses import replace

import command_line
import pytest
import tiny
import torch
import toys

import realrun
from analysis.model import Cascade, InputError
from realrun.bench import plain
from realrun.bench.driver import BenchSettings, run_bench
from realrun.bench.plan import joint_cascade
from realrun.bench.table import render
from realrun.commands import lossless, shapes
from realrun.engine.cascade import CascadeDecoder
from realrun.loading.ensemble import DTYPES, load_ensemble
from realrun.maxgram.drafter import MaxGram
from realrun.network.int8_linear import why_unavailable
from realrun.network.int8_model import Int8Model
from realrun.network.parameters import multiplied_parameters
from realrun.runs.lossless import compare
from realrun.runs.prompts import Prompt
from realrun.shapes import build
from realrun.shapes import rows as shape_rows
from realrun.shapes.catalogue import Shape
from realrun.shapes.eager import EagerCalls

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason="torch has no int8 products here")

PROMPTS = [[3 + (i * seed + i // 3) % 24 for i in range(length)] for seed, length in ((1, 10), (2, 30), (5, 240))]
MAG = {"by": "mag", "tokens": 4}
DRAFTS = {
    "speculative": [{"by": "large", "tokens": 4}],
    "copying": [{"by": "mag", "tokens": 8}],
    "vertical": [{"by": "large", "rounds": 2, "draft": [MAG]}],
    "horizontal": [{"by": "large", "tokens": 2}, {"by": "small", "tokens": 2}, MAG],
    "nested": [{"by": "large", "rounds": 1, "draft": [{"by": "small", "rounds": 2, "draft": [MAG]}]}],
    "lenient": [{"by": "large", "rounds": 2, "lenience": 3.0, "draft": [MAG]}, {"by": "small", "tokens": 3}],
}
LOADS = {"large": "skip:2", "small": {"name": "skip:1", "head": 20}, "mag": "maxgram"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folder of a saved tiny model of long context, by architecture."""
    root = tmp_path_factory.mktemp("models")
    return {
        kind: tiny.save(root / kind, kind, max_position_embeddings=600)
        for kind in ("llama", "mistral", "qwen2", "qwen3")
    }


def spec(target, draft):
    models = {name: {"load": load} for name, load in {"t": target, **LOADS}.items()}
    return Cascade.from_json({"target": "t", "models": models, "draft": draft})


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3"])
def test_greedy_text_of_every_cascade_is_the_autoregressive_text(folders, kind):
    cascades = {name: spec(folders[kind], draft) for name, draft in DRAFTS.items()}
    ensemble = load_ensemble(joint_cascade(cascades), torch.int8)
    assert {type(model) for model in ensemble.models.values()} == {Int8Model, MaxGram}

    def text(cascade, prompt):
        return CascadeDecoder(cascade, ensemble.only(cascade), ensemble.context).generate(prompt, 40)

    alone = cascades["copying"].with_draft(())
    accepted = 0
    for prompt in PROMPTS:
        expected = text(alone, prompt).tokens
        for cascade in cascades.values():
            found = text(cascade, prompt)
            assert found.tokens == expected
            accepted += found.cycles < len(expected)
    assert accepted > len(PROMPTS)  # drafts were taken, not only corrected


class Table:
    """The law of a model's next token, as `toys.target_law` reads one."""

    def __init__(self, model):
        self._model = model

    def law(self, context):
        self._model.prefill(context[:1])
        return self._model.logits(context, 1)[0].double().softmax(-1)


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("name", ["two", "vertical", "nested"])
def test_the_law_of_sampled_texts_is_the_targets(name, verification):
    """Every random choice enumerated: the laws differ by no more than single precision."""
    size = {"vocab_size": 3, "pad_token_id": None}
    models = {key: Int8Model(tiny.network(seed=seed, **size), limits=64) for seed, key in enumerate("tabc")}
    engine = toys.decoder(models, toys.DRAFTS[name], verification)
    prompt, length = (1, 0), 2
    law = toys.text_law(engine, prompt, length)
    expected = toys.target_law(Table(models["t"]), prompt, length)
    assert len(expected) == 3**length
    assert toys.distance(law, expected) < 1e-5
    other = toys.target_law(Table(models["a"]), prompt, length)
    assert toys.distance(law, other) > 0.01  # negative control: the drafter's own law is another


@pytest.fixture
def files(folders, tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(spec(folders["llama"], DRAFTS["horizontal"]).to_json()))
    lines = [json.dumps({"id": i, "prompt": "hello hello he"[i:]}) for i in range(3)]
    (tmp_path / "p.jsonl").write_text("\n".join(lines) + "\n")
    return ["--prompts", tmp_path / "p.jsonl", "--max-new-tokens", 20, "--dtype", "int8", "--json"]


def test_the_command_finds_every_text_identical(files, tmp_path, capsys, monkeypatch):
    words = ["lossless", tmp_path / "s.json", *files, "--out", tmp_path / "rows.jsonl"]
    result = command_line.run(lossless, capsys, monkeypatch, *words)
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert (summary["dtype"], summary["texts"], summary["identical"]) == ("int8", 3, 3)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["dtype"] for row in rows} == {"int8"}


def test_a_difference_is_judged_by_the_model_in_int8_itself(files, tmp_path, capsys, monkeypatch):
    """An engine that is wrong on purpose is found out, and by the quantised target's own logits."""
    seen = []

    def spy(expected, found, dtype, logits_at):
        wrong = [*found[:2], (found[2] + 1) % tiny.VOCABULARY, *found[3:]]
        seen.append((dtype, logits_at(2)))
        return compare(expected, wrong, dtype, logits_at)

    monkeypatch.setattr("realrun.runs.lossless.compare", spy)
    words = ["lossless", tmp_path / "s.json", *files, "--out", tmp_path / "rows.jsonl"]
    result = command_line.run(lossless, capsys, monkeypatch, *words)
    assert result.returncode == 1
    summary = json.loads(result.stdout)
    assert summary["divergent"] == 3
    ensemble = load_ensemble(spec(json.loads((tmp_path / "s.json").read_text())["models"]["t"]["load"], []), torch.int8)
    ids = ensemble.tokenizer("hello hello he")["input_ids"]
    first = CascadeDecoder(spec("x", []), ensemble.models, 600).generate(ids, 2).tokens
    dtype, logits = seen[0]
    assert dtype == torch.int8
    assert torch.equal(logits, ensemble.target.uncached_logits(ids, [*ids, *first]))


@pytest.mark.parametrize(("margin", "category"), [(0.5e-4, "near-tie"), (2e-4, "divergent")])
def test_equality_is_a_promise_in_int8_as_in_float32(margin, category):
    logits = torch.tensor([1.0, 1.0 - margin, -3.0])
    found = compare([0], [1], torch.int8, lambda position: logits)
    assert found.category == category
    assert math.isclose(found.ulps, found.margin / torch.finfo(torch.float32).eps)


def bench(folder, load=None, baselines=("autoregressive", "hf-assisted"), prompt=20):
    cascades = {"ours": spec(load or folder, DRAFTS["speculative"])}
    joint = joint_cascade(cascades)
    ensemble = load_ensemble(joint, torch.int8)
    others = load_ensemble(plain.plain_cascade(joint), DTYPES[plain.plain_dtype(joint, "int8")])
    plain.restore_attention(others)
    prompts = [Prompt(i, "hello hello he"[i:]) for i in range(2)]
    rows = []
    settings = BenchSettings(max_new_tokens=8, memory_prompt=prompt)
    return run_bench(cascades, baselines, ensemble, others, prompts, settings, rows.append), rows


def test_bench_says_in_which_format_each_method_ran(folders):
    summary, rows = bench(folders["llama"], prompt=0)
    formats = {name: method["dtype"] for name, method in summary["methods"].items()}
    assert formats == {"ours": "int8", "autoregressive": "int8", "hf-assisted[large 4]": "bfloat16"}
    assert all(row["dtype"] == formats[row["method"]] for row in rows)
    assert summary["methods"]["ours"]["equal_tokens"]["equal"] == 2
    lines = render(summary).splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["ours", "int8"], ["autoregressive", "int8"]]


def test_caches_of_int8_models_are_counted_in_float32_whatever_the_weights_were_loaded_in(folders):
    load = {"name": folders["llama"], "dtype": "bfloat16", "weights": "int8"}
    only = ["autoregressive"]
    wide, narrow = (bench(folders["llama"], load=load, baselines=only)[0]["methods"] for load in (None, load))
    found = [methods["autoregressive"]["memory"] for methods in (wide, narrow)]
    if found[0] is None:
        pytest.skip("this system does not tell its memory")
    assert found[0]["cache_bytes"] == found[1]["cache_bytes"] == 4 * (20 + 32) * 3 * 2 * 8


def test_other_programs_run_the_plain_models_in_bfloat16(folders):
    cascade = spec({"name": folders["llama"], "weights": "int8"}, DRAFTS["horizontal"])
    loads = {name: model.load for name, model in plain.plain_cascade(cascade).models.items()}
    assert loads["t"] == {"name": folders["llama"], "packed": False}
    assert loads["small"] == {"name": "skip:1"}
    assert plain.plain_dtype(cascade, "float32") == "bfloat16"
    assert plain.plain_dtype(spec(folders["llama"], []), "int8") == "bfloat16"
    assert plain.plain_dtype(spec(folders["llama"], []), "float32") == "float32"
    assert plain.plain_dtype(spec({"name": folders["llama"], "weights": "float"}, []), "int8") == "float32"


def test_other_programs_cannot_share_models_in_int8(folders):
    cascades = {"ours": spec(folders["llama"], DRAFTS["speculative"])}
    ensemble = load_ensemble(joint_cascade(cascades), torch.int8)
    with pytest.raises(InputError, match="baseline_models: got shared, expected plain, since 't' runs in int8"):
        run_bench(cascades, ["hf-assisted"], ensemble, ensemble, [Prompt(0, "he")], BenchSettings(4), [].append)


def test_parameters_are_counted_as_those_of_the_model_it_is_made_of(folders):
    drafts = spec(folders["qwen2"], DRAFTS["horizontal"])
    counts = [
        {name: multiplied_parameters(load_ensemble(drafts, dtype).neural(name).network) for name in ("t", "large")}
        for dtype in (torch.float32, torch.int8)
    ]
    assert counts[0] == counts[1]


CPU = torch.device("cpu")
TINY = Shape("tiny-llama", "llama", 32, 2, 4, 2, 48, 97, False, 0, "")
QWEN = replace(TINY, name="tiny-qwen", kind="qwen2", tied=True)
T5 = replace(TINY, name="tiny-t5", kind="t5", key_heads=4)


@pytest.mark.parametrize("shape", [TINY, QWEN], ids=["llama", "qwen2"])
def test_bytes_of_a_shape_are_one_a_weight_and_four_a_scale(shape):
    sizes = build.sizes(build.empty_network(shape, torch.int8, torch.device("meta")))
    layer_rows = 32 + 16 + 16 + 32 + 48 + 48 + 32
    rows = 2 * layer_rows + 97 * (1 if shape.tied else 2)
    vectors = 2 * 2 * 32 + 32 + (2 * (32 + 16 + 16) if shape.kind == "qwen2" else 0)
    assert sizes.bytes(torch.int8) == (sizes.all - vectors) + 4 * rows + 4 * vectors
    assert sizes.bytes(torch.bfloat16) == 2 * sizes.all


def test_calls_of_a_shape_are_those_of_the_int8_model():
    network = build.random_network(TINY, torch.int8, CPU, packed=False)
    assert network.dtype == torch.bfloat16
    calls = EagerCalls(network, held=5, q=3, encoded=4, in_int8=True)
    model = Int8Model(network)
    text = [7 * i % 97 for i in range(8)]
    model.prefill(text[:1])
    assert torch.equal(calls.call(5, 3), model.logits(text, 3))


@pytest.fixture
def shapes_run(capsys, monkeypatch, tmp_path):
    known = {shape.name: shape for shape in (TINY, QWEN, T5)}
    monkeypatch.setattr(shape_rows, "SHAPES", known)
    monkeypatch.setattr("realrun.shapes.catalogue.SHAPES", known)
    fixed = ["--q", "1,4", "--contexts", "6", "--turns", "1", "--seconds", "1", "--dtype", "int8"]

    def run(*more):
        return command_line.run(shapes, capsys, monkeypatch, "shapes", *more, *fixed, "--out", tmp_path / "r.jsonl")

    return run


def test_the_command_times_what_int8_runs_and_leaves_out_the_rest(shapes_run, tmp_path):
    result = shapes_run("all")
    assert result.returncode == 0, result.stderr
    assert "left out: 'tiny-t5' is an encoder-decoder" in result.stderr
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [(row["shape"], row["q"]) for row in rows] == [(n, q) for n in ("tiny-llama", "tiny-qwen") for q in (1, 4)]
    assert {row["dtype"] for row in rows} == {"int8"}
    assert all(row["bytes"] < 2 * row["parameters"] for row in rows)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["tiny-t5"], "NAME: 'tiny-t5' is an encoder-decoder, expected a Llama-like decoder for int8 weights"),
        (["tiny-llama", "--compile"], "--compile: given with --dtype int8"),
        (["tiny-llama", "--unpacked"], "--unpacked: given with --dtype int8"),
    ],
)
def test_what_int8_does_not_run_is_refused_in_one_line(more, said, shapes_run):
    result = shapes_run(*more)
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_calibration_of_loaded_models_names_int8_and_finds_no_rounding(folders):
    models = realrun.load(folders["llama"], drafters=LOADS, draft=DRAFTS["horizontal"], dtype="int8")
    found = realrun.calibrate(models, ["hello he", "hello hello"], max_new_tokens=12, turns=1)
    assert (found.notes["dtype"], found.notes["device"]) == ("int8", "cpu")
    assert found.parameters == {
        name: multiplied_parameters(models.ensemble.neural(name).network) for name in ("target", "large", "small")
    }
    assert found.notes["rounding"]
    assert all(notes["different"] == 0 < notes["positions"] for notes in found.notes["rounding"].values())
