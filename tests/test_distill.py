"""Distillation on tiny random models: what it learns, keeps, and hands on."""

import itertools
import json
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import tiny
import torch
from command_line import run_realrun
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig

from analysis.model import Cascade, InputError, Model, Step
from realrun.distill import pipeline
from realrun.distill.dataset import Conversation, batches, frequent_tokens, is_held_out, read_samples
from realrun.distill.evaluation import Agreement, agreement
from realrun.distill.export import WEIGHTS, quantised, restored
from realrun.distill.loss import distance
from realrun.distill.notes import alone_in
from realrun.distill.sampling import SampleSize, answers, sample
from realrun.distill.student import Head, build, demand_distillable, trained
from realrun.distill.teacher import STATES, fingerprint, learn
from realrun.distill.training import Recipe, train
from realrun.engine.cascade import CascadeDecoder
from realrun.loading.ensemble import load_ensemble, load_target
from realrun.network.lean import LeanModel
from realrun.runs.prompts import Prompt

HEAD = 20
RECIPE = Recipe((0,), HEAD, steps=60, tokens=256, rate=0.02)
ROOT = str(__import__("pathlib").Path(__file__).parents[1])


def spoken(target, count=60, seed=1):
    """Conversations with the target's greedy answers."""
    rng = random.Random(seed)
    found = []
    for i in range(count):
        prompt = [rng.randrange(2, tiny.VOCABULARY) for _ in range(5)]
        options = {"max_new_tokens": 20, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
        answer = target.generate(torch.tensor([prompt]), **options)[0, 5:].tolist()
        found.append(Conversation(tuple(prompt), tuple(answer), True, i % 4 == 0))
    return found


@pytest.fixture(scope="module")
def target():
    return tiny.network(scale=4.0)


@pytest.fixture(scope="module")
def talk(target):
    return spoken(target)


@pytest.fixture
def lessons(target, talk, tmp_path):
    return learn(target, talk, tmp_path / "teacher")


def made(target, talk, columns=HEAD):
    return build(target, RECIPE.layers, torch.float32), Head.of(
        target, frequent_tokens(talk, columns, tiny.VOCABULARY), torch.float32
    )


def test_the_states_are_those_that_the_target_predicts_its_answer_from(target, talk, lessons):
    whole = Head.of(target, range(tiny.VOCABULARY), torch.float32)
    right = total = 0
    for i, conversation in enumerate(talk):
        found = whole.logits(lessons.of(i, conversation).float()).argmax(-1)
        right += int((found == torch.tensor(conversation.answer)).sum())
        total += len(conversation.answer)
    assert right >= 0.97 * total  # the states are rounded to bfloat16, so near-ties may differ


def test_an_interrupted_pass_goes_on_and_other_text_is_refused(target, talk, tmp_path, monkeypatch):
    straight = learn(target, talk, tmp_path / "straight").states.clone()
    monkeypatch.setattr("realrun.distill.teacher._TOKENS", 96)
    monkeypatch.setattr("realrun.distill.teacher._KEPT", 2)
    calls = []

    def dying(*args, **options):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return forward(*args, **options)

    forward = target.base_model.forward
    with monkeypatch.context() as patch:
        patch.setattr(target.base_model, "forward", dying)
        with pytest.raises(KeyboardInterrupt):
            learn(target, talk, tmp_path / "broken")
    assert json.loads((tmp_path / "broken" / "states.json").read_text())["batches"] == 4
    resumed = learn(target, talk, tmp_path / "broken").states
    torch.testing.assert_close(resumed.float(), straight.float(), rtol=0, atol=0.05)
    with pytest.raises(InputError, match="another target, dtype or samples"):
        learn(target, talk[:-1], tmp_path / "broken")


def another(seed):
    return tiny.network(seed=seed, scale=4.0)


def tuned(layer):
    """The target with one matrix changed a little, as by a merged adapter."""
    network = another(0)
    network.model.layers[layer].self_attn.v_proj.weight.data.mul_(1.01)
    return network


@pytest.mark.parametrize(
    "other",
    [lambda: another(1), lambda: tuned(0), lambda: tuned(2), lambda: another(0).bfloat16()],
    ids=["other", "first layer tuned", "last layer tuned", "dtype"],
)
def test_states_of_a_target_are_no_other_ones_even_if_only_a_layer_of_it_was_tuned(target, talk, tmp_path, other):
    kept = learn(target, talk[:4], tmp_path)
    assert learn(another(0), talk[:4], tmp_path).key == kept.key
    with pytest.raises(InputError, match="another target, dtype or samples"):
        learn(other(), talk[:4], tmp_path)


def test_what_a_drafter_shares_with_its_target_does_not_tell_a_fine_tune_from_its_base(target):
    """Negative control of the test above."""
    assert fingerprint(tuned(0)) == fingerprint(target) != fingerprint(another(1))


def test_trainings_of_other_targets_dtypes_samples_and_recipes_stand_in_other_folders(target, talk, tmp_path):
    order = pipeline.Order("t", tmp_path, tmp_path, None, SampleSize(1), RECIPE, None, tmp_path, "", "")
    learnt = [
        learn(target, talk[:4], tmp_path / "0"),
        learn(target, talk[:5], tmp_path / "1"),
        learn(another(0).bfloat16(), talk[:4], tmp_path / "2"),
        learn(tuned(1), talk[:4], tmp_path / "3"),
    ]
    keys = {pipeline._training_key(order, each) for each in learnt}
    keys |= {pipeline._training_key(replace(order, minutes=1.0), learnt[0])}
    keys |= {pipeline._training_key(replace(order, recipe=replace(RECIPE, hard=0.1)), learnt[0])}
    assert len(keys) == 6
    again = learn(another(0), talk[:4], tmp_path / "0")
    assert pipeline._training_key(replace(order, name="other name"), again) in keys


def test_the_loss_and_its_gradient_are_those_of_the_formula(target, talk):
    _, head = made(target, talk)
    torch.manual_seed(0)
    states, wanted = torch.randn(700, 16, requires_grad=True), torch.randn(700, 16)  # more than one chunk
    hard = 0.3
    found = distance(states, wanted, head, hard)
    (gradient,) = torch.autograd.grad(2 * found, states)
    law = torch.softmax(wanted @ head.weight.T, -1)
    mixed = (1 - hard) * law + hard * torch.nn.functional.one_hot(law.argmax(-1), HEAD)
    expected = -(mixed * torch.log_softmax(states @ head.weight.T, -1)).sum(-1).mean()
    (slope,) = torch.autograd.grad(2 * expected, states)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, slope)


