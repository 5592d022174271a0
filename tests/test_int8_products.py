"""Products in 8-bit integers are exact where they are said to be: linear layers, and heads as wide as allowed."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from numba.core import caching

from realrun.network import int8_linear, int8_rows
from realrun.network.int8_cache import Heads, IntegerCache
from realrun.network.int8_linear import (
    Int8Embedding,
    Int8Linear,
    quantised_rows,
    token_levels,
    why_unavailable,
)
from realrun.network.int8_rows import LEVELS, LONGEST, WIDEST_HEAD, normed, split

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason="torch has no int8 products here")

WIDTHS = (64, 576, 1536)


def whole_rows(count, width, most, seed=0):
    """Random whole numbers in -most..most, of which each row has one at an end."""
    found = torch.randint(-most, most + 1, (count, width), generator=torch.Generator().manual_seed(seed))
    found[:, 0] = most
    return found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 2, 7, 17])
def test_products_of_whole_numbers_are_those_of_64_bit_integers(width, count):
    levels = token_levels()
    weight, rows = whole_rows(48, width, 127, 1), whole_rows(count, width, levels)
    found = Int8Linear(weight.float())(rows.float() / levels).double() * levels
    assert torch.equal(found.round().long(), rows @ weight.T)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_greatest_possible_sums_are_not_clipped(width):
    levels = token_levels()
    linear = Int8Linear(torch.full((16, width), -1.0))
    for sign in (1.0, -1.0):
        found = linear(torch.full((3, width), sign)) * levels * 127
        torch.testing.assert_close(found, torch.full((3, 16), -sign * levels * 127.0 * width), rtol=1e-6, atol=0)


def test_a_processor_that_clips_gets_fewer_levels_and_one_that_does_not_all(monkeypatch):
    probe = token_levels.__wrapped__
    monkeypatch.setattr(Int8Linear, "__call__", lambda self, rows: rows @ torch.ones(rows.shape[1], 16))
    assert probe() == 127
    monkeypatch.setattr(Int8Linear, "__call__", lambda self, rows: 0.51 * rows @ torch.ones(rows.shape[1], 16))
    assert probe() == 63


def test_products_without_vnni_are_not_clipped():
    code = f"""
import torch
from realrun.network.int8_linear import Int8Linear, token_levels
assert token_levels() == 63, token_levels()
for width in {WIDTHS}:
    for sign in (1.0, -1.0):
        found = Int8Linear(torch.full((16, width), sign))(torch.ones(3, width))
        torch.testing.assert_close(found, torch.full((3, 16), sign * width), rtol=1e-5, atol=0)
"""
    environment = os.environ | {"FBGEMM_ENABLE_INSTRUCTIONS": "AVX2"}  # FBGEMM's kernels of a processor without VNNI
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_loops_are_compiled_where_they_cannot_be_kept(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert int8_rows._compiled(lambda x: x + 1)(1) == 2


def test_fewer_levels_are_the_same_layer_in_coarser_steps():
    rows = torch.rand(5, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    weight = torch.rand(24, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    steps, whole = quantised_rows(weight)
    expected = ((rows * 63).round() / 63).double() @ (steps * whole).double().T
    torch.testing.assert_close(Int8Linear(weight, levels=63)(rows).double(), expected, rtol=0, atol=1e-5)


def test_rows_of_zeros_stay_zeros_and_outliers_take_the_whole_range():
    weight = torch.zeros(4, 8)
    weight[1, 2], weight[2], weight[3] = 1e30, 1e-20, -3.0
    steps, whole = quantised_rows(weight)
    assert whole[0].tolist() == [0] * 8
    assert whole[1].tolist() == [0, 0, 127, 0, 0, 0, 0, 0]
    assert whole[2].tolist() == [127] * 8
    assert bool(steps.isfinite().all())
    torch.testing.assert_close(Int8Embedding(weight)(torch.arange(4)), weight)


def test_a_token_of_zeros_stays_one():
    states, unit, scales = (np.zeros((2, width), np.float32) for width in (8, 8, 1))
    normed(states, np.ones(8, np.float32), np.float32(1e-5), unit, scales)
    assert not unit.any()
    assert np.isfinite(scales).all()


def extreme_heads(width):
    """Whole-number queries, keys and values whose scores differ by ones just below the greatest possible.

    Returns:
        States of 40 tokens for one head, and the scores of the last one.
    """
    states = torch.full((40, 3, width), 255.0)
    states[:, 0, -1] = 1.0  # a query sees single steps of a key's last entry
    states[:, 1, -1] = 255.0 - torch.arange(40) % 4
    states[:, 2] = (torch.arange(40)[:, None] * 7 + torch.arange(width)) % 255
    states[:, 2, 0] = 255.0
    return states, (states[-1, 0].double() @ states[:, 1].double().T)


def read_last(states, width, count):
    """What the last token reads, in calls on so many tokens."""
    heads, empty = Heads(1, 1, width), np.empty(0, np.float32)
    turns = np.zeros((2, len(states), width // 2), np.float32)
    turns[0] = 1
    cache = IntegerCache(1, heads)
    for start in range(0, len(states), count):
        (layer,) = cache.layers(start, start + count)
        products = states[start : start + count].reshape(count, -1).numpy()
        queries, steps = torch.empty(1, count, width), np.empty((1, count), np.float32)
        kept = (layer.states, layer.steps, layer.tops)
        gains = np.empty((0, width), np.float32)
        ones = np.ones((count, 1), np.float32)
        split(products, ones, empty, gains, np.float32(0), turns, start, queries.numpy(), steps, *kept)
        unit, peaks = np.empty((count, width), np.float32), np.empty((count, 1), np.float32)
        layer.read(queries, steps, start, 0, unit, peaks)
    return torch.from_numpy(unit * peaks)[-1]


def expected_read(states, scores):
    weights = (scores - scores.max()).softmax(0)
    return ((weights * 2**15).round() / 2**15) @ states[:, 2].double()


@pytest.mark.parametrize("width", [64, 128, WIDEST_HEAD])
def test_scores_of_the_widest_heads_are_exact_to_the_last_one(width):
    """A score off by one would move its probability by the factor e."""
    states, scores = extreme_heads(width)
    assert LEVELS**2 * width * 0.98 < float(scores.max()) < 2**24
    for count in (1, 8, 40):
        found = read_last(states, width, count)
        torch.testing.assert_close(found.double(), expected_read(states, scores), rtol=1e-4, atol=0)


def test_heads_wider_than_allowed_would_not_be_exact():
    """Negative control: beyond 2^24 every other whole number is missing."""
    states, scores = extreme_heads(WIDEST_HEAD + 8)
    assert float(scores.max()) > 2**24
    found = read_last(states, WIDEST_HEAD + 8, 1).double()
    assert float((found - expected_read(states, scores)).abs().max()) > 1


def test_sums_of_probabilities_stay_below_2_to_the_24_up_to_the_longest_text():
    assert LEVELS**2 * WIDEST_HEAD < 2**24
    assert LEVELS * (2**15 + LONGEST / 2) < 2**24


def test_a_machine_without_the_products_says_so(monkeypatch):
    monkeypatch.setattr(int8_linear, "_PRODUCT", "no_such_product")
    assert "FBGEMM" in why_unavailable.__wrapped__()
