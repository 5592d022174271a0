"""The rules of a review, each against a brute-force or published value."""

import itertools

import pytest
import torch
import toys
from toys import Step

from realrun.engine import accept

PROMPT = (0,)


def tokenwise_weights(target_probs, draft_probs, tokens, lenience=1.0):
    n = len(tokens)
    of = [probs[:n].gather(-1, tokens[:, None])[:, 0] for probs in (target_probs, draft_probs)]
    return accept.tokenwise_weights(*of, lenience)


def laws(rows, vocabulary, seed, zeros=False):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(rows, vocabulary, dtype=torch.float64, generator=generator) + 1e-3
    if zeros:
        weights[torch.rand(weights.shape, generator=generator) < 0.3] = 0
        weights[:, seed % vocabulary] += 0.1
    return weights / weights.sum(-1, keepdim=True)


def matrices(n, vocabulary, seed, zeros=False):
    """Random laws of a review of n tokens, the drafts' with their zero row."""
    target_probs, draft_probs = laws(n + 1, vocabulary, seed, zeros), laws(n + 1, vocabulary, seed + 1000, zeros)
    draft_probs[n] = 0
    return target_probs, draft_probs


class Memoryless(toys.ToyNetwork):
    """A toy with one law in every context."""

    def __init__(self, law):
        super().__init__(len(law), seed=None)
        self._law = torch.tensor(law, dtype=torch.float64)

    def law(self, context):
        return self._law


def mean_accepted(draft, verification, **models):
    engine = toys.decoder(models, draft, verification)
    return sum(mass * (len(out) - 1) for out, mass in toys.cycle_law(engine, PROMPT, 20).items())


@pytest.mark.parametrize(("verification", "expected"), [("tokenwise", 10 / 9), ("block", 11 / 9)])
def test_two_drafted_tokens_have_the_published_mean_acceptance(verification, expected):
    """Sun et al. 2024 (arXiv 2403.10444), section 2: target (1/3, 2/3), draft (2/3, 1/3)."""
    models = {"t": Memoryless([1 / 3, 2 / 3]), "a": Memoryless([2 / 3, 1 / 3])}
    found = mean_accepted((Step("a", tokens=2),), verification, **models)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_block_verification_accepts_at_least_as_many_tokens(seed):
    models = toys.toys(3, seed=seed, styles=("dense", "sparse", "dense"))
    for name in ("two", "horizontal"):
        counts = [mean_accepted(toys.FLAT[name], kind, **models) for kind in ("tokenwise", "block")]
        assert counts[0] <= counts[1] + 1e-12


def test_acceptance_and_yield_length_of_an_inner_review_are_dependent():
    """q = (.9, .1), p = (.5, .5), inner draft (1, 0): .50 where a product of marginals would say .54."""

    class Zero(toys.ToyProposer):
        def propose_next(self, sequence):
            return 0

    models = {"t": Memoryless([0.5, 0.5]), "a": Memoryless([0.9, 0.1]), "m": Zero(2, 0)}
    engine = toys.decoder(models, (Step("a", rounds=1, draft=(Step("m", tokens=1),)),))

    def examined_second(source):
        generation = engine.generate(PROMPT, 20, source=source, watch=len)
        return len(generation.pairs["t", "a"].to_json()["examined"]) == 2

    assert toys.enumerated(examined_second)[True] == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("lenience", [1.0, 1.5, 4.0])
