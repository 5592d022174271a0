"""The random numbers: known vectors, uniformity, and streams that names tell apart."""

import numpy as np
import pytest
from scipy import stats
from simulated import FALSE_ALARM

from simulate.kernel.generator import BLOCK, LANES, ONE, fill, lanes_for
from simulate.kernel.numbers import GOLDEN, mixed

XOSHIRO_FROM_1234 = [
    41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205,
    9973669472204895162, 14011001112246962877, 12406186145184390807, 15849039046786891736, 10450023813501588000,
]  # fmt: skip
"""First outputs of xoshiro256++ from state (1, 2, 3, 4), as the rand_xoshiro crate tests them."""

SPLITMIX_FROM_0 = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
"""First outputs of SplitMix64 from state 0."""


def drawn(*key, count=64 * BLOCK):
    numbers = np.empty(count, dtype=np.int64)
    fill(lanes_for(*key), numbers)
    return numbers


def test_every_lane_is_xoshiro256_plus_plus():
    lanes = np.repeat(np.arange(1, 5, dtype=np.uint64)[:, None], LANES, axis=1)
    numbers = np.empty(3 * BLOCK, dtype=np.int64)
    fill(lanes, numbers)
    per_lane = numbers.reshape(-1, LANES)[:10]
    assert (per_lane == np.array([n >> 2 for n in XOSHIRO_FROM_1234])[:, None]).all()


def test_block_streams_are_splitmix64():
    states = [np.uint64((i * int(GOLDEN)) % 2**64) for i in (1, 2, 3)]
    assert [int(mixed(state)) for state in states] == SPLITMIX_FROM_0


def test_two_fills_are_one_longer_fill():
    lanes = lanes_for(5)
    halves = np.empty((2, 2 * BLOCK), dtype=np.int64)
    fill(lanes, halves[0])
    fill(lanes, halves[1])
    assert (halves.ravel() == drawn(5, count=4 * BLOCK)).all()


@pytest.mark.parametrize("shift", [54, 30, 0], ids=["high", "middle", "low"])
def test_bits_are_uniform(shift):
    counts = np.bincount((drawn("bits", shift) >> shift) & 255, minlength=256)
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


def test_numbers_fill_zero_to_one():
    numbers = drawn("range") / ONE
    assert 0 <= numbers.min() < 1e-3
    assert 1 - 1e-3 < numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > FALSE_ALARM


@pytest.mark.parametrize("lag", [1, LANES, LANES + 1, BLOCK])
def test_neighbours_in_lane_and_time_are_uncorrelated(lag):
    numbers = drawn("lags", lag) / ONE - 0.5
    z = 12 * (numbers[:-lag] @ numbers[lag:]) / np.sqrt(numbers.size - lag)
    assert abs(z) < stats.norm.isf(FALSE_ALARM / 2)


@pytest.mark.parametrize("other", [(1, "b", 0), (2, "a", 0), (1, "a", 1)], ids=["task", "seed", "batch"])
def test_any_change_of_the_key_gives_unrelated_numbers(other):
    first, second = drawn(1, "a", 0) / ONE - 0.5, drawn(*other) / ONE - 0.5
    assert abs(12 * (first @ second) / np.sqrt(first.size)) < stats.norm.isf(FALSE_ALARM / 2)
    assert not np.intersect1d(first, second).size


def test_a_biased_generator_is_found_out():
    numbers = drawn("control") / ONE
    assert stats.kstest(numbers**1.05, "uniform").pvalue < FALSE_ALARM
