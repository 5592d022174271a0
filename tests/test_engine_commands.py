"""`advise` and `explain` at the command line."""

import json

import engine_texts as texts
import pytest
from command_line import run

import analysis.commands.advise as advise
import analysis.commands.explain as explain
from analysis import ewif, fit
from analysis.engines.hardware import published_costs
from analysis.engines.outside_law import law_of
from analysis.model import Cascade

RUN = texts.drawn_run(seed=3)
COPIER = texts.drawn_run(seed=4, abstaining=0.4)


@pytest.fixture
def files(tmp_path):
    """Pages of one run with speculation at two moments, of a copier and of a run without speculation."""
    found = {
        "end": texts.vllm_page(RUN),
        "start": texts.vllm_page(texts.drawn_run(seed=3, requests=5)),
        "copier": texts.vllm_page(COPIER),
        "plain": texts.vllm_page(RUN, plain=True),
    }
    paths = {}
    for name, text in found.items():
        paths[name] = tmp_path / f"{name}.txt"
        paths[name].write_text(text)
    return paths


def test_advice_tells_the_answer_first_and_then_all_that_it_rests_on(files, capsys, monkeypatch):
    ended = run(advise, capsys, monkeypatch, "advise", "--metrics", files["end"], "--draft-cost", ".07")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("advice       draft ")
    for label in ("read", "convention", "alpha", "lengths", "not known", "settings"):
        assert f"\n{label:<13}" in ended.stdout
    assert "num_speculative_tokens" in ended.stdout
    assert all(len(line) <= 110 for line in ended.stdout.partition("settings")[0].splitlines())


def test_advice_as_json_holds_what_other_commands_take(files, tmp_path, capsys, monkeypatch):
    out = tmp_path / "spec.json"
    words = ("advise", "--metrics", files["copier"], "--draft-cost", ".07", "--json", "--out", out)
    ended = run(advise, capsys, monkeypatch, *words)
    found = json.loads(ended.stdout)
    best = max(found["lengths"][0]["rows"], key=lambda row: row["ewif"])
    assert found["tokens"] == best["tokens"]
    assert found["drafter"] == "ngram"
    assert ewif(Cascade.from_json(found["specification"])) == pytest.approx(best["ewif"])
    assert ewif(Cascade.from_json(out)) == pytest.approx(best["ewif"])
    assert fit(found["fit"])
    assert [each["engine"] for each in found["settings"]] == ["vLLM", "SGLang", "llama.cpp", "transformers"]
    assert found["read"]["convention"]


def test_of_two_pages_the_difference_counts(files, capsys, monkeypatch):
    words = ("advise", "--metrics", files["end"], "--start", files["start"], "--draft-cost", ".07", "--json")
    found = json.loads(run(advise, capsys, monkeypatch, *words).stdout)
    assert found["read"]["drafts"] == RUN.drafts - 300
    swapped = ("advise", "--metrics", files["start"], "--start", files["end"], "--draft-cost", ".07")
    ended = run(advise, capsys, monkeypatch, *swapped)
    assert ended.returncode == 2
    assert "drafts: fell from 1200 to 300" in ended.stderr


def test_with_a_baseline_both_extremes_are_told(files, capsys, monkeypatch):
    words = ("advise", "--metrics", files["end"], "--baseline", files["plain"])
    ended = run(advise, capsys, monkeypatch, *words)
    assert ended.returncode == 0
    assert ended.stdout.count("\nlengths ") == 2
    assert "Two runs tell this sum alone" in ended.stdout
    slow = files["end"].with_name("slow.txt")
    slow.write_text(texts.vllm_page(texts.Run(RUN.offered, RUN.accepted, RUN.length, step_seconds=0.03)))
    words = ("advise", "--metrics", slow, "--baseline", files["plain"], "--draft-cost", ".01")
    known = run(advise, capsys, monkeypatch, *words)
    assert "a drafted token costs 0.01, and what remains" in known.stdout