@pytest.mark.parametrize("seed", range(5))
def test_tokenwise_weights_are_the_products_of_the_acceptances(seed, lenience):
    n, vocabulary = 3, 4
    target_probs, draft_probs = matrices(n, vocabulary, seed)
    for tokens in itertools.product(range(vocabulary), repeat=n):
        found = tokenwise_weights(target_probs, draft_probs, torch.tensor(tokens), lenience).tolist()
        survived = 1.0
        for position, token in enumerate(tokens):
            passes = min(1.0, lenience * float(target_probs[position, token] / draft_probs[position, token]))
            assert found[position] == pytest.approx(survived * (1 - passes), abs=1e-14)
            survived *= passes
        assert found[n] == pytest.approx(survived, abs=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_lenience_beyond_the_types_range_takes_all_that_is_possible(dtype):
    target_probs = torch.tensor([[0.0, 1.0], [0.5, 0.5]], dtype=dtype)
    draft_probs = torch.tensor([[0.25, 0.75], [0.0, 0.0]], dtype=dtype)
    for lenience in (1e38, 1e39, 1e300):
        for token, weights in ((0, [1, 0]), (1, [0, 1])):
            found = tokenwise_weights(target_probs, draft_probs, torch.tensor([token]), lenience)
            assert found.tolist() == weights
        assert accept.handed_up(target_probs, draft_probs, lenience).tolist() == target_probs.tolist()


@pytest.mark.parametrize("lenience", [1.0, 1.5, 4.0, 1e6])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_law_handed_up_is_that_of_what_comes_out(seed, zeros, lenience):
    vocabulary = 4
    target_probs, draft_probs = matrices(1, vocabulary, seed, zeros)
    out = torch.zeros(vocabulary, dtype=torch.float64)
    for token in range(vocabulary):
        if draft_probs[0, token] > 0:
            rejected, accepted = tokenwise_weights(target_probs, draft_probs, torch.tensor([token]), lenience).tolist()
            out[token] += draft_probs[0, token] * accepted
            out += draft_probs[0, token] * rejected * accept.residual(target_probs[0], draft_probs[0])
    torch.testing.assert_close(accept.handed_up(target_probs, draft_probs, lenience)[0], out, atol=1e-14, rtol=0)
    if lenience == 1:
        torch.testing.assert_close(out, target_probs[0], atol=1e-14, rtol=0)


def test_the_token_after_a_whole_draft_has_the_reviewers_law():
    target_probs, draft_probs = matrices(2, 4, seed=0)
    torch.testing.assert_close(accept.handed_up(target_probs, draft_probs, 3.0)[2], target_probs[2])
    torch.testing.assert_close(accept.residual(target_probs[2], draft_probs[2]), target_probs[2])


def test_equal_laws_are_never_rejected_and_have_no_residual():
    target_probs, _ = matrices(2, 4, seed=0)
    draft_probs = target_probs.clone()
    draft_probs[2] = 0
    tokens = torch.tensor([1, 2])
    scales = accept.block_scales(target_probs, draft_probs, tokens)
    for weights in (
        tokenwise_weights(target_probs, draft_probs, tokens),
        accept.block_weights(scales[:, None] * target_probs, draft_probs, scales),
    ):
        assert weights.tolist() == pytest.approx([0, 0, 1], abs=1e-15)
    assert torch.equal(accept.residual(target_probs, draft_probs)[:2], target_probs[:2])


def test_a_token_that_the_reviewer_never_says_is_always_rejected():
    target_probs = torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    draft_probs = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    token = torch.tensor([0])
    assert tokenwise_weights(target_probs, draft_probs, token, lenience=100.0).tolist() == [1, 0]
    scales = accept.block_scales(target_probs, draft_probs, token)
    assert accept.block_weights(scales[:, None] * target_probs, draft_probs, scales).tolist() == [1, 0]


@pytest.mark.parametrize("n", [0, 1, 4])
def test_weights_of_any_draft_sum_to_one(n):
    target_probs, draft_probs = matrices(n, 4, seed=n)
    tokens = torch.arange(n) % 4
    scales = accept.block_scales(target_probs, draft_probs, tokens)
    for weights in (
        tokenwise_weights(target_probs, draft_probs, tokens),
        accept.block_weights(scales[:, None] * target_probs, draft_probs, scales),
    ):
        assert weights.shape == (n + 1,)
        assert float(weights.sum()) == pytest.approx(1, abs=1e-14)
        assert bool((weights >= 0).all())


def test_certain_drafters_become_rows_with_one_token():
    like = torch.zeros(4, 3)
    law = torch.tensor([0.2, 0.3, 0.5])
    found = accept.dense_draft_probs([None, law, None], [2, 0, 1], like)
    assert found.tolist() == [[0, 0, 1], law.tolist(), [0, 1, 0], [0, 0, 0]]


def test_tokens_have_the_probability_that_they_were_drawn_with():
    law = torch.tensor([0.2, 0.3, 0.5])
    assert (
        accept.drafted_probs([None, law, None, law], [2, 0, 1, 2], law).tolist()
        == torch.tensor([1, 0.2, 1, 0.5]).tolist()
    )


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
@pytest.mark.parametrize("name", ["two", "horizontal", "proposer", "two rounds"])
def test_positions_judged_some_at_a_time_have_the_law_of_all_at_once(name, at_once, monkeypatch):
    """The law of a cycle is enumerated; with weights that are not renormalised between blocks it would differ."""
    models = toys.toys(3, seed=name, styles=("dense", "sparse", "dense"))
    engine = toys.decoder(models, toys.DRAFTS[name])
    monkeypatch.setattr("realrun.engine.review._AT_ONCE", 1000)
    expected = toys.cycle_law(engine, PROMPT, 9)
    monkeypatch.setattr("realrun.engine.review._AT_ONCE", at_once)
    assert toys.distance(toys.cycle_law(engine, PROMPT, 9), expected) < 1e-14


def test_distances_of_laws():
    law, reference = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.5, 0.25])
    assert float(accept.total_variation(law, reference)) == pytest.approx(0.25)
    assert float(accept.kl_divergence(law, reference)) == pytest.approx(0.5 * torch.log(torch.tensor(2.0)).item())
    assert float(accept.kl_divergence(reference, law)) == float("inf")
