"""Cascade decoding on tiny models of many architectures: what comes out is the target's own greedy text."""

import copy
import itertools

import pytest
import tiny
import torch

from analysis.model import Cascade, InputError, Model, Step
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.choice import seeded
from realrun.engine.policy import Policy
from realrun.engine.record import CallLog
from realrun.maxgram.drafter import MaxGram
from realrun.network.cached_model import CachedModel

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


def cascade(draft, lenience=1.0):
    return Cascade("t", {name: Model(load="x") for name in ("t", "a", "b", "mag")}, draft=draft, lenience=lenience)


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


def decoder(networks, draft, context=CONTEXT, lenience=1.0, mag=None, **options):
    models = {name: CachedModel(network) for name, network in networks.items()} | {"mag": mag or MaxGram()}
    return CascadeDecoder(cascade(draft, lenience), models, context, **options)


def run(networks, draft, max_new_tokens=60, eos=(), prompt=PROMPT, **options):
    return decoder(networks, draft, **options).generate(prompt, max_new_tokens, eos)


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


def test_a_text_that_ends_just_where_the_context_does_has_the_length_it_was_to_have(llamas):
    room = CONTEXT - len(PROMPT)
    assert [run(llamas, CASCADES["max-gram"], n).finish for n in (room - 1, room, room + 1)] == [
        *("length", "length", "context")
    ]


@pytest.fixture(scope="module")
def doubles(llamas):
    """In float64: two tokens of these texts are 2e-5 apart in float32, near what order and number of threads change."""
    return {name: copy.deepcopy(network).double() for name, network in llamas.items()}


class Limited(CachedModel):
    """Fails where it reads more than its context holds."""

    def _read(self, tokens, keep):
        assert self.length + len(tokens) <= self.reach
        return super()._read(tokens, keep)


@pytest.mark.parametrize("prompt", [PROMPT, [3 + i % 20 for i in range(30)], [3 + i % 20 for i in range(50)]], ids=len)
@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_drafters_of_shorter_context_help_as_far_as_it_goes_and_no_further(doubles, draft, prompt):
    contexts = {"t": CONTEXT, "a": 40, "b": 25}
    models = {name: Limited(network, limits=contexts[name]) for name, network in doubles.items()} | {"mag": MaxGram()}
    generation = CascadeDecoder(cascade(draft), models, CONTEXT).generate(prompt, 1000)
    assert generation.tokens == run(doubles, (), 1000, prompt=prompt).tokens
    assert generation.finish == "context"
    made = {name: [i for i, origin in enumerate(generation.origins) if origin.by == name] for name in contexts}
    for name, context in contexts.items():
        assert all(len(prompt) + i <= context for i in made[name])
        if len(prompt) > context:
            assert not generation.calls[name].q


def test_a_drafter_drafts_until_its_context_is_full(llamas):
    models = {"t": CachedModel(llamas["t"]), "a": Limited(llamas["t"], limits=40)}
    generation = CascadeDecoder(cascade((Step("a", tokens=99),)), models, CONTEXT).generate(PROMPT, 1000)
    assert [cycle.tokens for cycle in generation.cycle_log][:2] == [40 + 1 - len(PROMPT) + 1, 1]


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_the_text_ends_with_the_first_end_of_sequence_token(llamas, draft):
    full = run(llamas, ()).tokens
    for eos in sorted(set(full)):
        generation = run(llamas, draft, eos={eos})
        assert generation.tokens == full[: full.index(eos) + 1]
        assert generation.finish == "eos"
        assert len(generation.origins) == len(generation.tokens)


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_the_first_of_several_end_of_sequence_tokens_ends_the_text(llamas, draft):
    full = run(llamas, ()).tokens
    for pair in itertools.combinations(sorted(set(full))[:3], 2):
        assert run(llamas, draft, eos=pair).tokens == full[: min(map(full.index, pair)) + 1]


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_a_prompt_of_one_token_is_enough(llamas, draft):
    assert run(llamas, draft, 20, prompt=[5]).tokens == run(llamas, (), 20, prompt=[5]).tokens


def test_the_target_under_a_second_name_accepts_everything(llamas):
    generation = run(llamas | {"a": llamas["t"]}, (Step("a", tokens=4),), 50)
    assert generation.cycles == 10
    pair = generation.pairs["t", "a"].to_json()
    assert pair["examined"] == pair["accepted"] == [10, 10, 10, 10]