def test_costs_from_elsewhere_have_a_name(files, capsys, monkeypatch):
    words = ("advise", "--metrics", files["end"], "--costs", "eagle3", "--json")
    [law] = json.loads(run(advise, capsys, monkeypatch, *words).stdout)["lengths"]
    expected = law_of(published_costs("eagle3", batch=4))  # the page has 4 sequences at a time
    assert (law["cost"]["fixed"], law["cost"]["per_token"]) == pytest.approx((expected.fixed, expected.per_token))
    assert law["rows"][3]["cost_per_step"] == pytest.approx(1 + expected.fixed + 3 * expected.per_token)
    per_token = ("advise", "--metrics", files["end"], "--costs", "eagle3-per-token", "--json")
    [law] = json.loads(run(advise, capsys, monkeypatch, *per_token).stdout)["lengths"]
    assert law["cost"]["error"] == pytest.approx(0.0251, abs=1e-4)
    ended = run(advise, capsys, monkeypatch, *words, "--draft-cost", ".07")
    assert (ended.returncode, ended.stderr) == (2, "error: --costs: given beside --draft-cost: costs have one source\n")
    ended = run(advise, capsys, monkeypatch, "advise", "--metrics", files["end"], "--costs", "h100")
    assert ended.stderr.startswith("error: --costs: got 'h100', expected eagle3, eagle3-per-token, copying, or a file")


def test_a_cost_in_per_cent_is_told_to_be_unlikely(files, capsys, monkeypatch):
    ended = run(advise, capsys, monkeypatch, "advise", "--metrics", files["end"], "--draft-cost", "7")
    assert ended.returncode == 0
    assert "if 7 % of it is meant, write 0.07" in ended.stderr