def test_training_lowers_the_loss_and_raises_the_agreement_on_text_never_trained_on(target, talk, lessons, tmp_path):
    student, head = made(target, talk)
    tests = [c for c in talk if c.held_out]
    before = agreement(student, head, tests).rate
    curve = train(student, head, talk, lessons, RECIPE, tmp_path)
    assert curve[-1].loss < curve[0].loss
    assert agreement(student, head, tests).rate == curve[-1].agreement > before + 0.1
    assert [p.step for p in curve] == sorted({p.step for p in curve})


def test_without_steps_of_the_optimiser_nothing_is_learnt(target, talk, lessons, tmp_path, monkeypatch):
    """Negative control of the test above."""
    monkeypatch.setattr("realrun.distill.training.rate_at", lambda step, recipe: 0.0)
    student, head = made(target, talk)
    curve = train(student, head, talk, lessons, RECIPE, tmp_path)
    assert len({p.agreement for p in curve}) == 1


def test_training_leaves_the_target_and_held_out_text_alone(target, talk, lessons, tmp_path):
    before = {name: weight.clone() for name, weight in target.state_dict().items()}
    other = [Conversation(c.prompt, c.answer[::-1], c.greedy, True) if c.held_out else c for c in talk]
    weights = []
    for name, text in (("a", talk), ("b", other)):
        student, head = made(target, talk)
        train(student, head, text, lessons, RECIPE, tmp_path / name, until=7)
        weights.append(trained(student))
    assert all(torch.equal(weight, target.state_dict()[name]) for name, weight in before.items())
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    assert not any("embed" in name or "lm_head" in name for name in weights[0])


