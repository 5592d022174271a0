"""Replay of recorded agreements makes the very cycles and calls that the engine makes."""

import copy
import random
from collections import Counter

import pytest
import recorded
import tiny
import torch

from analysis.model import Cascade, Model, Step
from realrun.engine.cascade import CascadeDecoder
from realrun.maxgram.drafter import MaxGram
from realrun.network.cached_model import CachedModel
from simulate.replay import Frequencies, decode, read_traces
from simulate.replay.places import TextPlaces

TOKENS = 24
PROMPTS = [[3, 7, 4, 9, 3, 7, 4], [5, 6, 5, 6, 5, 8], [11, 2, 13, 2, 11], [20, 21, 22, 23, 24, 20]]
MAG = Step("mag", tokens=4)

FLAT = {
    "autoregressive": (),
    "one token": (Step("a", tokens=1),),
    "speculative": (Step("a", tokens=5),),
    "other drafter": (Step("b", tokens=3),),
    "max-gram": (MAG,),
    "horizontal": (Step("a", tokens=2), Step("b", tokens=2), MAG),
    "statistical first": (MAG, Step("a", tokens=3)),
    "until": (Step("b", until=3), Step("mag", until=9, block=4)),
    "longer than the text": (Step("b", tokens=40),),
}
NESTED = {
    "vertical": (Step("a", rounds=2, draft=(MAG,)),),
    "one round": (Step("b", rounds=1, draft=(Step("mag", tokens=1),)),),
    "neural vertical": (Step("a", rounds=3, draft=(Step("b", tokens=3),)),),
    "vertical until": (Step("a", until=4, draft=(MAG,)), Step("mag", until=8, block=3)),
    "full": (Step("a", rounds=2, draft=(Step("b", tokens=1), MAG)), Step("b", tokens=2), MAG),
}
DEEP = {
    "deep": (Step("a", rounds=2, draft=(Step("b", rounds=2, draft=(Step("mag", tokens=2),)),)),),
    "after a wrong draft": (MAG, Step("a", rounds=2, draft=(Step("mag", tokens=2),))),
}


def noisy(network, amount, seed):
    torch.manual_seed(seed)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(amount * parameter.std(correction=0) * torch.randn_like(parameter))
    return other


@pytest.fixture(scope="module")
def networks():
    target = tiny.network("llama", seed=3)
    return {"t": target, "a": noisy(target, 0.05, 1), "b": noisy(target, 0.15, 2)}


def recording(folder, networks, eos=(), bigram=recorded.BIGRAM):
    traces = [recorded.trace(networks, prompt, TOKENS, eos, i, 16, bigram) for i, prompt in enumerate(PROMPTS)]
    return read_traces(recorded.write(folder / "traces.jsonl.gz", traces))


@pytest.fixture(scope="module")
def endless(networks, tmp_path_factory):
    return recording(tmp_path_factory.mktemp("endless"), networks)


@pytest.fixture(scope="module")
def ending(networks, tmp_path_factory):
    """An end-of-text token that turns up in the texts; continuations off the text do not know of it."""
    return recording(tmp_path_factory.mktemp("ending"), networks, END)


@pytest.fixture(scope="module")
def silent(networks, tmp_path_factory):
    """Max-Gram without a fallback, which abstains after a token it has not seen."""
    return recording(tmp_path_factory.mktemp("silent"), networks, bigram=None)


END = frozenset({9, 12})


def cascade(draft):
    return Cascade("t", {name: Model(load="x") for name in recorded.ORDER}, draft=draft)


def engine(networks, draft, prompt, eos=(), bigram=recorded.BIGRAM):
    models = {name: CachedModel(network) for name, network in networks.items()} | {"mag": MaxGram(bigram)}
    return CascadeDecoder(cascade(draft), models, 128).generate(prompt, TOKENS, eos)


def replays(records, draft, seed=0):
    frequencies = Frequencies(records)
    for trace in records.traces:
        text = TextPlaces(trace, "t", ("a", "b"), frequencies, random.Random(f"{seed} {trace.id}"))
        yield decode(cascade(draft), text, TOKENS)


def calls(run):
    found = {}
    for cycle in run.cycles:
        for call in cycle.calls:
            found.setdefault(call.model, Counter())[call.q] += 1
    return found


def made(generation):
    return {name: log.q for name, log in generation.calls.items() if log.q}


@pytest.mark.parametrize("draft", (FLAT | NESTED).values(), ids=FLAT | NESTED)
def test_cycles_and_calls_are_those_of_the_engine(draft, networks, endless):
    for prompt, run in zip(PROMPTS, replays(endless, draft), strict=True):
        generation = engine(networks, draft, prompt)
        assert [cycle.tokens for cycle in run.cycles] == [cycle.tokens for cycle in generation.cycle_log]
        assert calls(run) == made(generation)
        assert run.tokens == len(generation.tokens)
        reviews = sum(cycle.offered for cycle in run.cycles)
        assert reviews == sum((q - 1) * n for q, n in generation.calls["t"].q.items())


@pytest.mark.parametrize("draft", (FLAT | NESTED).values(), ids=FLAT | NESTED)
def test_the_end_of_the_text_stops_drafting_as_in_the_engine(draft, networks, ending):
    """Where a wrong draft would end is not recorded, so calls are compared for drafts of one token only."""
    assert any(trace.ended for trace in ending.traces)
    for trace, prompt, run in zip(ending.traces, PROMPTS, replays(ending, draft), strict=True):
        generation = engine(networks, draft, prompt, END)
        assert trace.tokens == len(generation.tokens)
        assert [cycle.tokens for cycle in run.cycles] == [cycle.tokens for cycle in generation.cycle_log]
        if draft in ((), FLAT["one token"]):
            assert calls(run) == made(generation)


@pytest.mark.parametrize("draft", [(MAG,), (Step("mag", until=9, block=4),), (Step("a", rounds=2, draft=(MAG,)),)])
def test_a_drafter_that_abstains_ends_its_step_as_in_the_engine(draft, networks, silent):
    assert any("." in trace.agree["t", "mag"] for trace in silent.traces)
    for prompt, run in zip(PROMPTS, replays(silent, draft), strict=True):
        generation = engine(networks, draft, prompt, bigram=None)
        assert [cycle.tokens for cycle in run.cycles] == [cycle.tokens for cycle in generation.cycle_log]
        assert calls(run) == made(generation)


@pytest.mark.parametrize("draft", DEEP.values(), ids=DEEP)
def test_yields_of_deep_cascades_are_exact_and_their_inner_calls_nearly_so(draft, networks, endless):
    """What the target lets out is decided on its text; only the length of inner rounds off it is drawn."""
    seen, drawn = Counter(), Counter()
    for prompt, run in zip(PROMPTS, replays(endless, draft), strict=True):
        generation = engine(networks, draft, prompt)
        assert [cycle.tokens for cycle in run.cycles] == [cycle.tokens for cycle in generation.cycle_log]
        seen += Counter({name: log.q.total() for name, log in generation.calls.items()})
        drawn += Counter({name: q.total() for name, q in calls(run).items()})
    for name, n in seen.items():
        assert drawn[name] == pytest.approx(n, rel=0.15)
