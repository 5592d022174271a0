"""Acceptance at a temperature, from laws along the target's texts, against every choice the engine can make."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from toys import SAMPLED, Script, ToyNetwork, ToyProposer, decoder, target_law

from analysis.model import Step
from realrun.calibration.evidence import POSITIONS, TYPES
from realrun.calibration.roster import Roster
from realrun.calibration.sampled import pair_chances, sampled_evidence
from realrun.calibration.texts import TargetText
from realrun.engine.policy import Policy
from realrun.runs.prompts import Prompt

PROMPT = [0, 1]
VOCABULARY = 3
LENGTH = 3
ROSTER = Roster("t", ("a", "b"), ("m",))


def toys(seed):
    networks = {name: ToyNetwork(VOCABULARY, f"{seed}{name}", style) for name, style in zip("ab", STYLES, strict=True)}
    return {"t": ToyNetwork(VOCABULARY, f"{seed}t"), **networks, "m": ToyProposer(VOCABULARY, seed)}


STYLES = ("dense", "sparse")


def evidence_over_all_texts(models, policy=SAMPLED):
    """Expected counts of every pair over all texts of the target, each with its probability."""
    totals = {pair: np.zeros((TYPES, POSITIONS, 2)) for pair in ROSTER.pairs()}
    for tokens, probability in target_law(models["t"], PROMPT, LENGTH, policy=policy).items():
        text = TargetText(Prompt(0, "x"), PROMPT, list(tokens), "length")
        for pair, counts in sampled_evidence(text, models, ROSTER, policy, VOCABULARY).counts.items():
            totals[pair] += probability * counts
    return totals


def every_prefix(models, policy=SAMPLED):
    """All texts of up to LENGTH - 1 tokens with their probabilities."""
    laws = (target_law(models["t"], PROMPT, start, policy=policy) for start in range(LENGTH))
    return {prefix: reached for law in laws for prefix, reached in law.items()}


def every_generation(engine, prompt, room, **options):
    """All that the engine may do, each with its probability."""
    pending = [()]
    while pending:
        script = Script(pending.pop())
        yield engine.generate(prompt, room, source=script, **options), script.probability
        pending += script.open


def cycle_prefixes(models, drafter, policy=SAMPLED):
    """Texts of up to LENGTH - 1 tokens after which the engine begins a cycle when a drafter drafts all it may."""
    begin = Counter()
    engine = decoder(models, leaf(drafter)(LENGTH), policy=policy)
    for generation, probability in every_generation(engine, PROMPT, LENGTH + 1):
        places = itertools.accumulate((cycle.tokens for cycle in generation.cycle_log), initial=0)
        for place in places:
            if place < LENGTH:
                begin[tuple(generation.tokens[:place])] += probability
    return begin


def engine_counts(models, pair, draft_of, prefixes, policy=SAMPLED, beyond=0):
    """Expected counts of a pair's reviews in single cycles of the engine after some texts.

    Args:
        models: Toys.
        pair: (reviewer, drafter).
        draft_of: The draft by the number of tokens that it may have.
        prefixes: How often each text is there.
        policy: Of all.
        beyond: By how many tokens a draft may be longer than the rest of the text.
    """
    totals = np.zeros((TYPES, POSITIONS, 2))
    for prefix, reached in prefixes.items():
        room = LENGTH - len(prefix)
        engine = decoder(models, draft_of(room), policy=policy)
        for generation, probability in every_generation(engine, [*PROMPT, *prefix], room + 1 + beyond, watch=len):
            log = generation.pairs.get(pair)
            for index, counter in enumerate((log.examined, log.accepted) if log else ()):
                for (position, corrected), n in counter.items():
                    totals[int(corrected), position, index] += reached * probability * n
    return totals


def leaf(name):
    return lambda room: (Step(name, tokens=room),)


@pytest.mark.parametrize("drafter", ["a", "b"])
@pytest.mark.parametrize("seed", [1, 2])
def test_counts_at_every_position_are_those_of_the_engines_cycles(seed, drafter):
    models = toys(seed)
    found = evidence_over_all_texts(models)["t", drafter].sum(axis=0)
    expected = engine_counts(models, ("t", drafter), leaf(drafter), cycle_prefixes(models, drafter)).sum(axis=0)
    assert found == pytest.approx(expected, abs=1e-5)
    whole = np.zeros((POSITIONS, 2))
    for generation, probability in every_generation(decoder(models, leaf(drafter)(LENGTH)), PROMPT, LENGTH + 1):
        log = generation.pairs["t", drafter]
        for index, counter in enumerate((log.examined, log.accepted)):
            for (position, _), n in counter.items():
                whole[position, index] += probability * n
    assert found == pytest.approx(whole, abs=1e-5)
    assert expected[LENGTH - 1, 1] > 0


def test_a_proposers_law_is_a_point_mass_and_none_where_it_abstains():
    models = toys(3)
    found = evidence_over_all_texts(models)["t", "m"][0]
    begin = cycle_prefixes(models, "m")
    expected = engine_counts(models, ("t", "m"), leaf("m"), begin).sum(axis=0)
    assert found[:, 1] == pytest.approx(expected[:, 1], abs=1e-5)
    assert found[0, 0] == pytest.approx(sum(begin.values()))  # abstaining counts as a token not accepted
    assert found[0, 0] > expected[0, 0]


@pytest.mark.parametrize("policy", [SAMPLED, Policy(0.7, top_k=2), Policy(1.3, top_p=0.8)], ids=str)
def test_what_the_inner_review_accepts_and_corrects_fares_as_in_the_engine(policy):
    models = toys(4)
    found = evidence_over_all_texts(models, policy)["t", "a"]

    def nested(room):
        return (Step("a", rounds=1, draft=(Step("m", tokens=1),)),)

    begin = cycle_prefixes(models, "a", policy)
    expected = engine_counts(models, ("t", "a"), nested, begin, policy, beyond=1)
    assert found[:, 0] == pytest.approx(expected[:, 0], abs=1e-5)
    assert found[1, 0, 0] > 0 < found[0, 0, 0]


def test_unweighted_contexts_would_be_wrong():
    """Negative control: DESIGN's warning that later positions are conditioned on acceptance, seen on a toy."""
    models = toys(1)
    expected = engine_counts(models, ("t", "a"), leaf("a"), every_prefix(models)).sum(axis=0)
    accepted = examined = 0.0
    for tokens, probability in target_law(models["t"], PROMPT, LENGTH).items():
        laws = {
            name: torch.stack([models[name].law([*PROMPT, *tokens[:i]]) for i in range(LENGTH)]).float()
            for name in "ta"
        }
        _, _, accept = pair_chances(tokens, laws, Roster("t", ("a",), ()))["t", "a"]
        accepted += probability * float(accept[0, 1:].sum())
        examined += probability * (LENGTH - 1)
    assert abs(accepted / examined - expected[1, 1] / expected[1, 0]) > 0.01


