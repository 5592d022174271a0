"""Cascade decoding on tiny models of many architectures: what comes out is the target's own greedy text."""

import copy
import random

import pytest
import tiny
import torch

from analysis.model import Cascade, Model, Step
from realrun.cached_model import CachedModel
from realrun.cascade import CascadeDecoder
from realrun.maxgram import MaxGram

PROMPT = [3, 7, 4, 9, 3, 7, 4]
CONTEXT = 128

MAG = Step("mag", tokens=4)
CASCADES = {
    "autoregressive": (),
    "speculative": (Step("a", tokens=3),),
    "max-gram": (MAG,),
    "vertical": (Step("a", rounds=2, draft=(MAG,)),),
    "horizontal": (Step("a", tokens=2), Step("b", tokens=2), MAG),
    "full": (Step("a", rounds=2, draft=(Step("b", rounds=1, draft=(MAG,)), MAG)), Step("b", tokens=2), MAG),
    "until": (
        Step("a", until=4, draft=(Step("b", until=1, draft=(Step("mag", until=3, block=3),)),)),
        Step("mag", until=9, block=5),
    ),
}


def cascade(draft):
    return Cascade("t", {name: Model(load="x") for name in ("t", "a", "b", "mag")}, draft=draft)


def noisy(network, amount, seed):
    """The network with some noise on its weights: a drafter that is often right."""
    torch.manual_seed(seed)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(amount * parameter.std(correction=0) * torch.randn_like(parameter))
    return other


@pytest.fixture(scope="module", params=tiny.CONFIGS)
def networks(request):
    target = tiny.network(request.param)
    return {"t": target, "a": noisy(target, 0.02, 1), "b": noisy(target, 0.1, 2)}


def run(networks, draft, max_new_tokens=60, eos=(), prompt=PROMPT):
    models = {name: CachedModel(network) for name, network in networks.items()} | {"mag": MaxGram()}
    return CascadeDecoder(cascade(draft), models, CONTEXT).generate(prompt, max_new_tokens, eos)


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_every_cascade_gives_what_transformers_generates(networks, draft):
    expected = networks["t"].generate(
        torch.tensor([PROMPT]), max_new_tokens=60, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    assert run(networks, draft).tokens == expected[0, len(PROMPT) :].tolist()


@pytest.fixture(scope="module")
def llamas():
    target = tiny.network("llama")
    return {"t": target, "a": noisy(target, 0.02, 1), "b": noisy(target, 0.1, 2)}


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_length_limits_are_met_exactly(llamas, draft, limit):
    generation = run(llamas, draft, limit)
    assert generation.tokens == run(llamas, (), limit).tokens
    assert (len(generation.tokens), generation.finish) == (limit, "length")


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_the_context_is_filled_but_never_overrun(llamas, draft):
    generation = run(llamas, draft, 1000)
    assert len(generation.tokens) == CONTEXT - len(PROMPT)
    assert generation.finish == "context"
    assert all(max(log.q) <= CONTEXT for log in generation.calls.values() if log.q)


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_the_text_ends_with_the_first_end_of_sequence_token(llamas, draft):
    full = run(llamas, ()).tokens
    for eos in sorted(set(full)):
        generation = run(llamas, draft, eos={eos})
        assert generation.tokens == full[: full.index(eos) + 1]
        assert generation.finish == "eos"


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_a_prompt_of_one_token_is_enough(llamas, draft):
    assert run(llamas, draft, 20, prompt=[5]).tokens == run(llamas, (), 20, prompt=[5]).tokens


def test_the_target_under_a_second_name_accepts_everything(llamas):
    generation = run(llamas | {"a": llamas["t"]}, (Step("a", tokens=4),), 50)
    assert generation.cycles == 10
    pair = generation.pairs["t", "a"].to_json()
    assert pair["examined"] == pair["accepted"] == [10, 10, 10, 10]


class AlwaysWrong(MaxGram):
    """Proposes a token that the text never holds."""

    def _continuation(self, sequence):
        return 0


def test_a_drafter_that_is_always_wrong_loses_nothing(llamas):
    models = {"t": CachedModel(llamas["t"]), "mag": AlwaysWrong()}
    generation = CascadeDecoder(cascade((MAG,)), models, CONTEXT).generate(PROMPT, 30)
    assert generation.tokens == run(llamas, (), 30).tokens
    assert 0 not in generation.tokens
    assert generation.cycles == 30


class Silent(MaxGram):
    """Abstains for ever."""

    def _continuation(self, sequence):
        return None


@pytest.mark.parametrize("draft", [CASCADES["max-gram"], CASCADES["until"], CASCADES["full"]])
def test_a_drafter_that_abstains_for_ever_stops_nothing(llamas, draft):
    models = {name: CachedModel(network) for name, network in llamas.items()} | {"mag": Silent()}
    generation = CascadeDecoder(cascade(draft), models, CONTEXT).generate(PROMPT, 30)
    assert generation.tokens == run(llamas, (), 30).tokens


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_counts_add_up(llamas, draft):
    generation = run(llamas, draft)
    accepted = 0
    for (reviewer, _), log in generation.pairs.items():
        pair = log.to_json()
        assert all(a <= e for a, e in zip(pair["accepted"], pair["examined"], strict=True))
        accepted += sum(pair["accepted"]) if reviewer == "t" else 0
    assert len(generation.tokens) == accepted + generation.cycles
    assert generation.calls["t"].q.total() == generation.cycles
    assert generation.prefill_seconds <= generation.seconds
    fed = sum(q * n for q, n in generation.calls["t"].q.items())
    examined = sum(e for (r, _), log in generation.pairs.items() if r == "t" for e in log.to_json()["examined"])
    assert fed >= examined + generation.cycles


@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_cache_after_any_growth_and_rollback_predicts_like_a_fresh_model(kind):
    network = tiny.network(kind)
    model = CachedModel(network)
    rng = random.Random(0)
    sequence = [rng.randrange(tiny.VOCABULARY) for _ in range(5)]
    model.prefill(sequence)
    for _ in range(60):
        if rng.random() < 0.5 and len(sequence) > 4:
            del sequence[rng.randrange(max(3, len(sequence) - 6), len(sequence)) :]
            model.rollback(len(sequence))
        sequence += [rng.randrange(tiny.VOCABULARY) for _ in range(rng.randrange(1, 4))]
        sequence = sequence[:100]
        positions = rng.randrange(1, min(4, len(sequence)))
        found = model.predict(sequence, positions)
        with torch.inference_mode():
            fresh = network(torch.tensor([sequence])).logits[0, -positions:].argmax(-1).tolist()
        assert found == fresh
        assert model.length == len(sequence)
