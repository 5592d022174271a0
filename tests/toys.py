"""Toy models with known laws for the decoding engine, and an enumerator of everything the engine can put out."""

from __future__ import annotations

import math
import random
from collections import defaultdict

import torch

from analysis.model import Cascade, Model, Step
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.policy import Policy
from realrun.engine.record import CallLog

SAMPLED = Policy(temperature=1.0)
CONTEXT = 64


class Follower:
    """Follows the engine's sequence and fails where the engine forgets to roll it back."""

    def __init__(self):
        self.log = CallLog()
        self._seen = []

    def prefill(self, prompt):
        self._seen = list(prompt[:-1])

    def rollback(self, length):
        del self._seen[length:]

    def _follow(self, sequence):
        assert list(sequence[: len(self._seen)]) == self._seen, "a model was not rolled back"
        self._seen = list(sequence)


class ToyNetwork(Follower):
    """A model whose law is a random function of the whole context.

    Args:
        vocabulary: Number of tokens.
        seed: Networks of equal seed and style have the same laws.
        style: "dense"; "sparse", where some tokens have probability zero; "certain", where all but one have.
        output_ids: For a drafter with an output vocabulary of its own.
        context: Greatest number of tokens that it can read.
    """

    def __init__(self, vocabulary, seed, style="dense", output_ids=None, context=CONTEXT):
        super().__init__()
        self.vocabulary, self.reach = vocabulary, context
        self.output_ids = None if output_ids is None else torch.tensor(output_ids)
        self._columns = vocabulary if output_ids is None else len(output_ids)
        self._seed, self._style = seed, style
        self._known = {}

    def law(self, context):
        """Probabilities by output column after a context."""
        key = tuple(context)
        if key not in self._known:
            rng = random.Random(f"{self._seed} {self._style} {key}")
            weights = [rng.expovariate(1) for _ in range(self._columns)]
            if self._style != "dense":
                order = rng.sample(range(self._columns), self._columns)
                zeros = self._columns - 1 if self._style == "certain" else rng.randrange(self._columns)
                for token in order[:zeros]:
                    weights[token] = 0.0
            self._known[key] = torch.tensor(weights, dtype=torch.float64) / sum(weights)
        return self._known[key]

    def logits(self, sequence, positions):
        assert len(sequence) <= self.reach
        self._follow(sequence)
        first = len(sequence) - positions + 1
        self.log.count(positions, 0.0)
        return torch.stack([self.law(sequence[:end]) for end in range(first, len(sequence) + 1)]).log()


class ToyProposer(Follower):
    """A drafter without probabilities, which abstains after some contexts."""

    def __init__(self, vocabulary, seed, silence=0.3):
        super().__init__()
        self._vocabulary, self._seed, self._silence = vocabulary, seed, silence

    def propose_next(self, sequence):
        self._follow(sequence)
        rng = random.Random(f"{self._seed} {tuple(sequence)}")
        return None if rng.random() < self._silence else rng.randrange(self._vocabulary)


def toys(vocabulary, seed, styles=("dense", "dense", "dense")):
    """Target "t", drafters "a", "b" and "c" of the given styles, and proposer "m"."""
    networks = {name: ToyNetwork(vocabulary, f"{seed}{name}", style) for name, style in zip("abc", styles, strict=True)}
    return {"t": ToyNetwork(vocabulary, f"{seed}t")} | networks | {"m": ToyProposer(vocabulary, seed)}


def decoder(models, draft, verification="tokenwise", policy=SAMPLED, lenience=1.0, judge=None):
    """The engine on toys; `judge` replaces how it drafts and reviews, for engines that are wrong on purpose."""
    cascade = Cascade("t", {name: Model(load="x") for name in models}, draft=draft, lenience=lenience)
    engine = CascadeDecoder(cascade, models, CONTEXT, policy, verification)
    if judge is not None:
        engine._new_judge = lambda source: judge(policy, source, models["t"].vocabulary, verification)
    return engine


