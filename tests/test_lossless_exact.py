"""Every random choice of the engine enumerated: the law of what it puts out is the target's, to 1e-12."""

import pytest
import torch
import toys
from toys import DEPTH_2, DEPTH_3, DRAFTS, FLAT, LENIENT

from analysis.model import InputError, Step
from realrun.engine import accept
from realrun.engine.policy import Policy
from realrun.engine.review import SamplingJudge

PROMPT = (1, 0)
EXACT = 1e-12
STYLES = {
    "dense": ("dense", "dense", "dense"),
    "sparse": ("sparse", "sparse", "sparse"),
    "certain": ("certain", "sparse", "certain"),
}


def gap(models, draft, length=3, eos=(), policy=toys.SAMPLED, **options):
    engine = toys.decoder(models, draft, policy=policy, **options)
    law = toys.text_law(engine, PROMPT, length, eos)
    return toys.distance(law, toys.target_law(models["t"], PROMPT, length, eos, policy))


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", DRAFTS)
def test_the_law_of_three_tokens_is_the_targets(name, style, verification):
    models = toys.toys(2 if name in DEPTH_3 else 3, seed=f"{name}{style}", styles=STYLES[style])
    assert gap(models, DRAFTS[name], verification=verification) < EXACT


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("name", DEPTH_3)
def test_room_for_a_whole_nested_draft_changes_nothing(name, verification):
    models = toys.toys(2, seed=name, styles=STYLES["sparse"])
    assert gap(models, DRAFTS[name], length=4, verification=verification) < EXACT


@pytest.mark.parametrize("name", LENIENT)
@pytest.mark.parametrize("style", ["dense", "sparse"])
def test_lenience_inside_leaves_the_law_the_targets(name, style):
    models = toys.toys(2, seed=name, styles=STYLES[style])
    assert gap(models, LENIENT[name], length=4) < EXACT


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("name", ["two", "vertical", "nested"])
def test_drafters_with_the_targets_own_law_lose_nothing_and_are_never_rejected(name, verification):
    models = {key: toys.ToyNetwork(2, "the same") for key in "tabc"}
    assert gap(models, DRAFTS[name], verification=verification) < EXACT
    engine = toys.decoder(models, DRAFTS[name], verification)
    lengths = {len(out) for out, mass in toys.cycle_law(engine, PROMPT, 9).items() if mass > EXACT}
    assert lengths == {{"two": 3, "vertical": 3, "nested": 4}[name]}


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("policy", [Policy(0.6), Policy(1.7, top_k=2), Policy(1.0, top_p=0.8), Policy(0.8, 2, 0.7)])
def test_a_policy_applies_alike_to_target_and_drafters(policy, verification):
    models = toys.toys(3, seed="policy")
    for name in ("two", "vertical"):
        assert gap(models, DRAFTS[name], policy=policy, verification=verification) < EXACT


@pytest.mark.parametrize("policy", [Policy(0.6), Policy(1.7, top_k=2), Policy(1.0, top_p=0.8)])
def test_drafters_follow_the_policy_too(policy):
    """With the target's own weights nothing is then rejected, which a drafter with another law would not reach."""
    models = {key: toys.ToyNetwork(3, "the same") for key in "tabc"}
    engine = toys.decoder(models, FLAT["two"], policy=policy)
    assert {len(out) for out, mass in toys.cycle_law(engine, PROMPT, 9).items() if mass > EXACT} == {3}


@pytest.mark.parametrize("drafter", [{"output_ids": [2, 0]}, {"columns": 5}, {"columns": 2}], ids=str)
@pytest.mark.parametrize("lenience", [1.0, 3.0])
def test_greedy_drafters_propose_tokens_of_the_targets_vocabulary_only(drafter, lenience):
    target = toys.ToyNetwork(3, "greedy t")
    columns = drafter.pop("columns", 3)
    vertical = (Step("a", rounds=2, lenience=lenience, draft=(Step("m", tokens=2),)), Step("a", tokens=2))
    models = {"t": target, "a": toys.ToyNetwork(columns, "greedy a", **drafter), "m": toys.ToyProposer(3, 0)}
    seen = set()
    predict = target.logits
    target.logits = lambda sequence, positions: (seen.update(sequence), predict(sequence, positions))[1]
    tokens = toys.decoder(models, vertical, policy=Policy()).generate(PROMPT, 40).tokens
    expected = list(PROMPT)
    for _ in range(40):
        expected.append(int(target.law(expected).argmax()))
    assert tokens == expected[len(PROMPT) :]
    assert seen <= {0, 1, 2}


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("name", ["two", "blocks", "vertical", "both", "full"])
def test_an_end_of_text_anywhere_in_a_draft_keeps_the_law(name, verification):
    models = toys.toys(2, seed=name)
    assert gap(models, DRAFTS[name], eos={0}, verification=verification) < EXACT


def test_a_vocabulary_of_four_symbols():
    assert gap(toys.toys(4, seed=4), FLAT["two"]) < EXACT


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
def test_a_drafter_with_a_smaller_output_vocabulary_keeps_the_law(verification):
    models = toys.toys(3, seed="small") | {"a": toys.ToyNetwork(3, "small a", output_ids=[2, 0])}
    for name in ("two", "vertical", "two rounds"):
        assert gap(models, DRAFTS[name], verification=verification) < EXACT


