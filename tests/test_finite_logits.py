"""Logits that are no numbers are refused in one line with the model's name, wherever a token is chosen from them."""

import json
import math
from functools import partial
from types import SimpleNamespace

import pytest
import tiny
import torch
from command_line import run_realrun
from safetensors.torch import load_file, save_file
from toys import ToyNetwork, decoder

from analysis.model import InputError, Step
from realrun import generate, load
from realrun.engine.choice import seeded
from realrun.engine.finite import Likeliest, NotFiniteError, blamed_on
from realrun.engine.policy import Policy, greatest
from realrun.engine.review import GreedyJudge

TYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
MINUS_NAN = math.copysign(math.nan, -1)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("bad", [math.nan, MINUS_NAN, math.inf], ids=["nan", "-nan", "inf"])
@pytest.mark.parametrize("shift", [-50.0, 0.0, 50.0])
def test_one_bad_logit_is_found_wherever_it_is(dtype, bad, shift):
    for place in (0, 1500, 2999):
        logits = (torch.randn(3, 3000, generator=torch.Generator().manual_seed(2)) + shift).to(dtype)
        logits[1, place] = bad
        logits[:, 7] = -math.inf
        found = Likeliest(logits, None, 3000)
        assert int(greatest(logits)[1]) == place
        found.demand(1)
        with pytest.raises(NotFiniteError):
            found.demand(2)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_suppressed_tokens_are_no_fault_as_long_as_one_is_left(dtype):
    logits = torch.full((1, 100), -math.inf, dtype=dtype)
    with pytest.raises(NotFiniteError):
        Likeliest(logits, None, 100).demand(1)
    logits[0, 40] = -3.0
    found = Likeliest(logits, None, 100)
    found.demand(1)
    assert found.tokens == [40]


def test_what_comes_after_a_rejected_token_is_not_looked_at():
    """It depends on a token that is no part of the text."""
    logits = torch.eye(4)
    logits[2] = math.nan
    judge = GreedyJudge(4)
    assert judge.review(logits[:3], None, [1, 3], [None, None], 1.0).accepted == 0
    for lenience in (1.0, 1.5):
        with pytest.raises(NotFiniteError):
            judge.review(logits[:3], None, [0, 1], [None, None], lenience)


@pytest.mark.parametrize(("dtype", "words"), [("float16", "(float32, bfloat16)"), ("bfloat16", "(float32)")])
def test_the_line_says_which_types_have_a_wider_range(dtype, words):
    model = SimpleNamespace(network=SimpleNamespace(dtype=getattr(torch, dtype)))
    with pytest.raises(InputError) as caught, blamed_on("d1", model):
        raise NotFiniteError
    expected = f"models.d1: its logits are not finite numbers in {dtype}, expected a dtype of wider range {words}"
    assert str(caught.value) == expected


class Overflowing(ToyNetwork):
    """A toy whose logits are bad after one token."""

    def logits(self, sequence, positions):
        values = super().logits(sequence, positions)
        for row, end in enumerate(range(len(sequence) - positions + 1, len(sequence) + 1)):
            if sequence[end - 1] == 2:
                values[row, 1] = self.bad
        return values


@pytest.mark.parametrize("policy", [Policy(), Policy(1.0), Policy(0.7, top_k=3), Policy(1.3, top_p=0.9)], ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("culprit", ["t", "a", "b"])
@pytest.mark.parametrize("verification", ["tokenwise", "block"])
def test_the_model_is_named_that_it_comes_from(policy, bad, culprit, verification):
    models = {name: ToyNetwork(5, f"x{name}") for name in "tab"}
    models[culprit] = Overflowing(5, f"x{culprit}")
    models[culprit].bad = bad
    draft = (Step("a", rounds=2, draft=(Step("b", tokens=2),)), Step("b", tokens=2))
    engine = decoder(models, draft, verification, policy)

    def texts():
        for seed in range(20):
            engine.generate([seed % 5, 2], 30, source=seeded(seed))

    with pytest.raises(InputError, match=rf"^models\.{culprit}: its logits are not finite numbers "):
        texts()


LETTER = 2 + 25


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A folder whose model says no number after the letter "z"."""
    folder = tmp_path_factory.mktemp("nan") / "nan"
    tiny.save(folder, tie_word_embeddings=False)
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"][LETTER] = math.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


DRAFT = [{"by": "a", "tokens": 3}]
REFUSED = r"models\.{}: its logits are not finite numbers whatever the dtype"


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0, "seed": 0}], ids=["greedy", "sampled"])
def test_generate_refuses_a_text_with_such_logits(damaged, tmp_path, sampling):
    good = tiny.save(tmp_path / "good")
    prompt = tiny.tokenizer()("ab z")["input_ids"]
    assert LETTER in prompt
    for target, drafter, culprit in ((damaged, good, "target"), (good, damaged, "a"), (damaged, "skip:2", "a")):
        models = load(target, drafters={"a": drafter}, draft=DRAFT)
        with pytest.raises(InputError, match=REFUSED.format(culprit)):
            generate(models, prompt, 8, **sampling)
    with pytest.raises(InputError, match=REFUSED.format("target")):
        generate(models.with_draft([]), prompt, 8, **sampling)


@pytest.mark.parametrize("command", ["lossless", "calibrate", "generate", "bench"])
@pytest.mark.parametrize("who", ["t", "a"])
def test_commands_refuse_them_in_one_line(monkeypatch, capfd, tmp_path, damaged, command, who):
    good = tiny.save(tmp_path / "good")
    loads = {"t": damaged, "a": good} if who == "t" else {"t": good, "a": damaged}
    models = {name: {"load": how} for name, how in loads.items()}
    spec = tmp_path / "c.json"
    spec.write_text(json.dumps({"target": "t", "models": models, "draft": DRAFT}))
    prompts = tmp_path / "p.jsonl"
    prompts.write_text("".join(json.dumps({"id": i, "prompt": f"{'ab' * i} z"}) + "\n" for i in range(1, 3)))
    out = ("--out", tmp_path / "rows.jsonl")
    result = partial(run_realrun, capfd, monkeypatch)(
        command, spec, "--prompts", prompts, "--max-new-tokens", "8", *out
    )
    assert result.returncode == 2, result.stderr
    assert f"error: models.{who}: its logits are not finite numbers" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_loading_says_so_where_the_trial_meets_them(tmp_path):
    folder = tmp_path / "bad"
    tiny.save(folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = math.inf
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    words = r"models\.target\.load: .* has weights that are NaN or infinite: model\.norm\.weight"
    with pytest.raises(InputError, match=words):
        load(str(folder))
