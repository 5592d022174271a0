"""Tables of call times: scatter of the measurement goes, what a device really does stays."""

import calibrations
import numpy as np
import pytest
from calibrations import ALPHAS, flat

from analysis.model import Cascade
from analysis.model.records.calibration import calibration_of
from analysis.model.records.call_times import CallTimes

CONTEXTS, SIZES = (64, 256, 512), (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64)


def law(held, q):
    """A call that is flat up to 16 tokens and then rises, and grows with what is held."""
    return 40 + 3 * (q > 1) + 10 * (q > 16) + 0.3 * max(0, q - 24) + 0.01 * (held - 64) + 1e-4 * (held - 64) * q


def table(scatter=None):
    seconds = np.array([[law(held, q) for q in SIZES] for held in CONTEXTS])
    return seconds if scatter is None else seconds * scatter


def times(seconds):
    return CallTimes(CONTEXTS, SIZES, tuple(tuple(row) for row in seconds.tolist()))


def deviation(found, seconds):
    return float(np.sqrt(np.mean((np.array(found.seconds) / seconds - 1) ** 2)))


def test_smoothing_takes_away_most_of_the_scatter():
    """Fixed seeds: 100 tables with 5 % scatter; 13 free terms of 39 would leave 58 % of it, shape constraints less."""
    generator = np.random.default_rng(1)
    left = []
    for _ in range(100):
        scattered = table(np.exp(0.05 * generator.standard_normal((len(CONTEXTS), len(SIZES)))))
        left.append(deviation(times(scattered).smoothed(0.05), table()) / deviation(times(scattered), table()))
    assert np.mean(left) < 0.55
    assert np.max(left) < 0.85


def test_no_further_token_makes_a_call_faster():
    generator = np.random.default_rng(2)
    scattered = table(np.exp(0.05 * generator.standard_normal((len(CONTEXTS), len(SIZES)))))
    assert (np.diff(scattered) < 0).any()
    smooth = np.array(times(scattered).smoothed(0.2).seconds)  # an error so great that only the law is left
    assert (np.diff(smooth, axis=0) >= -1e-12).all()
    assert (np.diff(smooth, axis=1) >= -1e-12).all()


def test_what_a_device_really_does_is_kept_where_it_was_measured_well():
    """A kernel that is faster on more tokens breaks the law; an error of 0.2 % cannot explain it."""
    odd = np.ones((len(CONTEXTS), len(SIZES)))
    odd[:, 2:5] = 1.1
    assert deviation(times(table(odd)).smoothed(0.002), table(odd)) < 0.001
    assert deviation(times(table(odd)).smoothed(0.1), table(odd)) > 0.01


@pytest.mark.parametrize("error", [0.0, 0.01, 0.1])
def test_a_table_that_follows_the_law_stays_as_it_is(error):
    assert np.array(times(table()).smoothed(error).seconds) == pytest.approx(table(), rel=1e-9)


def test_one_context_is_enough():
    found = CallTimes((64,), (1, 2, 4), ((1.0, 0.9, 1.2),)).smoothed(1.0)
    assert found.seconds[0] == pytest.approx((found.at(2, 64), found.at(2, 64), 1.2))
    assert 0.9 < found.at(1, 64) < 1.0


def test_a_table_that_no_rising_law_lies_near_stays_as_it_is():
    rows = (
        (4.1e-3, 6.7e-4, 7.8e-4, 2e-5, 1.6e-3),
        (1.7e-3, 5.8e-3, 6.1e-4, 1.1e-3, 4.9e-4),
        (3.1e-4, 4.9e-4, 7.1e-4, 3.9e-3, 1e-3),
    )
    wild = CallTimes((106, 114, 132), (1, 2, 4, 8, 16), rows)
    assert wild.smoothed(0.1) == wild


def test_a_calibration_is_smoothed_by_its_own_standard_errors():
    spec = calibrations.calibration(flat(ALPHAS))
    entry = spec["meta"]["calibration"]["seconds"]["t"]
    entry["median"][1][2] *= 1.3
    entry["spread"] = [[0.1 * value for value in row] for row in entry["median"]]
    rough = calibration_of(Cascade.from_json(spec, needs_draft=False)).smoothed.networks["t"].median
    assert rough.at(4, 100) == pytest.approx(entry["median"][1][2])
    errors = {"models": {"t": {"cost": {"by_tokens": [0.0] + [0.1] * 63}}}}
    known = calibration_of(Cascade.from_json(spec | {"uncertainty": errors}, needs_draft=False))
    assert known.times["t"].at(4, 100) == rough.at(4, 100)  # reading leaves the measured table as it is
    smooth = known.smoothed.networks["t"].median
    true = calibrations.call_seconds("t", 4, 100)
    assert abs(smooth.at(4, 100) / true - 1) < 0.5 * abs(rough.at(4, 100) / true - 1)