def test_a_training_killed_and_resumed_equals_a_straight_one(target, talk, lessons, tmp_path):
    results = []
    for stops in ((None,), (31, None), (1, 17, None)):
        for until in stops:
            student, head = made(target, talk)
            curve = train(student, head, talk, lessons, RECIPE, tmp_path / str(len(stops)), until=until)
        results.append((trained(student), curve[-1]))
    for weights, point in results[1:]:
        assert all(torch.equal(weight, results[0][0][name]) for name, weight in weights.items())
        assert (point.step, point.tokens, point.agreement) == (60, results[0][1].tokens, results[0][1].agreement)


def test_a_checkpoint_of_another_recipe_is_refused(target, talk, lessons, tmp_path):
    student, head = made(target, talk)
    train(student, head, talk, lessons, RECIPE, tmp_path, until=1)
    with pytest.raises(InputError, match="another recipe"):
        train(student, head, talk, lessons, Recipe((0,), HEAD, 61, 256, 0.02), tmp_path)


def test_eight_bits_are_off_by_half_a_step_of_each_row_at_most():
    torch.manual_seed(0)
    weight = torch.randn(5, 30) * torch.tensor([[1e-6], [1.0], [50.0], [0.0], [3.0]])
    found = restored(quantised("w", weight) | {"head_ids": torch.zeros(1), "embedding_probe": torch.zeros(1)})[0]["w"]
    assert ((found - weight).abs() <= weight.abs().amax(1, keepdim=True) / 254 * 1.0001).all()
    assert (found != weight).any()


def test_batches_hold_every_sequence_once_and_no_more_tokens_than_asked():
    rng = random.Random(0)
    lengths = [rng.randrange(1, 60) for _ in range(200)] + [300]
    found = batches(lengths, 128, seed=3)
    assert sorted(i for batch in found for i in batch) == list(range(201))
    assert all(len(b) * max(lengths[i] for i in b) <= 128 for b in found if len(b) > 1)
    assert found == batches(lengths, 128, seed=3) != batches(lengths, 128, seed=4)


def test_the_agreement_is_that_of_the_engine_position_by_position(target, talk):
    student, head = made(target, talk)
    student.requires_grad_(False)
    some = talk[:6]
    found = agreement(student, head, some)
    for conversation, agreed in zip(some, found.agreed, strict=True):
        expected = 0
        for i, token in enumerate(conversation.answer):
            logits = student(input_ids=torch.tensor([conversation.prompt + conversation.answer[:i]])).logits[0, -1]
            expected += max(head.ids.tolist(), key=lambda t: float(logits[t])) == token
        assert agreed == expected


def test_the_standard_error_is_that_of_a_ratio():
    rng = random.Random(0)
    tokens = tuple(rng.randrange(5, 40) for _ in range(400))
    agreed = tuple(sum(rng.random() < 0.4 for _ in range(n)) for n in tokens)
    found = Agreement(tokens, agreed)
    assert found.error == pytest.approx((0.24 / sum(tokens)) ** 0.5, rel=0.15)


def test_the_error_of_one_text_is_unknown_and_the_card_still_json():
    found = pipeline._result(Agreement((5,), (3,)))
    assert found["standard_error"] is None
    json.dumps(found, allow_nan=False)


def test_nothing_drops_out_of_a_drafter_in_training():
    student = build(tiny.network("gpt2"), (0, 1), torch.float32)
    assert student.config.resid_pdrop > 0
    ids = torch.tensor([[3, 4, 5]])
    first, second = (student.base_model(input_ids=ids).last_hidden_state for _ in range(2))
    assert torch.equal(first, second)
    assert first.requires_grad


