"""Models in 8-bit integers compute what is documented, and the same to the bit however many tokens a call reads."""

import contextlib
import random
import warnings

import int8_reference as reference
import pytest
import tiny
import torch

from realrun.network.int8_linear import why_unavailable
from realrun.network.int8_model import Int8Model, _activated
from realrun.network.kv_cache import GRAIN

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason="torch has no int8 products here")


def scaled(kind, **more):
    return {"rope_type": kind, "rope_theta": 10000.0, "factor": 4.0, **more}


LLAMA3 = scaled("llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
CASES = {
    "llama": ("llama", {}),
    "llama without groups": ("llama", {"num_key_value_heads": 2}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama of wide heads": ("llama", {"head_dim": 64}),
    "llama of odd widths": ("llama", {"hidden_size": 20, "head_dim": 10, "intermediate_size": 30}),
    "llama tied": ("llama", {"tie_word_embeddings": True}),
    "mistral with a window": ("mistral", {}),
    "mistral without": ("mistral", {"sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen2 with windows": ("qwen2-window", {}),
    "qwen3": ("qwen3", {}),
    "linear positions": ("llama", {"rope_parameters": scaled("linear")}),
    "llama3 positions": ("llama", {"rope_parameters": LLAMA3}),
    "yarn positions": ("llama", {"rope_parameters": scaled("yarn", original_max_position_embeddings=16)}),
}
SMOL = {"hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3}
TEXT = [3 + (i * i + i // 7) % 24 for i in range(GRAIN + 30)]
SHORT = TEXT[:40]


def network(case, **changes):
    kind, more = CASES[case]
    return tiny.network(kind, scale=4.0, **(more | changes))


def read(model, text):
    """Logits after every prefix, by one call a token."""
    model.prefill(text[:1])
    return torch.cat([model.logits(text[:end], 1) for end in range(1, len(text) + 1)])


@pytest.mark.parametrize("case", CASES)
def test_logits_are_those_of_the_documented_arithmetic_in_float64(case):
    """A number that falls on the other side of a half moves logits a little; wrong arithmetic moves them by tenths."""
    whole = network(case)
    found, expected = read(Int8Model(whole), SHORT).double(), reference.logits(whole, SHORT)
    difference = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert float(difference.median()) < 1e-3
    assert float(difference.max()) < 0.1


@pytest.mark.parametrize("case", CASES)
def test_the_law_is_near_that_of_the_model_it_is_made_of(case):
    whole = network(case)
    with torch.inference_mode():
        expected = whole(input_ids=torch.tensor([SHORT])).logits[0].log_softmax(-1)
    found = read(Int8Model(whole), SHORT).log_softmax(-1)
    divergence = (expected.exp() * (expected - found)).sum(-1)
    assert 0 < float(divergence.mean()) < 0.02


@pytest.mark.parametrize(("case", "threads"), [*((case, 1) for case in CASES), ("smol", 1), ("smol", 2)])
def test_a_token_has_the_same_logits_to_the_bit_in_whatever_call(case, threads):
    whole = tiny.network(**SMOL) if case == "smol" else network(case)
    model = Int8Model(whole)
    with on_threads(threads):
        expected = read(Int8Model(whole), TEXT)
        model.prefill(TEXT)
        for edge in (32, GRAIN):
            for count in (1, 2, 3, 8, 17):
                for start in {edge - count - 1, edge - count, edge - 1, edge, edge + 1}:
                    found = model.logits(TEXT[: start + count], count)
                    assert torch.equal(found, expected[start : start + count]), (start, count)


@pytest.mark.parametrize(("width", "threads"), [(30, 1), (41, 1), (1536, 1), (18944, 3)])
def test_gates_are_activated_alike_in_whatever_call(width, threads):
    """torch's own kernel over all rows at once differs in some last bits, but for widths of whole vectors."""
    rows = 3 * torch.randn(25, width, generator=torch.Generator().manual_seed(0))
    with on_threads(threads):
        alone = torch.cat([_activated(row[None].clone()) for row in rows])
        for count in (2, 5, 25):
            assert torch.equal(_activated(rows[:count].clone()), alone[:count])
    torch.testing.assert_close(alone, rows * rows.sigmoid())


@contextlib.contextmanager
def on_threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", ["llama", "mistral with a window", "qwen3"])
def test_after_any_growth_and_rollback_logits_are_to_the_bit_those_of_a_fresh_call(case, seed):
    rng = random.Random(seed)
    model = Int8Model(network(case))
    prompt = TEXT[: rng.randrange(1, 60)]
    sequence = list(prompt)
    model.prefill(prompt)
    for _ in range(40):
        if rng.random() < 0.5 and len(sequence) > len(prompt):
            del sequence[rng.randrange(max(len(prompt), len(sequence) - 9), len(sequence)) :]
            model.rollback(len(sequence))
        sequence += [rng.randrange(2, tiny.VOCABULARY) for _ in range(rng.randrange(1, 18))]
        positions = rng.randrange(1, min(18, len(sequence) - len(prompt) + 2))
        logits = model.logits(sequence, positions)
        for back, found in enumerate(logits.flip(0)):
            expected = model.uncached_logits(prompt, sequence[: len(sequence) - back])
            assert torch.equal(found, expected)


def test_the_float_model_is_not_the_same_to_the_bit():
    """Negative control of the equality above: float32 products do depend on the tokens beside."""
    from realrun.network.cached_model import CachedModel

    whole = tiny.network(**SMOL)
    model = CachedModel(whole)
    expected = read(CachedModel(whole), TEXT[:60])
    model.prefill(TEXT[:40])
    assert not torch.equal(model.logits(TEXT[:57], 17), expected[40:57])


def test_a_prompt_read_in_pieces_is_the_same_prompt_to_the_bit(monkeypatch):
    whole = network("llama")
    expected = read(Int8Model(whole), SHORT)[-1]
    for size in (1, 4, 31, 33, 256):
        monkeypatch.setattr("realrun.network.cached_model.PREFILL", size)
        model = Int8Model(whole)
        model.prefill(SHORT)
        assert model.length == len(SHORT) - 1
        assert torch.equal(model.logits(SHORT, 1)[0], expected)


def test_weights_of_half_precision_are_quantised_as_they_are():
    whole, rounded = network("llama"), network("llama")
    for parameter, narrow in zip(whole.parameters(), rounded.parameters(), strict=True):
        narrow.data = narrow.data.bfloat16()
        parameter.data = narrow.data.float()
    assert torch.equal(read(Int8Model(rounded), SHORT), read(Int8Model(whole), SHORT))


def test_a_fresh_model_shares_the_weights_holds_nothing_and_says_the_same():
    model = Int8Model(network("llama"), limits=77)
    expected = read(model, SHORT)
    other = model.afresh()
    assert (other.length, other.context, other.weights) == (0, 77, model.weights)
    assert torch.equal(read(other, SHORT), expected)


def test_embeddings_and_outputs_of_zeros_give_finite_logits():
    whole = network("qwen2")
    with torch.no_grad():
        whole.model.embed_tokens.weight.zero_()
        whole.lm_head.weight[5] = 0
        whole.model.layers[1].mlp.down_proj.weight.zero_()
    found = read(Int8Model(whole), SHORT)
    assert bool(found.isfinite().all())
    assert set(found[:, 5].tolist()) == {0.0}
    torch.testing.assert_close(found.double(), reference.logits(whole, SHORT), rtol=0, atol=0.02 * float(found.max()))


def test_a_channel_of_great_outliers_stays_the_documented_arithmetic():
    whole = network("llama")
    with torch.no_grad():
        whole.model.embed_tokens.weight[:, 3] *= 1e4
        whole.model.layers[0].mlp.up_proj.weight[7] *= 1e4
    found, expected = read(Int8Model(whole), SHORT).double(), reference.logits(whole, SHORT)
    assert float(((found - expected).norm(dim=-1) / expected.norm(dim=-1)).median()) < 1e-3


def test_no_warning_of_torch_surfaces_whatever_the_filters():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(Int8Model(network("qwen3")), SHORT[:3])


def test_what_is_not_a_number_reaches_no_earlier_token_and_is_gone_after_a_rollback():
    broken = network("llama")
    bad = 25
    with torch.no_grad():
        broken.model.embed_tokens.weight[bad] = torch.inf
    text = [token if token != bad else 3 for token in SHORT]
    expected = read(Int8Model(broken), text)
    model = Int8Model(broken)
    model.prefill(text[:10])
    together = model.logits([*text[:14], bad, text[15]], 6)
    assert torch.equal(together[:4], expected[10:14])
    assert bool(together[4:].isnan().any(-1).all())
    assert torch.equal(model.logits(text[:18], 4), expected[14:18])