class Stubborn:
    """Proposes the same token for ever, or abstains for ever."""

    def __init__(self, token):
        self.log = CallLog()
        self._token = token

    def prefill(self, prompt):
        pass

    def rollback(self, length):
        pass

    def propose_next(self, sequence):
        return self._token


def test_a_drafter_that_is_always_wrong_costs_but_loses_nothing(llamas):
    full = run(llamas, (), 30).tokens
    absent = next(token for token in range(tiny.VOCABULARY) if token not in full)
    generation = run(llamas, (MAG,), 30, mag=Stubborn(absent))
    assert generation.tokens == full
    assert generation.cycles == 30
    assert {origin.kind for origin in generation.origins[:-1]} == {"correction"}


@pytest.mark.parametrize("draft", [CASCADES["max-gram"], CASCADES["until"], CASCADES["full"]])
def test_a_drafter_that_abstains_for_ever_stops_nothing(llamas, draft):
    generation = run(llamas, draft, 30, mag=Stubborn(None))
    assert generation.tokens == run(llamas, (), 30).tokens
    assert not any(drafter == "mag" for _, drafter in generation.pairs)


def test_max_gram_that_abstains_under_reviewers_stops_nothing(llamas):
    """With no token twice and no bigram it has nothing to say at first, in blocks, in rounds and on its own."""
    prompt = [5, 9, 2, 14, 21]
    mag = MaxGram()
    inner = Step("b", until=3, draft=(Step("mag", until=4, block=2),))
    generation = run(
        llamas, (Step("a", until=5, draft=(inner,)), Step("mag", until=9, block=3)), 40, prompt=prompt, mag=mag
    )
    assert generation.tokens == run(llamas, (), 40, prompt=prompt).tokens
    assert mag.counts.misses > 0
    assert {("t", "a"), ("a", "b"), ("b", "mag")} <= set(generation.pairs)


def test_an_end_of_text_inside_an_accepted_draft_ends_it_there(llamas):
    full = run(llamas, (), 10).tokens
    eos = full[2]
    generation = run(llamas | {"a": llamas["t"]}, (Step("a", tokens=8),), 30, eos={eos})
    assert generation.tokens == full[: full.index(eos) + 1]
    assert generation.cycles == 1
    assert {origin.kind for origin in generation.origins} == {"draft"}
    assert generation.calls["a"].q.total() == len(generation.tokens)  # nothing is drafted after the end


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_counts_add_up(llamas, draft):
    generation = run(llamas, draft)
    accepted = 0
    for (reviewer, _), log in generation.pairs.items():
        pair = log.to_json()
        assert all(a <= e for a, e in zip(pair["accepted"], pair["examined"], strict=True))
        accepted += sum(pair["accepted"]) if reviewer == "t" else 0
    assert len(generation.tokens) == accepted + generation.cycles
    assert generation.calls["t"].q.total() == generation.cycles == len(generation.cycle_log)
    assert sum(cycle.tokens for cycle in generation.cycle_log) == len(generation.tokens)
    assert generation.prefill_seconds <= generation.seconds
    fed = sum(q * n for q, n in generation.calls["t"].q.items())
    examined = sum(e for (r, _), log in generation.pairs.items() if r == "t" for e in log.to_json()["examined"])
    assert fed >= examined + generation.cycles


@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_the_trace_tells_who_made_and_who_accepted_every_token(llamas, draft):
    generation = run(llamas, draft)
    reviewers = {name: set() for name in ("t", "a", "b", "mag")}
    for reviewer, drafter in generation.pairs:
        reviewers[drafter].add(reviewer)
    made_by_target = 0
    for origin in generation.origins:
        assert (origin.by == "t") == (origin.reviewers == ())
        made_by_target += origin.by == "t"
        chain = [origin.by, *origin.reviewers]
        assert chain[-1] == "t"
        assert all(above in reviewers[below] for below, above in itertools.pairwise(chain))
    assert made_by_target == generation.cycles
    accepted = [sum(log.accepted.values()) for (reviewer, _), log in generation.pairs.items() if reviewer == "t"]
    assert sum(accepted) == len(generation.tokens) - made_by_target
    rows = generation.trace()
    assert [row["token"] for row in rows] == generation.tokens