def test_what_a_target_says_is_its_own_law_whatever_its_generation_settings(tmp_path):
    """A repetition penalty, say, which many checkpoints bring along, is no part of it."""
    prompts = [Prompt(i, text) for i, text in enumerate(["abc", "hello world", "zz"])]
    found = []
    for settings in ({}, {"repetition_penalty": 50.0, "temperature": 0.01, "top_p": 0.2}):
        model = tiny.network(scale=4.0)
        model.generation_config = GenerationConfig(eos_token_id=tiny.EOS, **settings)
        path = tmp_path / f"{len(settings)}.jsonl"
        sample(model, tiny.tokenizer(), SampleSize(8, 6, 10, batch=4), path)
        found.append((answers(model, tiny.tokenizer(), prompts, 16), path.read_text()))
        assert model.generation_config.repetition_penalty == settings.get("repetition_penalty")
    assert found[0] == found[1]


def test_an_answer_ends_by_the_token_that_the_target_ended_it_by(tmp_path):
    """Phi-3 and Gemma, say, end their turns by another token than the one that ends a text of their tokenizer's."""
    model, tokenizer = tiny.network(scale=4.0), tiny.tokenizer()
    model.generation_config = GenerationConfig(eos_token_id=[5, 11, 17])
    path = tmp_path / "s.jsonl"
    sample(model, tokenizer, SampleSize(240, 6, 24, batch=60), path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(row["eos"] == ("end" in row) for row in rows)
    ended = [row for row in rows if row["eos"]]
    assert len({row["end"] for row in ended} - {tiny.EOS}) > 1
    path.write_text("".join(json.dumps(row) + "\n" for row in ended))
    found = read_samples(path, tokenizer, 128)
    assert [conversation.answer[-1] for conversation in found] == [row["end"] for row in ended]
    options = {"max_new_tokens": 24, "do_sample": False, "pad_token_id": 0, "eos_token_id": [tiny.EOS, 5, 11, 17]}
    for conversation in [conversation for conversation in found if conversation.greedy][:10]:
        said = model.generate(torch.tensor([conversation.prompt]), **options)[0].tolist()
        assert said[-1] == conversation.answer[-1]


def test_a_row_without_the_token_that_ended_it_ends_by_the_tokenizers(tmp_path):
    users = ["".join(triple) for triple in itertools.product("abcdefg", repeat=3)]
    rows = [{"user": user, "assistant": "cd", "mode": "greedy", "eos": True} for user in users]
    path = tmp_path / "rows.jsonl"

    def write(rows):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return read_samples(path, tiny.tokenizer(), 100)

    rows[1] |= {"end": 7}
    rows[2] |= {"end": 7, "eos": False}
    found = [conversation.answer for conversation in write(rows)]
    text = found[0][:-1]
    assert found[:4] == [(*text, tiny.EOS), (*text, 7), text, (*text, tiny.EOS)]
    for wrong in ("7", -1, True, 1.5):
        with pytest.raises(InputError, match=r"line 2, end: got .*, expected the id of a token"):
            write([rows[0], rows[1] | {"end": wrong}])


def ran(command):
    done = subprocess.run(
        [sys.executable, "-m", "realrun", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A target's folder, and a drafter that the command line made for it from text it sampled itself."""
    place = tmp_path_factory.mktemp("distil")
    folder = tiny.save(place / "target", scale=4.0)
    prompts = place / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"id": i, "prompt": "abcdefgh"[i:]}) + "\n" for i in range(4)))
    options = ["--conversations", "320", "--layers", "1", "--head", str(HEAD), "--steps", "8", "--dtype", "float32"]
    command = ["distill", "--target", folder, "--out", str(place / "d"), "--test", str(prompts), *options]
    return folder, place / "d", command, ran(command)


def ensemble_of(folder, load, **more):
    models = {"t": Model(load=folder), "d": Model(load=load)}
    return load_ensemble(Cascade("t", models, draft=(Step("d", tokens=3),)), torch.float32, **more)


def test_the_command_makes_a_folder_that_loads_and_drafts_losslessly(shop):
    folder, out, _, printed = shop
    card = json.loads((out / "card.json").read_text())
    assert "held-out greedy answers" in printed
    assert card["curve"][-1]["step"] == 8
    assert {"layers", "recipe", "data", "licence", "command", "results", "target"} <= set(card)
    assert not any(word in json.dumps(card) for word in ('user":', "assistant"))
    ensemble = ensemble_of(folder, str(out))
    assert isinstance(ensemble.models["d"], LeanModel)
    prompt = [5, 9, 4, 12]
    texts = []
    for draft in ((), (Step("d", tokens=3),)):
        cascade = Cascade("t", {name: Model(load="-") for name in "td"}, draft=draft)
        texts.append(
            CascadeDecoder(cascade, ensemble.models, ensemble.context).generate(prompt, 24, frozenset()).tokens
        )
    assert texts[0] == texts[1]