class Script:
    """A source that makes given choices, then always the first possible one, and notes what else was possible."""

    def __init__(self, choices):
        self.choices = list(choices)
        self.probability = 1.0
        self.open = []
        self._made = 0

    def choose(self, weights):
        listed = weights.tolist()
        assert all(math.isfinite(weight) and weight >= 0 for weight in listed), listed
        possible = [index for index, weight in enumerate(listed) if weight > 0]
        if self._made == len(self.choices):
            self.open += [(*self.choices, index) for index in possible[1:]]
            self.choices.append(possible[0])
        index = self.choices[self._made]
        self._made += 1
        self.probability *= listed[index] / math.fsum(listed)
        return torch.tensor(index)


def enumerated(run):
    """Law of what `run` returns, over all choices that its source can make."""
    law = defaultdict(float)
    pending = [()]
    while pending:
        script = Script(pending.pop())
        outcome = run(script)
        law[outcome] += script.probability
        pending += script.open
    return dict(law)


def text_law(engine, prompt, length, eos=()):
    """Law of the texts of at most `length` tokens, put together from the laws of single cycles.

    Between two cycles the engine holds nothing but the sequence, so a text is a chain of cycles.
    """
    law = defaultdict(float)
    pending = {(): 1.0}
    while pending:
        text = min(pending, key=len)
        mass = pending.pop(text)
        if len(text) >= length or (text and text[-1] in eos):
            law[text] += mass
            continue
        for out, probability in cycle_law(engine, [*prompt, *text], length - len(text), eos).items():
            pending[text + out] = pending.get(text + out, 0.0) + mass * probability
    return dict(law)


def cycle_law(engine, context, room, eos=()):
    """Law of what one cycle puts out."""

    def one_cycle(source):
        return tuple(engine.generate(context, room, eos, source=source, watch=len).tokens)

    return enumerated(one_cycle)


def whole_text_law(engine, prompt, length, eos=()):
    """The same as `text_law` from whole generations: exponential in the number of cycles."""
    return enumerated(lambda source: tuple(engine.generate(prompt, length, eos, source=source).tokens))


def target_law(target, prompt, length, eos=(), policy=SAMPLED):
    """Law of the target's own texts, straight from its table."""
    law = {(): 1.0}
    for _ in range(length):
        longer = {}
        for text, mass in law.items():
            if text and text[-1] in eos:
                longer[text] = mass
                continue
            following = policy.probabilities(target.law([*prompt, *text]).log())
            longer |= {(*text, token): mass * p for token, p in enumerate(following.tolist()) if p > 0}
        law = longer
    return law


def distance(law, reference):
    """Greatest difference of the probabilities of any text."""
    return max(abs(law.get(text, 0.0) - reference.get(text, 0.0)) for text in {*law, *reference})


FLAT = {
    "one": (Step("a", tokens=1),),
    "two": (Step("a", tokens=2),),
    "proposer": (Step("m", tokens=3),),
    "horizontal": (Step("a", tokens=1), Step("m", tokens=1), Step("b", tokens=1)),
    "blocks": (Step("m", until=3, block=2),),
}
DEPTH_2 = {
    "vertical": (Step("a", rounds=1, draft=(Step("b", tokens=1),)),),
    "two rounds": (Step("a", rounds=2, draft=(Step("m", tokens=2),)),),
    "both": (Step("a", until=2, draft=(Step("m", tokens=1),)), Step("m", tokens=1)),
}
DEPTH_3 = {
    "nested": (Step("a", rounds=1, draft=(Step("b", rounds=1, draft=(Step("c", tokens=1),)),)),),
    "full": (
        Step("a", until=2, draft=(Step("b", rounds=1, draft=(Step("m", tokens=1),)), Step("m", tokens=1))),
        Step("b", tokens=1),
    ),
}
LENIENT = {
    "lenient": (Step("a", rounds=1, lenience=2.0, draft=(Step("b", tokens=1),)),),
    "lenient rounds": (Step("a", rounds=2, lenience=3.0, draft=(Step("m", tokens=1),)),),
    "lenient twice": (
        Step("a", rounds=1, lenience=2.0, draft=(Step("b", rounds=1, lenience=1.5, draft=(Step("c", tokens=1),)),)),
    ),
    "strict around lenient": (
        Step("a", rounds=1, draft=(Step("b", rounds=1, lenience=4.0, draft=(Step("m", tokens=2),)),)),
    ),
}
DRAFTS = FLAT | DEPTH_2 | DEPTH_3