def test_inner_rounds_are_weighed_by_what_all_three_let_pass():
    """The first token of rounds on accepted texts: enumerated over drafts that inner and outer review accept."""
    models = toys(5)
    found = evidence_over_all_texts(models)["a", "b"].sum(axis=0)
    laws = {name: (lambda context, model=models[name]: model.law(context).tolist()) for name in ("t", "a", "b")}
    expected = np.zeros((LENGTH, 2))
    for prefix, reached in cycle_prefixes(models, "a").items():
        for depth in range(LENGTH - len(prefix)):
            for context, mass in accepted_by_all(laws, [*PROMPT, *prefix], depth).items():
                meet = sum(map(min, laws["a"](list(context)), laws["b"](list(context))))
                expected[depth] += [reached * mass, reached * mass * meet]
    assert found[:LENGTH] == pytest.approx(expected, abs=1e-5)


def accepted_by_all(laws, prefix, depth):
    """Chance, by continuation, that b drafts it, a accepts it, and t accepts a's token, all token-wise."""
    masses = Counter({tuple(prefix): 1.0})
    for _ in range(depth):
        longer = Counter()
        for context, mass in masses.items():
            p, q, u = (laws[name](list(context)) for name in "tab")
            for token in range(VOCABULARY):
                if q[token] > 0:
                    longer[*context, token] += mass * min(u[token], q[token]) * min(1, p[token] / q[token])
        masses = longer
    return masses