def test_a_drafter_loaded_is_the_one_trained_and_its_columns_are_the_tokens_they_say(shop):
    folder, out, *_ = shop
    ensemble = ensemble_of(folder, str(out))
    target, drafter = ensemble.models["t"].network, ensemble.models["d"]
    weights, ids, _ = restored(load_file(out / WEIGHTS))
    student = build(target, [0], torch.float32)
    for name, weight in trained(student).items():
        weight.data.copy_(weights[name])
    text = [5, 9, 4, 12, 7]
    whole = student.eval()(input_ids=torch.tensor([text])).logits[0, -1].detach()
    found = drafter.logits(text, 1)[0]
    assert torch.equal(drafter.output_ids, ids)
    torch.testing.assert_close(found, whole[ids], rtol=0, atol=1e-4 * float(whole.abs().max()))
    fewer = ensemble_of(folder, {"name": str(out), "head": 7}).models["d"]
    torch.testing.assert_close(fewer.logits(text, 1)[0], found[:7])


def test_spread_logits_stand_in_the_columns_of_the_vocabulary(shop):
    folder, out, *_ = shop
    text = [5, 9, 4, 12, 7]
    narrow = ensemble_of(folder, {"name": str(out), "lean": False}).models["d"]
    spread = ensemble_of(folder, {"name": str(out), "spread": True}).models["d"]
    found = spread.logits(text, 1)[0]
    assert spread.output_ids is None
    assert found.shape == (tiny.VOCABULARY,)
    torch.testing.assert_close(found[narrow.output_ids], narrow.logits(text, 1)[0])
    assert int(torch.isinf(found).sum()) == tiny.VOCABULARY - HEAD
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    target = ensemble_of(folder, str(out)).models["t"].network
    alone = target.generate(torch.tensor([text]), **options)
    assert torch.equal(alone, target.generate(torch.tensor([text]), assistant_model=spread.network, **options))


def test_a_drafter_of_another_target_is_refused_by_name(shop, tmp_path):
    _, out, *_ = shop
    other = tiny.save(tmp_path / "other", seed=5)
    with pytest.raises(InputError, match="was distilled for another target"):
        ensemble_of(other, str(out))
    with pytest.raises(InputError, match="was distilled for another target"):
        ensemble_of(other, "smollm2-d1")


def broken_card(**changes):
    def change(folder):
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(card | changes))

    return change


def broken_weights(change):
    def rewrite(folder):
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS)

    return rewrite


