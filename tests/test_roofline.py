"""Roofline of calls: bytes and products by hand and by enumeration, formats as GGUF defines them, bounds, shares."""

import itertools

import gguf
import numpy as np
import pytest
import tiny
import torch
from rooflines import RATES

from analysis.model import InputError
from analysis.model.records.call_times import CallTimes
from analysis.model.records.machine_rates import MachineRates
from analysis.model.records.runs import MeasuredRun
from analysis.model.step import Step
from realrun.loading.options import Source
from realrun.loading.transformers_models import load_shapes
from realrun.network.parameters import multiplied_parameters
from realrun.roofline.bound import MOST_TOKENS, CallBound
from realrun.roofline.engines import call_shares, method_shares
from realrun.roofline.formats import FORMATS
from realrun.roofline.gguf_bytes import gguf_format, gguf_weight_bytes
from realrun.roofline.table import bounds_text, calls_text, methods_text
from realrun.roofline.work import AttentionWork, DecoderWork, work_of

VOCABULARY = tiny.VOCABULARY
MATRICES = 3 * (2 * 16 * 16 + 2 * 8 * 16 + 3 * 16 * 32) + VOCABULARY * 16
"""Of the tiny Llama: queries and output, keys and values (one head of 8), three of the feed-forward layer; the head."""
ROWS = 3 * (16 + 16 + 8 + 8 + 32 + 32 + 16) + VOCABULARY
VECTORS = 3 * 2 * 16 + 16
TINY = work_of(tiny.network("llama"))
BIG = DecoderWork({(1000, 1000): 100, (32000, 1000): 1}, 200_000, (AttentionWork(1000, 500),) * 20)


def test_weights_by_hand():
    assert TINY.weights == MATRICES + VECTORS
    assert TINY.weight_bytes(FORMATS["float32"]) == 4 * (MATRICES + VECTORS)
    assert TINY.weight_bytes(FORMATS["bfloat16"]) == 2 * (MATRICES + VECTORS)
    assert TINY.weight_bytes(FORMATS["int8"]) == MATRICES + 4 * ROWS + 4 * VECTORS
    assert TINY.weight_bytes(FORMATS["q4_1"]) == 20 * ROWS + 4 * VECTORS  # no row has more than 32 values
    assert TINY.weight_bytes(FORMATS["q8_0"]) == 34 * ROWS + 4 * VECTORS


def test_keys_and_values_and_products_by_hand():
    assert TINY.held_bytes(FORMATS["float32"], 10) == 4 * 10 * 3 * 2 * 8
    assert TINY.held_bytes(FORMATS["int8"], 10) == 2 * 10 * 3 * 2 * 8
    assert TINY.held_bytes(FORMATS["float32"], 0) == 0
    assert TINY.linear_products(3) == 3 * MATRICES
    assert TINY.attention_products(3, 10) == 3 * 2 * 16 * (11 + 12 + 13)


@pytest.mark.parametrize(("held", "q"), [*itertools.product((0, 1, 6, 7, 8, 20), (1, 2, 7, 8, 9, 16))])
@pytest.mark.parametrize("window", [None, 8])
def test_tokens_seen_are_those_of_the_mask(held, q, window):
    rows, columns = np.arange(held, held + q)[:, None], np.arange(held + q)
    mask = columns <= rows
    if window is not None:
        mask &= columns > rows - window
    layer = AttentionWork(1, 1, window)
    assert layer.seen(held, q) == mask.sum()
    assert layer.read(held) == mask.any(axis=0)[:held].sum()


@pytest.mark.parametrize("kind", tiny.CONFIGS)
def test_shapes_without_weights_are_those_of_the_model(kind, tmp_path):
    whole = tiny.network(kind)
    empty = load_shapes(Source.of_target("--model", tiny.save(tmp_path, kind)))
    assert {p.device.type for p in empty.parameters()} == {"meta"}
    found = work_of(empty)
    assert found == work_of(whole)
    assert found.weights == multiplied_parameters(whole)
    windows = {layer.window for layer in found.attention}
    expected = {"mistral": {8}, "qwen2-window": {None, 8}, "gemma2": {None, 8}, "gemma3": {None, 8}}
    assert windows == expected.get(kind, {None})


def test_keys_and_values_are_as_many_as_the_cache_holds():
    for kind in ("llama", "qwen3", "gpt2", "gemma"):
        model = tiny.network(kind)
        cache = model(torch.tensor([[2, 3, 4]]), use_cache=True).past_key_values
        held = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
        assert work_of(model).held_bytes(FORMATS["float32"], 3) == 4 * held, kind