@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("name", ["two", "horizontal", *DEPTH_2, *DEPTH_3])
def test_drafters_whose_context_ends_before_the_text_keep_the_law(name, verification):
    models = toys.toys(2, seed="short")
    for drafter, room in (("a", 1), ("b", 2)):
        models[drafter] = toys.ToyNetwork(2, f"short {drafter}", context=len(PROMPT) + room)
    assert gap(models, DRAFTS[name], verification=verification) < EXACT


@pytest.mark.parametrize("columns", [2, 5])
def test_a_drafter_with_padded_or_fewer_output_columns_keeps_the_law(columns):
    models = toys.toys(3, seed="padded") | {"a": toys.ToyNetwork(columns, "padded a")}
    assert gap(models, DRAFTS["two"]) < EXACT


def test_whole_generations_have_the_law_put_together_from_their_cycles():
    for draft in (FLAT["one"], DEPTH_2["vertical"]):
        models = toys.toys(2, seed="whole")
        engine = toys.decoder(models, draft)
        whole = toys.whole_text_law(engine, PROMPT, 3)
        assert toys.distance(whole, toys.text_law(engine, PROMPT, 3)) < EXACT
        assert toys.distance(whole, toys.target_law(models["t"], PROMPT, 3)) < EXACT


@pytest.mark.slow
@pytest.mark.parametrize("verification", ["tokenwise", "block"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", [*DRAFTS, *LENIENT])
def test_the_law_of_three_tokens_is_the_targets_on_more_toys(name, seed, verification):
    if name in LENIENT and verification == "block":
        pytest.skip("verification by block knows no lenience")
    style = [*STYLES][seed % 3]
    models = toys.toys(2 + seed % 3, seed=seed, styles=STYLES[style])
    draft = (DRAFTS | LENIENT)[name]
    assert gap(models, draft, verification=verification) < EXACT


class WrongDraftLaw(SamplingJudge):
    """Reviews as if every drafter had drawn from the uniform law."""

    def review(self, logits, output_ids, tokens, laws, lenience):
        uniform = torch.full((self._vocabulary,), 1 / self._vocabulary, dtype=torch.float64)
        return super().review(logits, output_ids, tokens, [uniform] * len(laws), lenience)


class NoResidual(SamplingJudge):
    """Draws the correction from the reviewer's whole law."""

    def review(self, *arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accept, "residual", lambda target_law, draft_law: target_law / target_law.sum())
            return super().review(*arguments)


class AlwaysAccepts(SamplingJudge):
    """Accepts every token."""

    def review(self, *arguments):
        def all_of_them(target_of, draft_of, lenience):
            return torch.eye(len(target_of) + 1, dtype=torch.float64)[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accept, "tokenwise_weights", all_of_them)
            return super().review(*arguments)


class LenientLawDenied(SamplingJudge):
    """Hands up the drafter's own law although its lenient review let out another."""

    def review(self, *arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(accept, "handed_up", lambda target_probs, draft_probs, lenience: target_probs)
            return super().review(*arguments)


WRONG = {
    "wrong q": (WrongDraftLaw, FLAT["two"]),
    "no residual": (NoResidual, FLAT["two"]),
    "always accept": (AlwaysAccepts, FLAT["two"]),
    "lenient law denied": (LenientLawDenied, LENIENT["lenient"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_engines_are_caught(name):
    judge, draft = WRONG[name]
    models = toys.toys(2, seed="wrong")
    assert gap(models, draft) < EXACT
    assert gap(models, draft, judge=judge) > 1e-3


def test_a_lenient_target_has_the_bias_that_it_reports():
    models = toys.toys(3, seed="lenient target")
    engine = toys.decoder(models, FLAT["one"], lenience=2.0)
    law = toys.text_law(engine, PROMPT, 1)
    reference = toys.target_law(models["t"], PROMPT, 1)
    assert toys.distance(law, reference) < EXACT  # room for one token leaves none for a draft

    def one_generation(source):
        generation = engine.generate(PROMPT, 2, source=source, watch=len)
        return (tuple(generation.tokens), generation.bias.total_variation, generation.bias.kl, generation.bias.tokens)

    outcomes = toys.enumerated(one_generation)
    first = [0.0] * 3
    for (tokens, *_), mass in outcomes.items():
        first[tokens[0]] += mass
    truth = models["t"].law(PROMPT)
    first = torch.tensor(first, dtype=torch.float64)
    assert accept.total_variation(first, truth) > 0.01
    for (tokens, distance, divergence, count), _ in outcomes.items():
        assert count == len(tokens)
        assert distance == pytest.approx(float(accept.total_variation(first, truth)), abs=EXACT)
        assert divergence == pytest.approx(float((first * (first / truth).log()).sum()), abs=EXACT)


def test_lenience_and_verification_by_block_do_not_go_together():
    models = toys.toys(2, seed=0)
    with pytest.raises(InputError, match=r"draft\[0\]\.lenience: got 2, expected 1 with verification by block"):
        toys.decoder(models, LENIENT["lenient"], "block")
    with pytest.raises(InputError, match=r"^lenience: got 3, expected 1"):
        toys.decoder(models, (Step("a", tokens=1),), "block", lenience=3.0)
