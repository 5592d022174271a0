"""The number format of a run and of its models: defaults, options of `load`, refusals, and what tells runs apart."""

import json
import re

import command_line
import pytest
import tiny
import torch

import realrun
from analysis.model import Cascade, InputError
from realrun.commands import calibrate, generate, lossless
from realrun.distill.export import export
from realrun.distill.student import Head, build
from realrun.loading import ensemble as loading
from realrun.loading import formats, options, transformers_models
from realrun.loading.ensemble import DTYPES, load_ensemble
from realrun.loading.formats import dtype_as_run, usual_dtype
from realrun.loading.options import Source
from realrun.loading.transformers_models import dtype_of
from realrun.maxgram.bigram import tokenizer_fingerprint
from realrun.network import int8_linear
from realrun.network.cached_model import CachedModel
from realrun.network.int8_linear import why_unavailable
from realrun.network.int8_model import Int8Model, why_not_int8
from realrun.network.lean import LeanModel

needs_products = pytest.mark.skipif(why_unavailable() is not None, reason="torch has no int8 products here")
DRAFT = [{"by": "a", "tokens": 3}]
INT8, FLOAT = {"weights": "int8"}, {"weights": "float"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folder of a saved tiny model, by architecture and seed; saved on first use."""
    root = tmp_path_factory.mktemp("models")

    def folder(kind="llama", seed=0, **changes):
        place = root / f"{kind}-{seed}-{len(changes)}"
        return str(place) if place.is_dir() else tiny.save(place, kind, seed, **changes)

    return folder


def spec(target, drafter="maxgram", draft=DRAFT):
    return Cascade.from_json({"target": "t", "models": {"t": {"load": target}, "a": {"load": drafter}}, "draft": draft})


@pytest.fixture
def available(monkeypatch):
    """Let the machine have the products, or not."""

    def let(is_there):
        monkeypatch.setattr(int8_linear, "why_unavailable", lambda: None if is_there else "torch has no FBGEMM here")

    return let


@pytest.mark.parametrize(
    ("load", "device", "is_there", "expected"),
    [
        ("smollm2-135m", "cpu", True, "int8"),
        ({"name": "smollm2-135m", "packed": False}, "cpu", True, "int8"),
        ("smollm2-135m", "cpu", False, "float32"),
        ("smollm2-135m", "cuda", True, "float32"),
        ("smollm2-135m", "cuda:1", True, "float32"),
        ({"name": "smollm2-135m", "dtype": "bfloat16"}, "cpu", True, "float32"),
        ({"name": "smollm2-135m", "weights": "float"}, "cpu", True, "float32"),
        ("someone/smollm2-135m", "cpu", True, "float32"),
    ],
)
def test_a_run_is_in_int8_where_the_target_is_ours_and_the_cpu_has_the_products(
    load, device, is_there, expected, available
):
    available(is_there)
    assert usual_dtype(spec(load), device) == expected
    assert formats.dtype_of_run("bfloat16", spec(load), device) == "bfloat16"
    assert formats.dtype_of_run(None, spec(load), device) == expected


class LoadedError(Exception):
    """Instead of loading."""


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("how", ["load", "calibrate"])
def test_python_takes_the_usual_format_unless_told(how, is_there, available, monkeypatch):
    available(is_there)
    asked = []

    def load(cascade, dtype, device="cpu"):
        asked.append(dtype)
        raise LoadedError

    monkeypatch.setattr("realrun.api.load_ensemble", load)
    monkeypatch.setattr("realrun.calibration_api.load_ensemble", load)
    for more in ({}, {"dtype": "bfloat16"}):
        with pytest.raises(LoadedError):
            getattr(realrun, how)("smollm2-135m", drafters={"m": "maxgram"}, **more)
    assert asked == [torch.int8 if is_there else torch.float32, torch.bfloat16]


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("command", [generate, lossless, calibrate])
def test_commands_take_the_usual_format_unless_told(command, is_there, available, monkeypatch, tmp_path, capsys):
    available(is_there)
    asked = []

    def load(cascade, dtype, device="cpu"):
        asked.append(dtype)
        raise InputError("models", "are not loaded here")

    monkeypatch.setattr(loading, "load_ensemble", load)
    (tmp_path / "s.json").write_text(json.dumps(spec("smollm2-135m").to_json()))
    name = command.__name__.rpartition(".")[2]
    for more in ([], ["--dtype", "float16"]):
        words = [name, tmp_path / "s.json", "--out", tmp_path / f"rows{len(more)}.jsonl", *more]
        assert command_line.run(command, capsys, monkeypatch, *words).returncode == 2
    assert asked == [torch.int8 if is_there else torch.float32, torch.float16]


@pytest.mark.parametrize("command", ["generate", "bench", "calibrate", "lossless"])
def test_help_says_what_the_default_is(command, capfd, monkeypatch):
    said = " ".join(command_line.run_realrun(capfd, monkeypatch, command, "--help").stdout.split())
    assert "int8 where the target is smollm2-135m on a CPU" in said.replace("- ", "-")


@needs_products
def test_rows_name_the_format_that_was_found(folders, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(formats, "usual_dtype", lambda cascade, device: "int8")
    (tmp_path / "p.jsonl").write_text(json.dumps({"id": 1, "prompt": "hello he"}) + "\n")
    (tmp_path / "s.json").write_text(json.dumps(spec(folders()).to_json()))
    fixed = ["--prompts", tmp_path / "p.jsonl", "--max-new-tokens", 4, "--out", tmp_path / "rows.jsonl"]

    def run(*more):
        return command_line.run(generate, capsys, monkeypatch, "generate", tmp_path / "s.json", *fixed, *more)

    assert run().returncode == 0
    before = (tmp_path / "rows.jsonl").read_text()
    assert json.loads(before)["dtype"] == "int8"
    assert run("--dtype", "int8").returncode == 0  # the same run
    assert (tmp_path / "rows.jsonl").read_text() == before
    result = run("--dtype", "float32")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert (tmp_path / "rows.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("load", "dtype", "expected"),
    [
        ({}, "int8", "int8"),
        ({}, "bfloat16", "bfloat16"),
        (INT8, "float32", "int8"),
        (INT8 | {"dtype": "bfloat16"}, "float32", "int8"),
        (FLOAT, "int8", "float32"),
        (FLOAT | {"dtype": "bfloat16"}, "int8", "bfloat16"),
        ({"dtype": "bfloat16"}, "int8", "bfloat16"),
        (FLOAT, "float16", "float16"),
    ],
)
def test_what_a_load_says_goes_before_the_format_of_the_run(load, dtype, expected, folders):
    assert dtype_as_run(Source("m", load, "f"), dtype) == expected
    if expected == "int8" and why_unavailable() is not None:
        return
    found = load_ensemble(spec({"name": folders(), **load}), DTYPES[dtype]).models["t"]
    assert dtype_of(found) == expected
    assert type(found) is (Int8Model if expected == "int8" else CachedModel)
    if load.get("dtype"):
        assert found.network.dtype == DTYPES[load["dtype"]]


@needs_products
def test_target_and_drafters_may_be_of_different_kinds(folders):
    for target, drafter in ((INT8, FLOAT), (FLOAT, INT8)):
        cascade = spec({"name": folders(), **target}, {"name": folders(seed=1), **drafter})
        kinds = {name: type(model) for name, model in load_ensemble(cascade, torch.float32).models.items()}
        assert kinds == {n: Int8Model if o is INT8 else CachedModel for n, o in (("t", target), ("a", drafter))}


@needs_products
def test_layers_of_the_target_and_short_heads_are_quantised_too(folders):
    drafter = {"name": "skip:2", "head": 11}
    models = load_ensemble(spec(folders(), drafter), torch.int8).models
    assert [type(model) for model in models.values()] == [Int8Model, Int8Model]
    assert models["a"].output_ids.tolist() == list(range(11))
    models["a"].prefill([3, 4])
    assert models["a"].logits([3, 4, 5], 2).shape == (2, 11)
    assert len(models["a"].weights.layers) == 2
    kept = load_ensemble(spec(folders(), drafter | FLOAT), torch.int8).models
    assert [type(model) for model in kept.values()] == [Int8Model, CachedModel]


@needs_products
def test_fingerprints_tell_int8_from_floating_point_and_levels_and_smoothing_from_others(folders, monkeypatch):
    whole = {"t": folders(), "a": "skip:2"}
    cascade = spec(*whole.values())
    prints = [load_ensemble(cascade, dtype).fingerprints for dtype in (torch.float32, torch.bfloat16, torch.int8)]
    assert prints[0] == prints[1]
    assert all(prints[0][name] != prints[2][name] for name in whole)
    monkeypatch.setattr(transformers_models, "token_levels", lambda: 63)
    assert all(load_ensemble(cascade, torch.int8).fingerprints[name] != prints[2][name] for name in whole)
    monkeypatch.undo()
    assert load_ensemble(cascade, torch.int8).fingerprints == prints[2]
    monkeypatch.setattr(transformers_models, "BEHIND_NORMS", 0.5)
    assert all(load_ensemble(cascade, torch.int8).fingerprints[name] != prints[2][name] for name in whole)
    mag = spec(folders(), "maxgram")
    first, second = (load_ensemble(mag, dtype).fingerprints["a"] for dtype in (torch.float32, torch.int8))
    assert first == second


ROPE = {"rope_theta": 10000.0, "factor": 2.0}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [2.0] * 4, "rope_theta": 10000.0}
REFUSED = [
    ("gpt2", {}, "is a GPT2LMHeadModel, expected one of LlamaForCausalLM, MistralForCausalLM, Qwen2"),
    ("gemma", {}, "is a GemmaForCausalLM"),
    ("phi3", {}, "is a Phi3ForCausalLM"),
    ("t5", {}, "is a T5ForConditionalGeneration"),
    ("bart", {}, "is a BartForConditionalGeneration"),
    ("llama", {"hidden_act": "gelu"}, "has the activation 'gelu', expected 'silu'"),
    ("llama", {"rope_parameters": {"rope_type": "dynamic", **ROPE}}, "has dynamic positions, expected default, linear"),
    ("llama", {"rope_parameters": {**LONG, "original_max_position_embeddings": 16}}, "has longrope positions"),
    ("llama", {"head_dim": 264}, "has heads of width 264, expected 256 at most"),
]


@pytest.mark.parametrize(("kind", "changes", "said"), REFUSED, ids=[said[:24] for *_, said in REFUSED])
def test_other_models_are_refused_by_name_and_with_the_reason(kind, changes, said):
    assert said in why_not_int8(tiny.network(kind, **changes))
    assert why_not_int8(tiny.network(kind, **changes)).endswith("for int8 weights")


def test_a_model_on_another_device_is_refused():
    assert why_not_int8(tiny.network().to("meta")) == "is on meta, expected cpu for int8 weights"


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
@pytest.mark.parametrize("role", ["t", "a"])
def test_the_line_names_the_model_and_how_to_have_it_in_floating_point(folders, role, kind):
    loads = {"t": folders("t5" if kind == "t5" else "llama"), "a": folders("gpt2")} | {role: folders(kind)}
    if role == "a":
        loads["t"] = {"name": loads["t"], **FLOAT}
    with pytest.raises(InputError, match=rf'{role}\.load: .*for int8 weights \(or the option "weights": "float"'):
        load_ensemble(spec(loads["t"], loads["a"]), torch.int8)


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ({"weights": "int4"}, "t.load.weights: got 'int4', expected int8 or float"),
        ({"weights": None}, "t.load.weights: got None, expected int8 or float"),
        ({"dtype": "int8"}, "t.load.dtype: got 'int8', expected float32 or bfloat16 or float16"),
    ],
)
def test_unknown_values_are_refused(load, said, folders):
    for dtype in (torch.int8, torch.float32):
        with pytest.raises(InputError, match=said):
            load_ensemble(spec({"name": folders(), **load}), dtype)


def test_the_statistical_drafter_has_no_weights(folders):
    with pytest.raises(InputError, match=r"a\.load\.weights: unknown option of maxgram"):
        load_ensemble(spec(folders(), {"name": "maxgram", **INT8}), torch.float32)


def test_a_machine_without_the_products_refuses_int8_in_one_line(folders, monkeypatch):
    monkeypatch.setattr("realrun.network.int8_model.why_unavailable", lambda: "torch has no FBGEMM here")
    with pytest.raises(InputError, match=r"models\.t\.load: .* torch has no FBGEMM here") as found:
        load_ensemble(spec(folders()), torch.int8)
    assert "\n" not in str(found.value)


def test_the_option_is_documented_with_every_kind_of_model_that_has_it():
    kinds = re.split(r"\n\n``", options.__doc__)
    named = [kind for kind in kinds if re.search(r"^    ``weights``", kind, re.MULTILINE)]
    assert [kind.split("``")[0] for kind in named] == ["smollm2-135m", "skip:N", "smollm2-d1"]


@needs_products
def test_distilled_drafters_run_in_the_format_of_the_run(folders, tmp_path):
    target = tiny.network()
    tokenizer = tokenizer_fingerprint(tiny.tokenizer().get_vocab())
    card = {"layers": [0, 1], "target": {"name": folders(), "tokenizer": tokenizer}}
    ids = range(3, 20)
    export(tmp_path, build(target, [0, 1], torch.float32), Head.of(target, ids, torch.float32), card)

    def drafter(dtype=torch.int8, **more):
        return load_ensemble(spec(folders(), {"name": str(tmp_path), **more}), dtype).models["a"]

    assert type(drafter()) is Int8Model
    assert drafter().output_ids.tolist() == list(ids)
    assert type(drafter(**FLOAT)) is LeanModel
    assert type(drafter(torch.float32, **INT8)) is Int8Model
    assert type(drafter(**FLOAT, spread=True)) is CachedModel
    with pytest.raises(InputError, match=r'a\.load\.spread: got true in int8, expected "weights": "float" beside it'):
        drafter(spread=True)