NORM, MATRIX = "model.layers.0.input_layernorm.weight", "model.layers.0.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken_card(layers=[7]), "does not fit its target: .*does not know the layers"),
        (broken_card(layers=[0, 1]), "does not fit its target: it has weights of 10 names, expected the 19"),
        (broken_card(layers="0"), "has a card without the numbers of its layers"),
        (broken_card(schema=2), "has a card of another form"),
        (broken_weights(lambda t: t.pop(NORM)), "does not fit its target: it has weights of 9 names, expected the 10"),
        (broken_weights(lambda t: t.update({NORM: t[NORM][:1]})), r"fit its target: .*norm.weight has shape \(1,\)"),
        (broken_weights(lambda t: t.pop(f"{MATRIX}.scale")), "cannot be read: .*up_proj.weight.scale"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"none"), "cannot be read"),
        (broken_weights(lambda t: t.update({f"{MATRIX}.scale": torch.ones(3, 1)})), "cannot be read: "),
        (broken_weights(lambda t: t["head_ids"][1:2].copy_(t["head_ids"][:1])), "`head_ids` that name a token twice"),
        (broken_weights(lambda t: t["head_ids"][1:2].fill_(-1)), r"`head_ids` that are not a list of numbers in 0\.\."),
        (broken_weights(lambda t: t["head_ids"][1:2].fill_(10**6)), "`head_ids` that are not a list of numbers"),
        (broken_weights(lambda t: t.update(head_ids=t["head_ids"][:0].clone())), "`head_ids` that are not a list"),
        (broken_weights(lambda t: t[NORM][:1].fill_(torch.nan)), f"has weights that are NaN or infinite: {NORM}"),
    ],
    ids=[
        "layer",
        "layers",
        "card",
        "schema",
        "missing",
        "shape",
        "scale",
        "file",
        "scales",
        "twice",
        "negative",
        "beyond",
        "none",
        "nan",
    ],
)
def test_a_broken_folder_is_refused_by_name(shop, tmp_path, change, message):
    folder, out, *_ = shop
    shutil.copytree(out, tmp_path / "d")
    change(tmp_path / "d")
    with pytest.raises(InputError, match=f"models.d.load: .*{message}"):
        ensemble_of(folder, str(tmp_path / "d"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "FILE/d"], "--out: got 'FILE/d', but .*FILE' is no folder that can be written to"),
        (["--work", "FILE"], "--work: got 'FILE', but .*FILE' is no folder"),
        (["--test", "none.jsonl"], "none.jsonl: no such file"),
        (["--minutes", "0"], "--minutes: got '0', expected a finite number > 0"),
        (["--steps", "1", "--minutes", "1"], "--minutes: got both --steps and --minutes"),
        (["--rate", "nan"], r"--rate: got 'nan', expected a number in \[0, 1\]"),
        (["--hard", "1.5"], r"--hard: got '1.5', expected a number in \[0, 1\]"),
        (["--dtype", "float16"], "--dtype: got 'float16', expected one of bfloat16, float32"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_options_are_one_line_before_anything_is_loaded(monkeypatch, capsys, tmp_path, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("")
    monkeypatch.setattr("realrun.loading.ensemble.load_target", lambda *arguments: pytest.fail("the target is loaded"))
    result = run_realrun(capsys, monkeypatch, "distill", "--target", "smollm2-135m", "--out", "d", *options)
    assert result.returncode == 2
    assert re.fullmatch(f"error: {message}.*\n", result.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["FILE"]


def test_the_command_goes_on_with_what_is_there(shop):
    _, out, command, printed = shop
    weights = (out / WEIGHTS).read_bytes()
    (out / WEIGHTS).unlink()
    work = out.with_name("d.work")
    (samples,) = work.glob("samples-*.jsonl")
    rows = samples.read_text()
    kept = rows.splitlines(keepends=True)
    samples.write_text("".join(kept[:290]) + kept[290][:10])
    assert ran(command) == printed
    assert samples.read_text() == rows
    assert (out / WEIGHTS).read_bytes() == weights


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gpt2", "phi3"])
def test_decoder_only_targets_can_be_distilled(kind):
    demand_distillable(tiny.network(kind), kind)


@pytest.mark.parametrize(
    ("kind", "problem", "changes"),
    [("t5", "encoder-decoder", {}), ("gemma2", "more to its logits", {"final_logit_softcapping": 1.0})],
)
def test_other_targets_are_refused_by_name(kind, problem, changes):
    with pytest.raises(InputError, match=f"{kind}.*{problem}"):
        demand_distillable(tiny.network(kind, **changes), kind)


def test_samples_that_are_wrong_are_named(tmp_path):
    tokenizer = tiny.tokenizer()
    path = tmp_path / "rows.jsonl"
    path.write_text('{"user": "ab", "assistant": "cd", "mode": "greedy"}\n{"user": 3}\n')
    with pytest.raises(InputError, match="line 2"):
        read_samples(path, tokenizer, 100)
    path.write_text('{"user": "ab", "assistant": "cd", "mode": "greedy"}\n')
    with pytest.raises(InputError, match="1 usable"):
        read_samples(path, tokenizer, 100)


def test_equal_user_turns_are_held_out_together(tmp_path):
    tokenizer = tiny.tokenizer()
    rng = random.Random(2)
    users = ["".join(rng.choice("abcdefgh") for _ in range(6)) for _ in range(150)]
    rows = [
        {"user": u, "assistant": a, "mode": "greedy", "eos": e} for u in users for a, e in (("ab", True), ("c", False))
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_samples(path, tokenizer, 100)
    assert [c.held_out for c in found] == [is_held_out(u) for u in users for _ in range(2)]
    assert found[0].answer[-1] == tiny.EOS != found[1].answer[-1]
    assert 0 < sum(c.held_out for c in found) < len(found) / 8


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_separators_of_lines_in_a_sample_are_text(separator, tmp_path, monkeypatch):
    """A file in which they stand goes on as any other, and loses nothing."""
    folder = tiny.save(tmp_path / "target", scale=4.0)
    model, tokenizer = load_target("--target", folder, torch.float32, "cpu")
    plan, path = SampleSize(6, user_tokens=4, answer_tokens=4, batch=2), tmp_path / "samples.jsonl"
    monkeypatch.setattr(type(tokenizer), "decode", lambda *text, **options: f"a{separator}b{separator}c")
    sample(model, tokenizer, plan, path)
    whole = path.read_bytes()
    assert whole.count(b"\n") == 6
    path.write_bytes(b"".join(line + b"\n" for line in whole.split(b"\n")[:3]) + b'{"us')
    sample(model, tokenizer, plan, path)
    assert path.read_bytes() == whole
    sample(model, tokenizer, plan, path)
    assert path.read_bytes() == whole


def test_states_that_are_missing_or_cut_short_are_computed_anew(target, talk, tmp_path, capsys):
    """And never trained on as zeros."""
    whole = learn(target, talk, tmp_path).states.clone()
    file = tmp_path / STATES
    content = file.read_bytes()
    for left in (None, b"", content[: len(content) // 2], content[:100] + bytes(1000) + content[1100:]):
        file.unlink()
        if left is not None:
            file.write_bytes(left)
        assert torch.equal(learn(target, talk, tmp_path).states, whole)
        assert "lacks states that were there, they are computed anew" in capsys.readouterr().err
    assert torch.equal(learn(target, talk, tmp_path).states, whole)
    assert capsys.readouterr().err == ""


def test_states_that_the_disk_has_no_room_for_are_one_line(tmp_path):
    """Not a SIGBUS; the limit of a process on the size of its files stands for the disk."""
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom analysis.model import exit_with\n"
        "from realrun.distill.teacher import _room\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "exit_with(lambda: int(_room(Path(sys.argv[1]), (100, 16))[0, 0]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    said = f"error: {tmp_path}/states.bin: cannot take its 3200 bytes: File too large\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"key": ', '{"key": 1, "shape": 2, "batches": 3, "more": 4}', "\udcff"]
)
def test_damaged_notes_are_named(target, talk, lessons, tmp_path, text):
    student, head = made(target, talk)
    train(student, head, talk, lessons, RECIPE, tmp_path / "training", until=1)
    for note, again in (
        (tmp_path / "teacher" / "states.json", lambda: learn(target, talk, tmp_path / "teacher")),
        (
            tmp_path / "training" / "checkpoint.json",
            lambda: train(student, head, talk, lessons, RECIPE, tmp_path / "training"),
        ),
    ):
        note.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(InputError, match=f"{note.name}: is damaged .*; remove it to begin that anew"):
            again()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:99])])
def test_a_damaged_checkpoint_is_named(target, talk, lessons, tmp_path, damage):
    student, head = made(target, talk)
    train(student, head, talk, lessons, RECIPE, tmp_path, until=1)
    damage(next(tmp_path.glob("checkpoint-*.safetensors")))
    with pytest.raises(InputError, match=r"checkpoint-1.safetensors: is damaged"):
        train(student, head, talk, lessons, RECIPE, tmp_path)


def test_one_run_at_a_time_works_in_a_folder(tmp_path):
    with (
        alone_in(tmp_path / "work"),
        pytest.raises(InputError, match=r"another run works in .*, expected one at a time"),
    ):
        alone_in(tmp_path / "work").__enter__()
    with alone_in(tmp_path / "work"):
        pass