@pytest.mark.parametrize("kind", tiny.ENCODER_DECODERS)
def test_an_encoder_decoder_is_refused(kind):
    with pytest.raises(InputError, match=r"^model: is an encoder-decoder, expected a decoder"):
        work_of(tiny.network(kind))


def test_what_reads_a_part_of_its_weights_is_refused():
    model = tiny.network("llama")
    model.config.num_local_experts = 8
    with pytest.raises(InputError, match=r"^model: is a mixture of experts"):
        work_of(model)
    model.config.num_local_experts, model.config.kv_lora_rank = 1, 4
    with pytest.raises(InputError, match=r"^model: has kv_lora_rank 4"):
        work_of(model)


@pytest.mark.parametrize("name", ["q8_0", "q4_1", "q4_0"])
def test_blocks_are_those_of_gguf(name):
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name.upper()]]
    assert (FORMATS[name].block, FORMATS[name].block_bytes, FORMATS[name].row_bytes) == (block, size, 0)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_plain_formats_take_what_torch_takes(name):
    size = getattr(torch, name).itemsize
    form = FORMATS[name]
    assert form.matrix_bytes(3, 5) == 15 * size
    assert form.held_bytes == form.vector_bytes == size


@pytest.mark.parametrize("tied", [True, False])
def test_a_file_counts_as_it_is_without_what_is_only_looked_up(tied, tmp_path):
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    q8 = gguf.GGMLQuantizationType.Q8_0
    embedding = gguf.quantize(np.ones((10, 64), np.float32), q8)
    writer.add_tensor("token_embd.weight", embedding, raw_dtype=q8)
    writer.add_tensor("blk.0.attn_norm.weight", np.ones(64, np.float32))
    writer.add_tensor("rope_freqs.weight", np.ones(32, np.float32))
    if not tied:
        writer.add_tensor("output.weight", np.ones((10, 64), np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert gguf_weight_bytes(path) == 4 * 64 + (10 * 2 * 34 if tied else 2 * 640)


def test_no_file_and_no_gguf_file_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.gguf: cannot be read: No such file"):
        gguf_weight_bytes(tmp_path / "none.gguf")
    (tmp_path / "odd.gguf").write_bytes(b"GGUX" + bytes(100))
    with pytest.raises(InputError, match=r"odd\.gguf: is no whole GGUF file"):
        gguf_weight_bytes(tmp_path / "odd.gguf")


def test_a_call_takes_the_longer_of_reading_and_arithmetic():
    bound = CallBound(BIG, FORMATS["int8"], RATES)
    weights = 132_000_000 + 4 * (100_000 + 32_000) + 4 * 200_000
    assert bound.weight_bytes == weights
    reading = (weights + 2 * 20 * 500 * 100) / 3e10
    assert bound.least(1, 100) == bound.reading(100) == pytest.approx(reading)
    many = 64 * 132e6 / 2e11 + 20 * 2 * 1000 * (64 * 100 + 64 * 65 / 2) / 1e11
    assert bound.least(64, 100) == bound.arithmetic(64, 100) == pytest.approx(many)
    assert bound.speed(100) == pytest.approx(1 / reading)
    assert CallBound(BIG, gguf_format(), RATES, file_bytes=10**8).reading(0) == pytest.approx(1e8 / 3e10)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("held", [0, 300])
def test_calls_are_flat_up_to_the_ridge(name, held):
    bound = CallBound(BIG, FORMATS[name], RATES)
    flat = bound.flat(held)
    assert flat == max(q for q in range(200) if q == 0 or bound.arithmetic(q, held) <= bound.reading(held))
    assert all(bound.least(q, held) == bound.least(1, held) for q in range(1, flat + 1))
    assert bound.least(flat + 1, held) > bound.reading(held)


def test_the_ridge_may_be_nowhere_or_beyond_what_is_looked_at():
    slow = CallBound(BIG, FORMATS["q4_0"], machine(read=1e15))
    assert slow.flat(0) == 0
    assert CallBound(BIG, FORMATS["q4_0"], machine(product=1e16)).flat(0) == MOST_TOKENS


def machine(read=3e10, product=4e10):
    return MachineRates("cpu", 1, read, {"float32": product})


def test_without_overlap_a_call_takes_at_most_twice_as_long():
    for name, q in itertools.product(FORMATS, (1, 8, 64)):
        bound = CallBound(BIG, FORMATS[name], RATES)
        assert bound.least(q, 50) < bound.in_turn(q, 50) <= 2 * bound.least(q, 50)


def run(method, tokens, seconds, sizes=None, weights="bfloat16", draft=(), cascade=True, cycles=None, prompt=0):
    sizes = {"t": sizes} if sizes is not None else {}
    fields = (method, draft, cascade, "t", 0, 0, prompt, None, 20, tokens, seconds, 0.0, sizes, {}, {}, frozenset())
    return MeasuredRun(*fields, tokens if cycles is None else cycles, [], weights)


BOUNDS = {name: CallBound(BIG, form, RATES) for name, form in FORMATS.items()}


def test_shares_of_timed_calls():
    times = CallTimes((0, 100), (1, 64), ((0.02, 0.1), (0.0, 0.01)))
    shares = call_shares(times, BOUNDS["bfloat16"])
    assert [(s.held, s.q) for s in shares] == [(0, 1), (0, 64), (100, 64)]
    for s in shares:
        assert s.share == pytest.approx(BOUNDS["bfloat16"].least(s.q, s.held) / s.seconds)
    assert shares[2].share > 1
    assert "! above the limit" in calls_text(shares[2:], "c.json", "bfloat16")
    assert "! above the limit" not in calls_text(shares[:2], "c.json", "bfloat16")


def test_shares_of_plain_decoding_and_of_a_cascade():
    one = BOUNDS["bfloat16"].least(1, 30)
    plain, cascade = method_shares(
        [
            run("plain", 20, 40 * one, {1: 20}),
            run("cascade", 20, 10 * one, {4: 5, 1: 1}, draft=(Step("d", tokens=3),), cycles=6),
        ],
        BOUNDS,
    )[::-1]
    assert plain.of_plain == plain.of_calls == pytest.approx(0.5)
    assert plain.tokens_per_second == pytest.approx(0.5 / one)
    assert not plain.drafts
    assert cascade.of_plain == pytest.approx(2.0)
    assert cascade.of_calls == pytest.approx((5 * BOUNDS["bfloat16"].least(4, 30) + one) / (10 * one))
    assert not cascade.exceeded
    assert "above the limit" not in methods_text([plain, cascade])


def test_several_runs_are_pooled():
    one = BOUNDS["int8"].least(1, 30)
    (share,) = method_shares([run("p", 20, 40 * one), run("p", 20, 20 * one, prompt=1)], BOUNDS, weights="int8")
    assert share.of_plain == pytest.approx(40 / 60)


def test_a_limit_that_was_exceeded_is_told():
    one = BOUNDS["bfloat16"].least(1, 30)
    (share,) = method_shares([run("plain", 20, 10 * one, {1: 20})], BOUNDS)
    assert share.exceeded
    assert share.of_plain == pytest.approx(2)
    assert "200.0 % !" in methods_text([share])


def test_another_program_is_held_against_its_own_file():
    bounds = BOUNDS | {"gguf": CallBound(BIG, gguf_format(), RATES, 10**8)}
    one = bounds["gguf"].least(1, 30)
    rows = [run("llama.cpp[2]", 21, 25 * one, weights="m.gguf", cascade=False, cycles=21)]
    (share,) = method_shares(rows, bounds, weights="int8")
    assert (share.weights, share.drafts) == ("gguf", False)
    assert share.of_plain == share.of_calls == pytest.approx(20 / 25)  # the first token is the prompt's
    (unknown,) = method_shares(rows, BOUNDS)
    assert unknown.weights is unknown.of_plain is unknown.of_calls is None
    (ngram,) = method_shares([run("ngram", 21, 25 * one, weights="m.gguf", cascade=False, cycles=9)], bounds)
    assert ngram.drafts
    assert ngram.of_calls is None
    assert "-" in methods_text([ngram])


def test_rows_of_one_method_with_different_weights_are_refused():
    with pytest.raises(InputError, match="measured: got rows of 'p' with different weights"):
        method_shares([run("p", 20, 1.0), run("p", 20, 1.0, weights="int8")], BOUNDS)


def test_the_table_says_that_it_estimates():
    text = bounds_text(list(BOUNDS.values()), "big", 100)
    assert "estimates a bound and proves none" in text
    assert "an estimate, no bound" in text
    assert "bfloat16 13 %" in text  # of a cache of 32 MiB
    assert "4096+" in bounds_text([CallBound(BIG, FORMATS["q4_0"], machine(product=1e16))], "big", 0)