def test_the_match_of_a_copier_goes_into_the_settings(files, capsys, monkeypatch):
    words = ("advise", "--metrics", files["copier"], "--draft-cost", "0", "--match-min", "2", "--match-max", "4")
    assert '"prompt_lookup_max": 4, "prompt_lookup_min": 2' in run(advise, capsys, monkeypatch, *words).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metrics", "end"), "error: --draft-cost: missing"),
        (("--metrics", "plain", "--draft-cost", ".1"), "has no drafts: speculation was off"),
        (("--metrics", "end", "--baseline", "end"), "error: --baseline: has 1,200 drafts"),
        (("--metrics", "end", "--baseline", "plain", "--review-cost", ".1"), "error: --review-cost: given beside"),
        (("--metrics", "end", "--draft-cost", ".1", "--baseline-start", "plain"), "error: --baseline-start: given"),
        (("--metrics", "end", "--draft-cost", ".1", "--model", "x"), "error: --model: got 'x', expected one of meta/"),
        (("--metrics", "end", "--draft-cost", "-1"), "error: --draft-cost: got '-1'"),
        (("--metrics", "end", "--draft-cost", ".1", "--drafter", "eagles"), "error: --drafter: got 'eagles'"),
        (("--metrics", "end", "--baseline", "plain", "--draft-cost", ".5"), "error: --draft-cost: got 0.5: drafting"),
        (
            ("--metrics", "end", "--draft-cost", ".1", "--drafter", "mtp", "--draft-model", "x"),
            "error: --draft-model: a",
        ),
        (("--metrics", "end", "--draft-cost", ".1", "--match-min", "3"), "error: --match-min: only an n-gram drafter"),
        (("--metrics", "absent", "--draft-cost", ".1"), "error: absent: no such file"),
    ],
)
def test_bad_input_is_one_line(files, capsys, monkeypatch, words, message):
    typed = [str(files.get(word, word)) for word in words]
    ended = run(advise, capsys, monkeypatch, "advise", *typed)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_explanation_tells_verdict_factors_and_break_even(files, capsys, monkeypatch):
    words = ("explain", "--metrics", files["copier"], "--baseline", files["plain"])
    ended = run(explain, capsys, monkeypatch, *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    for label in ("verdict", "read", "baseline", "acceptance", "cost", "break-even", "not known"):
        assert f"\n{label:<13}" in "\n" + ended.stdout
    found = json.loads(run(explain, capsys, monkeypatch, *words, "--json").stdout)
    assert found["speedup"] == pytest.approx(1 + COPIER.total_accepted / COPIER.steps)
    assert found["step_cost"] == pytest.approx(1)


def test_an_explanation_needs_a_baseline(files, capsys, monkeypatch):
    ended = run(explain, capsys, monkeypatch, "explain", "--metrics", files["end"])
    assert ended.returncode == 2
    assert "--baseline" in ended.stderr


LLAMA = '{"timings": {"predicted_n": 128, "predicted_ms": 1534.2, "draft_n": 140, "draft_n_accepted": 84}}'
LLAMA_PLAIN = '{"timings": {"predicted_n": 128, "predicted_ms": 2534.2}}'


def test_a_given_draft_length_takes_the_cost_of_a_step_as_it_was_measured(tmp_path, capsys, monkeypatch):
    """43 steps of 3.26 drafted tokens and 35.68 ms, against 19.95 ms: at the run's own length the speedup is 1.652."""
    (tmp_path / "with.json").write_text(LLAMA)
    (tmp_path / "plain.json").write_text(LLAMA_PLAIN)
    words = (
        "--metrics",
        tmp_path / "with.json",
        "--baseline",
        tmp_path / "plain.json",
        "--draft-length",
        "5",
        "--json",
    )
    found = json.loads(run(advise, capsys, monkeypatch, "advise", *words).stdout)
    assert found["drafter"] == "model"
    for law in found["lengths"]:
        assert law["rows"][5]["ewif"] == pytest.approx(2534.2 / 1534.2, abs=1e-3)
    told = json.loads(run(explain, capsys, monkeypatch, "explain", *words).stdout)["tokens_of_a_step"]
    assert (told["possible"], told["shorter"]) == (6, pytest.approx(5 - 140 / 43))
    by_token = found["lengths"][0]["rows"][2]["cost_per_step"]
    assert by_token == pytest.approx(1 + 2 * (1534.2 / 43 / (2534.2 / 127) - 1) / (140 / 43))


@pytest.mark.parametrize(
    ("text", "length", "message"),
    [
        (LLAMA, 2, "--draft-length: got 2, expected at least 3.26"),
        (texts.vllm_page(RUN), 3, "--draft-length: got 3, expected 4, which the engine tells"),
        (
            "SpecDecoding metrics: Accepted: 5 tokens, Drafted: 9 tokens",
            None,
            "--draft-length: is not told by the engine",
        ),
    ],
)
def test_a_draft_length_that_lacks_or_that_the_counters_exclude_is_refused(
    text, length, message, tmp_path, capsys, monkeypatch
):
    path = tmp_path / "seen.txt"
    path.write_text(text)
    asked = () if length is None else ("--draft-length", str(length))
    words = ("advise", "--metrics", path, "--draft-cost", ".07", *asked)
    ended = run(advise, capsys, monkeypatch, *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


def test_a_baseline_of_another_model_is_doubted(files, tmp_path, capsys, monkeypatch):
    """A step that costs less than one without speculation, other requests, and another name on the page."""
    slow = json.dumps({"drafts": 0, "steps_without_draft": 100, "accepted": 0, "tokens": 100, "decode_seconds": 1e6})
    other = tmp_path / "slow.json"
    other.write_text(slow)
    words = ("--metrics", files["end"], "--baseline", other)
    for command, name in ((advise, "advise"), (explain, "explain")):
        assert "The runs are hardly alike" in run(command, capsys, monkeypatch, name, *words).stdout
    other.write_text(texts.vllm_page(texts.drawn_run(seed=3, requests=5), plain=True, model="meta/other"))
    told = json.loads(run(explain, capsys, monkeypatch, "explain", *words, "--json").stdout)["unknown"]
    assert "The runs had 20 (with) and 5 (without) requests." in told
    assert "Whether both are of one model: their pages say meta/target and meta/other." in told


def test_settings_of_a_copier_say_that_its_match_is_not_in_the_counters(files, capsys, monkeypatch):
    words = ("advise", "--metrics", files["copier"], "--draft-cost", "0")
    told = "which match the run asked for"
    assert told in " ".join(run(advise, capsys, monkeypatch, *words).stdout.split())
    assert told not in " ".join(run(advise, capsys, monkeypatch, *words, "--match-min", "3").stdout.split())


def test_steps_without_a_draft_lower_the_advice_even_where_only_tokens_written_tell_them(
    files, tmp_path, capsys, monkeypatch
):
    """Without times between tokens a step writes what it writes with them, up to what ends of texts cut off."""
    bare = tmp_path / "bare.txt"
    lines = files["copier"].read_text().splitlines()
    bare.write_text("\n".join(line for line in lines if "inter_token_latency" not in line) + "\n")
    last = []
    for path in (files["copier"], bare):
        words = ("advise", "--metrics", path, "--draft-cost", ".07", "--json")
        found = json.loads(run(advise, capsys, monkeypatch, *words).stdout)
        last.append(found["lengths"][0]["rows"][-1]["tokens_per_step"])
        assert found["tokens_per_step"] == pytest.approx(last[-1])
    assert last[1] == pytest.approx(last[0], rel=0.02)
