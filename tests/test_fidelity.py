"""``cascade-ewif fidelity``: laws, choices and answers of one model in several number formats."""

import json
import math
import string
from functools import partial

import pytest
import tiny
import torch
from command_line import run_realrun
from transformers import AutoModelForCausalLM

from analysis.model import Cascade, InputError, Model
from realrun.fidelity import measure
from realrun.fidelity.divergence import Divergence, demand_finite
from realrun.fidelity.summary import markdown, summarise
from realrun.runs.prompts import Prompt
from realrun.runs.questions import LetterQuestion, posed, right_answer_of

PIECES = ["<s>", "</s>", *string.ascii_lowercase, " ", *string.ascii_uppercase, "(", ")", "1", "2"]
LINES = (
    {"id": "x", "category": "a", "prompt": "hello world"},
    {"id": 2, "category": "b", "prompt": "which", "choices": ["no", "yes", "no idea"], "answer": "yes"},
    {"id": "n", "prompt": "how many", "answer": "12"},
    {"id": "m", "prompt": "which one", "choices": ["a", "b"], "answer": 0},
)


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs ``cascade-ewif fidelity``."""
    return partial(run_realrun, capfd, monkeypatch, "fidelity")


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("tiny") / "target", pieces=PIECES, vocab_size=len(PIECES))


@pytest.fixture
def asked(tmp_path, target):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return ["--target", target, "--prompts", prompts, "--max-new-tokens", 12]


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_law_does_not_differ_from_itself():
    logits = torch.randn(5, 30, generator=torch.Generator().manual_seed(0)) * 20
    same = Divergence.between(logits, logits + 3)
    assert same.kl == pytest.approx([0] * 5, abs=1e-9)
    assert same.total_variation == pytest.approx([0] * 5, abs=1e-6)
    assert all(Divergence.between(logits, logits.clone()).agreed)


def test_divergences_are_those_worked_out_by_hand():
    reference = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0]]).log()
    other = torch.tensor([[0.75, 0.25, 0.0], [0.5, 0.25, 0.25]]).log()
    found = Divergence.between(reference, other)
    assert found.kl == pytest.approx([math.log(4 / 3) / 2, 0.25 * math.log(0.5) + 0.75 * math.log(3)])
    assert found.total_variation == pytest.approx([0.25, 0.5])
    assert found.agreed == [True, False]
    assert found.to_json()["agreed"] == "10"
    assert found.to_json()["kl"] == [0.1438, 0.6507]


def test_logits_that_are_no_law_are_refused():
    with pytest.raises(InputError, match=r"^model in float16: its logits are not finite numbers"):
        demand_finite(torch.tensor([[0.0, 1.0], [math.nan, 0.0]]), "model in float16")


def test_rows_hold_what_the_networks_say_along_the_reference_text(run, asked, tmp_path, target):
    out = tmp_path / "rows.jsonl"
    code, said, _ = run(*asked, "--formats", "bfloat16", "int8", "--out", out, "--json")
    assert code == 0
    rows = read(out)
    assert [(row["id"], row["format"]) for row in rows] == [
        (line["id"], name) for line in LINES for name in ("bfloat16", "int8")
    ]
    assert not {"text", "prompt", "turns", "choices"} & {key for row in rows for key in row}
    network = AutoModelForCausalLM.from_pretrained(target)
    half = AutoModelForCausalLM.from_pretrained(target, dtype=torch.bfloat16)
    ids = tiny.tokenizer(PIECES)(LINES[0]["prompt"])["input_ids"]
    whole = ids + greedy(network, ids, 12)
    laws = [model(torch.tensor([whole])).logits[0, len(ids) - 1 : -1].float().softmax(-1) for model in (network, half)]
    assert rows[0]["tokens"] == len(whole) - len(ids)
    kl = (laws[0] * (laws[0].log() - laws[1].log())).sum(-1).tolist()
    assert sum(rows[0]["kl"]) == pytest.approx(sum(kl), rel=0.5)  # a call on more rows rounds otherwise in bfloat16
    assert rows[0]["kl"] == pytest.approx(kl, abs=max(kl))
    (bfloat16, int8) = json.loads(said.splitlines()[-1])["kl"]
    assert bfloat16["format"] == "bfloat16"
    assert 0 < bfloat16["kl"] < int8["kl"]
    assert int8["kl_ci95"][0] <= int8["kl"] <= int8["kl_ci95"][1]


def greedy(network, ids, most):
    text = []
    while len(text) < most and tiny.EOS not in text:
        text.append(int(network(torch.tensor([ids + text])).logits[0, -1].argmax()))
    return text


def test_a_format_whose_weights_are_disturbed_is_noticed(run, monkeypatch, asked, tmp_path):
    """One matrix of the model's first layer multiplied by 1.1, and all rows of its output layer shifted by one."""
    load = measure.load_ensemble
    found = []
    for name, disturb in (("right", lambda network: None), ("enlarged", enlarge), ("misplaced", misplace)):
        folder = tiny.save(tmp_path / name, pieces=PIECES, vocab_size=len(PIECES))
        network = AutoModelForCausalLM.from_pretrained(folder)
        with torch.no_grad():
            disturb(network)
        network.save_pretrained(folder)

        def load_disturbed(cascade, dtype, device, folder=folder):
            disturbed = Cascade(cascade.target, {cascade.target: Model(load=folder)})
            return load(disturbed if dtype == torch.bfloat16 else cascade, dtype, device)

        monkeypatch.setattr(measure, "load_ensemble", load_disturbed)
        out = tmp_path / f"{name}.jsonl"
        _, said, _ = run(*asked, "--formats", "bfloat16", "--out", out, "--json")
        found.append(json.loads(said.splitlines()[-1])["kl"][0])
    right, enlarged, misplaced = found
    assert enlarged["kl"] > 3 * right["kl"]
    assert misplaced["kl"] > 100 * right["kl"]
    assert misplaced["agreement"] < 0.5 < right["agreement"]


