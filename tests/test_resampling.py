"""Resampling by prompt: every bootstrap of the project draws prompts, never tokens, and from a stream of its own."""

import numpy as np
import pytest

from analysis.model.resampling import interval_95, prompt_weights


def test_as_many_prompts_are_drawn_as_there_are_each_as_often_on_average():
    drawn = prompt_weights(5, 4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 5)
    assert (drawn.sum(axis=1) == 5).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(5), abs=0.06)  # standard error 0.014


def test_the_stream_is_that_of_the_committed_numbers():
    assert prompt_weights(3, 2, np.random.default_rng(0)).tolist() == [[1, 1, 1], [0, 0, 3]]


def test_the_interval_leaves_out_one_in_forty_at_each_end():
    assert interval_95(np.arange(1001.0)) == (25, 975)
