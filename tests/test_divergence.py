"""The first difference of two outputs, judged by the float32 target."""

import math

import pytest
import tiny
import torch

from realrun.cached_model import CachedModel
from realrun.divergence import compare

PROMPT = [3, 4, 5]


@pytest.fixture(scope="module")
def exact():
    return CachedModel(tiny.network())


def test_equal_outputs_are_identical(exact):
    assert compare(exact, PROMPT, [7, 8], [7, 8]).kind == "identical"


def test_an_output_that_ends_early_is_divergent(exact):
    found = compare(exact, PROMPT, [7], [7, 8])
    assert (found.kind, found.position, found.margin_ulps) == ("divergent", 1, math.inf)


def test_the_margin_is_that_of_the_float32_logits_at_the_first_difference(exact):
    with torch.inference_mode():
        logits = tiny.network()(torch.tensor([[*PROMPT, 7]])).logits[0, -1]
    order = logits.argsort(descending=True).tolist()
    ulp = 2.0 ** (math.floor(math.log2(float(logits[order[0]]))) - 7)
    for other in (order[1], order[-1]):
        found = compare(exact, PROMPT, [7, other, 9], [7, order[0], 2])
        margin = float(logits[order[0]] - logits[other]) / ulp
        assert found.position == 1
        assert found.margin_ulps == pytest.approx(margin, rel=1e-3)
        assert found.kind == ("near-tie" if margin <= 4 else "divergent")


def test_equal_logits_are_a_near_tie():
    network = tiny.network()
    with torch.no_grad():
        network.get_output_embeddings().weight[9] = network.get_output_embeddings().weight[8]
    found = compare(CachedModel(network), PROMPT, [8], [9])
    assert (found.kind, found.margin_ulps) == ("near-tie", 0.0)