def enlarge(network):
    weight = network.model.layers[0].mlp.down_proj.weight
    weight.mul_(1.1)


def misplace(network):
    network.lm_head.weight.copy_(network.lm_head.weight.roll(1, 0))


def test_a_model_in_the_same_numbers_twice_is_one_model(run, asked, tmp_path, monkeypatch):
    monkeypatch.setitem(measure.DTYPES, "float16", torch.float32)
    out = tmp_path / "rows.jsonl"
    code, said, _ = run(*asked, "--formats", "float16", "--measure", "kl", "choices", "answers", "--out", out, "--json")
    assert code == 0
    summary = json.loads(said.splitlines()[-1])
    assert summary["kl"][0]["kl_max"] == 0
    assert summary["kl"][0]["agreement"] == 1
    for name in ("choices", "answers"):
        other = summary[name][1]
        assert (other["changed"], other["gained"], other["lost"], other["difference"]) == (0, 0, 0, 0)
        assert other["difference_ci95"][0] < 0 < other["difference_ci95"][1]
    assert summary["answers"][1]["equal_texts"] == 3


def test_choices_are_judged_by_the_law_of_their_letters(run, asked, tmp_path, target):
    out = tmp_path / "rows.jsonl"
    code, _, _ = run(*asked, "--formats", "bfloat16", "--measure", "choices", "--out", out)
    assert code == 0
    rows = read(out)
    assert [(row["id"], row["format"]) for row in rows] == [
        (key, name) for key in (2, "m") for name in ("float32", "bfloat16")
    ]
    tokenizer, network = tiny.tokenizer(PIECES), AutoModelForCausalLM.from_pretrained(target)
    text = "which\n(A) no\n(B) yes\n(C) no idea\nAnswer with the letter of the right choice."
    law = network(torch.tensor([tokenizer(text + "\nThe answer is (")["input_ids"]])).logits[0, -1].detach().softmax(-1)
    letters = law[[PIECES.index(letter) for letter in "ABC"]]
    assert rows[0]["mass"] == pytest.approx(float(letters.sum()), abs=1e-5)
    assert rows[0]["nll"] == pytest.approx(-math.log(letters[1] / letters.sum()), abs=1e-4)
    assert rows[0]["choice"] == "ABC"[int(letters.argmax())]
    assert rows[0]["right"] == (rows[0]["choice"] == "B")


def test_answers_are_those_of_the_own_greedy_texts(run, asked, tmp_path, target, monkeypatch):
    seen = {}

    def spy(text, choices):
        seen[text] = choices
        return {(): "12", ("a", "b"): "B"}.get(choices)

    monkeypatch.setattr(measure, "answer_in", spy)
    out = tmp_path / "rows.jsonl"
    code, said, _ = run(*asked, "--formats", "int8", "--measure", "answers", "--out", out)
    assert code == 0
    assert "Own greedy answers:" in said
    rows = read(out)
    assert [(row["id"], row["right"], row["answer"]) for row in rows if row["format"] == "int8"] == [
        (2, False, None),
        ("n", True, "12"),
        ("m", False, "B"),
    ]
    ids = tiny.tokenizer(PIECES)(LINES[2]["prompt"])["input_ids"]
    text = greedy(AutoModelForCausalLM.from_pretrained(target), ids, 12)
    assert next(row["tokens"] for row in rows if (row["id"], row["format"]) == ("n", "float32")) == len(text)
    assert () in seen.values()


