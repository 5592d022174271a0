"""Temperature, top-k and top-p, and the drawing of tokens from the laws they give."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from analysis.model import InputError
from realrun.engine.choice import Draws, seeded
from realrun.engine.finite import NotFiniteError
from realrun.engine.policy import Policy, greatest, largest, nucleus_edge, over_vocabulary
from realrun.engine.review import GreedyJudge, SamplingJudge

POLICIES = [
    Policy(0.7),
    Policy(1.0, top_k=5),
    Policy(1.3, top_p=0.9),
    Policy(0.8, top_k=40, top_p=0.6),
    Policy(1.0, top_p=0.999),
    Policy(1.0, top_k=1),
]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("spread", [0.1, 3.0])
def test_laws_are_those_of_transformers(policy, spread):
    logits = spread * torch.randn(4, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = TemperatureLogitsWarper(policy.temperature)(None, logits)
    if policy.top_k is not None:
        expected = TopKLogitsWarper(policy.top_k)(None, expected)
    if policy.top_p < 1:
        expected = TopPLogitsWarper(policy.top_p)(None, expected)
    torch.testing.assert_close(policy.probabilities(logits), expected.softmax(-1), atol=1e-14, rtol=0)


@pytest.mark.parametrize("temperature", [1e-7, 1e-40, 5e-324])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_next_to_no_temperature_leaves_the_likeliest_token(temperature, dtype):
    logits = torch.tensor([[30.0, -30.0, 31.0, -math.inf]], dtype=dtype)
    for policy in (Policy(temperature), Policy(temperature, top_k=2, top_p=0.5)):
        assert policy.probabilities(logits).tolist() == [[0, 0, 1, 0]]


def test_below_the_threshold_the_law_is_what_it_would_be_without_it():
    logits = 1e-6 * torch.randn(2, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for temperature in (0.9e-6, 1.1e-6):
        torch.testing.assert_close(Policy(temperature).probabilities(logits), (logits / temperature).softmax(-1))


@pytest.mark.parametrize("policy", [Policy(1.0), Policy(0.5, top_k=3), Policy(1.0, top_p=0.9)], ids=str)
@pytest.mark.parametrize("where", [0, slice(None)])
def test_logits_that_are_no_numbers_are_refused(policy, where):
    logits = torch.randn(3, 40, generator=torch.Generator().manual_seed(0))
    logits[..., where] = math.nan
    judge = SamplingJudge(policy, seeded(0), 40, "tokenwise")
    with pytest.raises(NotFiniteError):
        judge.draft(logits[:1], None)
    with pytest.raises(NotFiniteError):
        judge.review(logits, None, [1, 2], [None, None], 1.0)


def test_tokens_as_likely_as_the_last_one_kept_are_kept():
    logits = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0]])
    assert Policy(1.0, top_k=2).probabilities(logits).tolist()[0] == pytest.approx([1 / 3, 0, 1 / 3, 0, 1 / 3])
    assert Policy(1.0, top_p=0.3).probabilities(logits).tolist()[0] == pytest.approx([1 / 3, 0, 1 / 3, 0, 1 / 3])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_laws_of_narrow_logits_are_in_float32_and_sum_to_one(dtype):
    logits = torch.randn(3, 50_000, generator=torch.Generator().manual_seed(1)).to(dtype)
    for policy in POLICIES:
        law = policy.probabilities(logits)
        assert law.dtype == torch.float32
        torch.testing.assert_close(law.sum(-1), torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.95, 0.9999])
@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0, 8.0])
def test_the_edge_of_a_nucleus_is_that_of_a_whole_sort(top_p, spread):
    """Flat laws, whose nucleus has tens of thousands of tokens, and sharp ones, whose nucleus has one."""
    law = (spread * torch.randn(3, 49_152, generator=torch.Generator().manual_seed(2))).softmax(-1)
    falling = law.sort(-1, descending=True).values.numpy()
    reached = (falling.cumsum(-1) < np.float64(top_p)).sum(-1).clip(max=law.shape[-1] - 1)
    expected = [row[place] for row, place in zip(falling, reached, strict=True)]
    assert nucleus_edge(law, top_p)[:, 0].tolist() == torch.tensor(expected).tolist()


@pytest.mark.parametrize("width", [3, 640, 50_257])
@pytest.mark.parametrize("k", [1, 2, 64, 600])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_largest_values_are_those_of_a_sort(width, k, dtype):
    values = torch.randn(3, width, generator=torch.Generator().manual_seed(width)).to(dtype)
    values[1, -1] = 100.0  # behind the last whole block
    values[2] = values[2].sort().values  # all in the last blocks
    k = min(k, width)
    assert torch.equal(largest(values, k), values.sort(-1, descending=True).values[:, :k])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [-100.0, -2.0, 0.0, 50.0])
def test_the_greatest_value_is_the_first_of_the_equal_ones(dtype, shift):
    values = (torch.randn(50, 3000, generator=torch.Generator().manual_seed(1)) + shift).to(dtype)
    values[:, 7] = -math.inf
    values[0] = shift
    found = greatest(values)
    assert torch.equal(found, torch.tensor([row.index(max(row)) for row in values.tolist()]))
    assert torch.equal(found, values.argmax(-1))
    assert int(greatest(values[3])) == int(found[3])
    assert torch.equal(greatest(values[:, :100]), values[:, :100].argmax(-1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.inf),
        ("temperature", math.nan),
        ("temperature", True),
        ("temperature", "1"),
        ("top_p", None),
        ("top_k", 0),
        ("top_k", 2.5),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
    ],
)
def test_values_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(InputError, match=rf"^{field}: got .*, expected "):
        Policy(**{field: value})


def test_columns_are_spread_over_the_targets_vocabulary():
    law = torch.tensor([[0.25, 0.75]])
    assert over_vocabulary(law, torch.tensor([3, 1]), 5).tolist() == [[0, 0.75, 0, 0.25, 0]]
    assert over_vocabulary(law, None, 3, fill=-1).tolist() == [[0.25, 0.75, -1]]
    assert over_vocabulary(law, None, 1).tolist() == [[0.25]]


def test_draws_follow_the_weights_and_never_take_an_impossible_token():
    """False-alarm rate 1e-4; weights with two neighbours exchanged are the control that must fail."""
    weights = torch.tensor([0.0, 2.0, 0.0, 1.0, 5.0, 0.0])
    source = seeded(0)
    counts = torch.bincount(torch.stack([source.choose(weights) for _ in range(8000)]), minlength=6).tolist()
    assert [counts[i] for i in (0, 2, 5)] == [0, 0, 0]
    observed = [counts[i] for i in (1, 3, 4)]
    assert stats.chisquare(observed, [2000, 1000, 5000]).pvalue > 1e-4
    assert stats.chisquare(observed, [1000, 2000, 5000]).pvalue < 1e-4


def test_a_uniform_number_of_zero_takes_no_impossible_token(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *size, **options: torch.zeros(*size, dtype=torch.float64))
    assert int(seeded(0).choose(torch.tensor([0.0, 0.0, 1.0, 1.0]))) == 2


def test_greedy_choices_of_a_narrow_head_are_its_token_ids():
    judge = GreedyJudge(5)
    ids = torch.tensor([4, 1])
    assert judge.draft(torch.tensor([[2.0, 1.0]]), ids) == (4, None)
    assert judge.review(torch.tensor([[2.0, 1.0], [0.0, 1.0]]), ids, [4], [None], 1.0).token == 1


def test_the_same_state_of_the_generator_gives_the_same_draws():
    weights = torch.rand(1000, generator=torch.Generator().manual_seed(3))
    generator = torch.Generator().manual_seed(7)
    draws = [[int(source.choose(weights)) for _ in range(20)] for source in (seeded(7), Draws(generator), seeded(8))]
    assert draws[0] == draws[1] != draws[2]