@pytest.mark.parametrize("length", [600, pytest.param(2000, marks=pytest.mark.slow)])
def test_long_texts_are_those_of_the_target(llamas, length):
    generation = run(llamas, (MAG,), length, context=2100)
    assert generation.tokens == run(llamas, (), length, context=2100).tokens
    assert len(generation.tokens) == length


def test_a_watch_sees_all_tokens_of_every_cycle_and_ends_the_text(llamas):
    engine = decoder(llamas, CASCADES["speculative"])
    full = engine.generate(PROMPT, 30)
    seen = []
    watched = engine.generate(PROMPT, 30, watch=lambda tokens: seen.append(len(tokens)))
    assert watched.tokens == full.tokens
    assert seen == list(itertools.accumulate(cycle.tokens for cycle in full.cycle_log))
    cut = engine.generate(PROMPT, 30, watch=lambda tokens: 5 if len(tokens) >= 5 else None)
    assert (cut.tokens, cut.finish) == (full.tokens[:5], "stop")
    assert len(cut.origins) == 5


SAMPLE = Policy(0.9, top_k=20, top_p=0.95)


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("draft", CASCADES.values(), ids=CASCADES)
def test_the_same_seed_samples_the_same_text(llamas, draft, verification):
    engine = decoder(llamas, draft, policy=SAMPLE, verification=verification)
    texts = [engine.generate(PROMPT, 30, source=seeded(seed)).tokens for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert all(len(text) == 30 for text in texts)


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
def test_sampling_with_the_targets_own_weights_accepts_nearly_everything(llamas, verification):
    """One call on many tokens and many calls on one round differently, by 1e-6 in a law, so 1 of 10,000 may fail."""
    engine = decoder(llamas | {"a": llamas["t"]}, (Step("a", tokens=4),), policy=Policy(1.0), verification=verification)
    pair = engine.generate(PROMPT, 100, source=seeded(0)).pairs["t", "a"].to_json()
    assert sum(pair["accepted"]) == sum(pair["examined"]) >= 78


def test_sampling_needs_a_source(llamas):
    with pytest.raises(InputError, match="source: missing"):
        decoder(llamas, (), policy=SAMPLE).generate(PROMPT, 5)


def test_top_k_of_one_samples_the_greedy_text(llamas):
    engine = decoder(llamas, CASCADES["full"], policy=Policy(1.0, top_k=1))
    assert engine.generate(PROMPT, 60, source=seeded(0)).tokens == run(llamas, ()).tokens


@pytest.mark.parametrize("lenience", [2.0, 1e9])
def test_greedy_lenience_inside_keeps_the_targets_text(llamas, lenience):
    inner = (Step("a", rounds=2, lenience=lenience, draft=(Step("b", rounds=1, draft=(MAG,)), MAG)),)
    strict = (Step("a", rounds=2, draft=(Step("b", rounds=1, draft=(MAG,)), MAG)),)
    lenient = run(llamas, inner)
    assert lenient.tokens == run(llamas, ()).tokens
    share = [
        sum(sum(log.accepted.values()) for pair, log in g.pairs.items() if pair[0] == "a")
        / sum(sum(log.examined.values()) for pair, log in g.pairs.items() if pair[0] == "a")
        for g in (lenient, run(llamas, strict))
    ]
    assert share[0] > share[1]


def test_a_boundlessly_lenient_target_takes_what_it_is_given_and_reports_it(llamas):
    draft = (Step("b", tokens=3),)
    lossless = run(llamas, draft)
    assert lossless.bias is None
    generation = run(llamas, draft, lenience=1e30)
    assert generation.tokens != lossless.tokens
    pair = generation.pairs["t", "b"].to_json()
    assert pair["accepted"] == pair["examined"]
    own = run(llamas, ())
    foreign = 0
    for end in range(len(generation.tokens)):
        choice = run(llamas, (), 1, prompt=[*PROMPT, *generation.tokens[:end]]).tokens[0]
        foreign += generation.tokens[end] != choice
    assert own.tokens != generation.tokens
    assert generation.bias.to_json() == {"tokens": 60, "total_variation": foreign, "kl": None}


def test_an_unknown_verification_is_refused(llamas):
    with pytest.raises(InputError, match="verification: got 'tree', expected one of tokenwise, block"):
        decoder(llamas, (), verification="tree")