@pytest.mark.parametrize("left", [1, 7, 18])
def test_a_run_goes_on_with_the_rows_that_a_killed_one_left(run, asked, tmp_path, left):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "rows.jsonl"
    words = [*asked, "--measure", "kl", "choices", "answers", "--formats", "int8", "bfloat16", "--json"]
    _, expected, _ = run(*words, "--out", whole)
    lines = whole.read_text().splitlines(keepends=True)
    assert len(lines) == 4 * 2 + 2 * 3 + 3 * 3
    out.write_text("".join(lines[:left]) + lines[left][:20])
    code, said, err = run(*words, "--out", out)
    assert code == 0
    assert said == expected
    assert out.read_text() == whole.read_text()
    assert f"goes on after {left} of {len(lines)} rows" in err
    code, _, err = run(*words, "--out", out, "--reference", "float16")
    assert code == 2
    assert "line 1: " in err.splitlines()[-1]


def test_bad_input_is_one_line(run, asked, tmp_path):
    only = tmp_path / "only.jsonl"
    only.write_text('{"id": 1, "prompt": "hello"}\n')
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"id": 1, "prompt": "hello", "choices": ["a", "b"], "answer": "C"}\n')
    for words, message in (
        (["--formats", "int8", "float32"], "--formats: got float32, the reference itself, expected others"),
        (["--formats", "int4"], "--formats: got 'int4', expected one of"),
        (["--measure", "perplexity"], "--measure: got 'perplexity', expected one of kl"),
        (["--measure", "choices", "--prompts", only], "--measure: got choices, expected prompts with `answer` and"),
        (["--measure", "answers", "--prompts", only], "--measure: got answers, expected prompts with `answer`"),
        (["--measure", "answers", "--prompts", wrong], "prompt 1, answer: got 'C', expected a letter in A..B"),
    ):
        code, _, err = run(*asked, *words, "--out", tmp_path / "o.jsonl")
        assert code == 2
        assert err.splitlines()[-1].startswith(f"error: {message}")
        assert not (tmp_path / "o.jsonl").exists()


def test_letters_must_be_tokens_of_their_own():
    question = Prompt("q", "which", choices=("x", "y"), answer="A")
    assert LetterQuestion.of(question, tiny.tokenizer(PIECES)).letters == [PIECES.index("A"), PIECES.index("B")]
    with pytest.raises(InputError, match=r"^prompt q, choices: their letters are no tokens of this tokenizer"):
        LetterQuestion.of(question, tiny.tokenizer())


def test_questions_are_put_with_their_choices_and_others_as_they_are():
    plain = Prompt(1, "how many", answer="3")
    assert posed(plain) is plain
    assert right_answer_of(plain) == "3"
    assert right_answer_of(Prompt(1, "hello")) is None
    with pytest.raises(InputError, match=r"^prompt 1, choices: got 11, expected at most 10"):
        posed(Prompt(1, "which", choices=("x",) * 11))


def row(name, key, right, choice, nll):
    return {
        "id": key,
        "measure": "choices",
        "format": name,
        "reference": "float32",
        "right": right,
        "choice": choice,
        "nll": nll,
    }


def test_the_summary_pairs_the_answers_to_one_question():
    right = [("float32", [1, 1, 0, 0, 1]), ("int8", [1, 0, 1, 0, 0])]
    rows = [
        row(name, key, bool(value), "AB"[value] + name[:key], 1.0 + key * (name == "int8"))
        for name, values in right
        for key, value in enumerate(values)
    ]
    reference, other = summarise(rows)["choices"]
    assert (reference["right"], reference["accuracy"]) == (3, 0.6)
    assert "difference" not in reference
    assert {key: other[key] for key in ("gained", "lost", "changed", "difference", "nll_difference")} == {
        "gained": 1,
        "lost": 2,
        "changed": 4,
        "difference": pytest.approx(-0.2),
        "nll_difference": pytest.approx(2.0),
    }
    assert other["mcnemar_p"] == 1
    assert 0 <= other["nll_difference_ci95"][0] < 2 < other["nll_difference_ci95"][1] <= 4
    cut = summarise(rows[:-1])["choices"][1]  # a stopped run: the last question has no row of this format
    assert (cut["questions"], cut["gained"], cut["lost"]) == (4, 1, 1)
    shown = markdown(summarise(rows), "float32")
    assert "| int8    |         5 |     2 | 40.0%" in shown


def test_means_of_divergences_are_over_tokens_and_their_intervals_over_prompts():
    def of(key, kl):
        zeros = [0.0] * len(kl)
        agreed = "1" * len(kl)
        head = {"id": key, "measure": "kl", "format": "int8", "reference": "float32", "tokens": len(kl)}
        return head | {"kl": kl, "total_variation": zeros, "agreed": agreed}

    rows = [of(1, [0.0, 0.0, 0.0]), of(2, [1.0])]
    (part,) = summarise(rows)["kl"]
    assert part["kl"] == 0.25
    assert part["kl_ci95"] == [0.0, 1.0]
    assert (part["kl_median"], part["kl_max"], part["agreement"]) == (0.0, 1.0, 1.0)
    assert summarise(rows) == summarise(rows)
