"""Architectures without weights: what is built, what is refused, what is timed, and what is made of the rows."""

import argparse
import dataclasses
import itertools
import json

import command_line
import pytest
import torch
import transformers

from analysis.commands import scale
from analysis.model import InputError
from analysis.paper.scale import rows as shape_rows
from analysis.paper.scale.costs import cost_ratios
from analysis.paper.scale.published import leviathan
from analysis.paper.scale.slip import overstated, tenfold
from analysis.theory.closed_forms import speculative_ewif
from realrun.commands import calibrate, shapes
from realrun.network.packed import PackedLinear
from realrun.shapes import build, measure
from realrun.shapes import rows as command
from realrun.shapes.catalogue import SHAPES, Shape
from realrun.shapes.compiled import CompiledCalls
from realrun.shapes.eager import EagerCalls

CPU, META = torch.device("cpu"), torch.device("meta")
LLAMA = Shape("tiny-llama", "llama", 32, 2, 4, 2, 48, 97, False, 0, "")
QWEN = dataclasses.replace(LLAMA, name="tiny-qwen", kind="qwen2", tied=True)
T5 = dataclasses.replace(LLAMA, name="tiny-t5", kind="t5", key_heads=4)
TINY = {shape.name: shape for shape in (LLAMA, QWEN, T5)}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_exactly_its_published_number_of_parameters(name):
    network = build.empty_network(SHAPES[name], torch.bfloat16, META)
    assert build.sizes(network).all == SHAPES[name].parameters
    assert {parameter.device.type for parameter in network.parameters()} == {"meta"}


@pytest.mark.parametrize("shape", TINY.values(), ids=TINY)
def test_parameters_are_those_that_transformers_makes_with_weights(shape):
    config = build.config_of(shape)
    kind = transformers.AutoModelForSeq2SeqLM if shape.kind == "t5" else transformers.AutoModelForCausalLM
    made = sum(p.numel() for p in kind.from_config(config).parameters())
    untied = shape.vocabulary * shape.hidden if shape.kind == "t5" else 0  # which transformers' T5 ties always
    assert build.sizes(build.empty_network(shape, torch.float32, CPU)).all == made + untied


def test_a_call_reads_neither_encoder_nor_untied_embedding_nor_keys_of_the_encoded():
    hidden, inner, heads, vocabulary = 32, 48, 4, 97
    attention = hidden * heads * build.HEAD_WIDTH_T5
    layer = 4 * attention + 2 * attention + 3 * hidden * inner + 3 * hidden
    expected = 2 * layer + 32 * heads + hidden + hidden * vocabulary  # 32 buckets of relative positions
    assert build.sizes(build.empty_network(T5, torch.float32, META)).read == expected
    tied, untied = (build.sizes(build.empty_network(s, torch.float32, META)) for s in (QWEN, LLAMA))
    assert tied.read == tied.all
    assert untied.read == untied.all - hidden * vocabulary


@pytest.mark.parametrize("shape", TINY.values(), ids=TINY)
def test_random_weights_are_of_usual_size_and_logits_finite(shape):
    network = build.random_network(shape, torch.float32, CPU)
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1:
            assert float(parameter.std()) == pytest.approx(parameter.shape[-1] ** -0.5, rel=0.15), name
        else:
            assert parameter.unique().tolist() == [1.0], name
    logits = EagerCalls(network, held=5, q=3, encoded=4).call(5, 3)
    assert logits.shape == (3, 97)
    assert torch.isfinite(logits).all()
    assert logits.std() > 0.01


def test_weights_repeat_no_sooner_than_the_tile():
    values = torch.empty(10)
    build._fill(values, torch.arange(4.0))
    assert values.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_linear_layers_are_packed_as_in_decoding_where_the_processor_can():
    network = build.random_network(LLAMA, torch.bfloat16, CPU)
    packed = [layer for layer in network.modules() if isinstance(layer, PackedLinear)]
    assert len(packed) == (15 if build.can_pack(build.empty_network(LLAMA, torch.bfloat16, CPU)) else 0)
    assert not any(
        isinstance(layer, PackedLinear) for layer in build.random_network(LLAMA, torch.bfloat16, CPU, False).modules()
    )


def test_what_does_not_fit_is_refused_with_bytes_needed_and_available(monkeypatch):
    needed = build.needed_bytes(LLAMA, torch.float32, CPU, 100)
    parameters = build.sizes(build.empty_network(LLAMA, torch.float32, META)).all
    caches = 2 * 2 * 2 * 8 * 100
    assert needed == (parameters + caches) * 4 + build.WORKING_BYTES
    monkeypatch.setattr(build, "available_bytes", lambda device: needed)
    build.demand_memory(LLAMA, torch.float32, CPU, 100)
    monkeypatch.setattr(build, "available_bytes", lambda device: needed - 1)
    with pytest.raises(InputError, match=r"'tiny-llama' needs 0\.5 GiB in float32, but cpu has 0\.5 GiB available"):
        build.demand_memory(LLAMA, torch.float32, CPU, 100)


def test_memory_wanted_besides_must_fit_too(monkeypatch):
    needed = build.needed_bytes(LLAMA, torch.float32, CPU, 100)
    monkeypatch.setattr(build, "available_bytes", lambda device: needed + 10)
    build.demand_memory(LLAMA, torch.float32, CPU, 100, beside=10)
    with pytest.raises(InputError, match="'tiny-llama' needs"):
        build.demand_memory(LLAMA, torch.float32, CPU, 100, beside=11)


@pytest.mark.parametrize("content", [None, "MemTotal: 8 kB\n"])
def test_a_system_that_does_not_tell_its_memory_sets_no_limit(content, tmp_path, monkeypatch):
    file = tmp_path / "meminfo"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(build, "_MEMORY", file)
    monkeypatch.setattr(build, "_MEMORY_LIMITS", ())
    build.demand_memory(LLAMA, torch.float32, CPU, 100)
    file.write_text("MemAvailable: 8 kB\n")
    assert build.available_bytes(CPU) == 8192
    with pytest.raises(InputError, match="'tiny-llama' needs"):
        build.demand_memory(LLAMA, torch.float32, CPU, 100)


def test_packing_and_a_tied_head_add_to_the_memory_needed():
    half, whole = (build.needed_bytes(QWEN, d, CPU, 1) - build.WORKING_BYTES for d in (torch.bfloat16, torch.float32))
    extra = (97 * 32 + 97 * 32) * 2  # the greatest layer while it is packed, and the head beside the embedding
    assert half == whole / 2 + extra


def test_an_encoder_is_built_with_one_layer_and_counted_whole():
    network = build.random_network(T5, torch.float32, CPU)
    assert (len(network.encoder.block), len(network.decoder.block)) == (1, 2)
    assert (
        build.needed_bytes(T5, torch.float32, CPU, 1)
        < 4 * build.sizes(build.empty_network(T5, torch.float32, META)).all + build.WORKING_BYTES
    )


@pytest.mark.parametrize("shape", TINY.values(), ids=TINY)
def test_eager_calls_are_calls_on_the_text_they_say_whatever_was_called_before(shape):
    network = build.random_network(shape, torch.float32, CPU)
    calls = EagerCalls(network, held=9, q=4, encoded=6)
    for held, q in ((9, 1), (3, 4), (9, 4), (1, 2)):
        calls.hold(held)
        before = calls._model.log.q.copy()
        found = calls.call(held, q)
        assert calls._model.log.q - before == {q: 1}, "the call caught up on tokens that it should have held"
        text = [(7 * i) % 97 for i in range(30)]
        with torch.inference_mode():
            if shape.kind == "t5":
                decoded = [0, *text[6 : 5 + held + q]]
                assert len(decoded) == held + q
                output = network(input_ids=torch.tensor([text[:6]]), decoder_input_ids=torch.tensor([decoded]))
            else:
                output = network(input_ids=torch.tensor([text[: held + q]]))
        torch.testing.assert_close(found, output.logits[0, -q:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [LLAMA, T5], ids=lambda shape: shape.name)
def test_compiled_calls_are_calls_on_the_text_they_say(shape):
    network = build.random_network(shape, torch.float32, CPU, packed=False)
    calls = CompiledCalls(network, held=9, q=4, encoded=6, backend="eager")
    ids = torch.arange(14)[None] * 7
    for held, q in ((9, 1), (9, 4), (5, 4)):
        calls.hold(held)
        found = calls.call(held, q)
        fed = torch.cat([ids[:, :held], ids[:, :q]], dim=1)  # what was held first, then the call's own tokens
        with torch.inference_mode():
            if shape.kind == "t5":
                output = network(input_ids=ids[:, :6], decoder_input_ids=fed)
            else:
                output = network(input_ids=fed)
        if held == 9:  # holding less leaves tokens of the call before in place of the first ones held
            torch.testing.assert_close(found, output.logits[0, -q:], rtol=1e-4, atol=1e-4)
        assert [int(layer.cumulative_length) for layer in calls._static.layers] == [held + q] * 2


def test_compiled_calls_are_cut_back_also_where_the_lengths_were_made_in_inference_mode():
    """As transformers makes them on CUDA."""
    network = build.random_network(LLAMA, torch.float32, CPU, packed=False)
    calls = CompiledCalls(network, held=9, q=4, encoded=6, backend="eager")
    for layer in calls._static.layers:
        with torch.inference_mode():
            layer.cumulative_length = layer.cumulative_length.clone()
    calls.hold(5)
    assert [int(layer.cumulative_length) for layer in calls._static.layers] == [5, 5]


def test_a_compiled_call_does_not_set_the_cache_back_itself():
    """That would be part of its time."""
    network = build.random_network(LLAMA, torch.float32, CPU, packed=False)
    calls = CompiledCalls(network, held=4, q=2, encoded=6, backend="eager")
    calls.hold(3)
    calls.call(3, 2)
    calls.call(3, 1)
    assert [int(layer.cumulative_length) for layer in calls._static.layers] == [6, 6]


class FakeCalls:
    mode = "eager"

    def __init__(self, bad=()):
        self.made, self.clock, self.bad = [], 0.0, bad

    def now(self):
        return self.clock

    def hold(self, tokens):
        self.clock += 100.0  # not part of the call

    def call(self, tokens, q):
        self.made.append((tokens, q))
        self.clock += tokens + q / 8 + (1000 if len(self.made) <= 4 else 0)  # the first turn is slow
        return torch.full((1,), float("nan") if (tokens, q) in self.bad else 1.0)


def test_every_size_is_timed_in_turn_and_the_first_turn_is_not_counted():
    calls = FakeCalls()
    plan = measure.TimingPlan((1, 4), (16, 64), 8, repeats=5, seconds=1e9)
    found = measure.seconds_by_size(calls, plan, CPU, calls.now)
    assert {size: len(values) for size, values in found.items()} == dict.fromkeys(
        itertools.product((16, 64), (1, 4)), 5
    )
    for (context, q), values in found.items():
        assert values == pytest.approx([context + q / 8] * 5)
    assert calls.made[4:8] == calls.made[:4][::-1]


def test_no_turn_is_begun_after_the_time_is_up_but_three_are_timed():
    calls = FakeCalls()
    found = measure.seconds_by_size(calls, measure.TimingPlan((1, 4), (16, 64), 8, 50, seconds=1), CPU, calls.now)
    assert {len(values) for values in found.values()} == {measure.FEWEST}


def test_the_first_turn_in_which_a_compiler_works_takes_nothing_of_the_seconds():
    calls = FakeCalls()
    turn = 4 * 100 + 2 * (16 + 64) + 2 * (1 + 4) / 8  # what a later turn takes; the first takes 4000 more
    plan = measure.TimingPlan((1, 4), (16, 64), 8, 50, seconds=3.5 * turn)
    found = measure.seconds_by_size(calls, plan, CPU, calls.now)
    assert {len(values) for values in found.values()} == {4}


def test_logits_that_are_not_finite_are_no_measurement():
    calls = FakeCalls(bad={(64, 4)})
    plan = measure.TimingPlan((1, 4), (16, 64), 8, 1, 1.0)
    with pytest.raises(InputError, match=r"logits: got some of it that are .* at context 64, q 4.*another dtype"):
        measure.seconds_by_size(calls, plan, CPU, calls.now, "it")
    with pytest.raises(InputError, match="logits: got some of tiny-llama in float16 that are not finite"):
        list(measure.rows(LLAMA, build.Sizes(1, 1, 1, 0, 0), calls, plan, torch.float16, CPU, False))


def arguments(shape, out, **changes):
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    given = vars(parser.parse_args([*shape, "--out", str(out)]))
    given |= {"dtype": "float32", "turns": 1, "q": (1, 4), "contexts": (6, 3), "encoded": 5}
    return argparse.Namespace(**given | changes)


@pytest.fixture
def tiny_catalogue(monkeypatch):
    for name in [*SHAPES]:
        monkeypatch.delitem(SHAPES, name)
    for name, shape in TINY.items():
        monkeypatch.setitem(SHAPES, name, shape)


@pytest.mark.usefixtures("tiny_catalogue")
def test_the_command_writes_a_row_a_context_and_q_that_analysis_reads(tmp_path, capsys):
    out = tmp_path / "shapes.jsonl"
    assert command.run_shapes(arguments(["tiny-llama", "tiny-t5"], out, json=True)) == 0
    stdout, stderr = capsys.readouterr()
    summary = json.loads(stdout)
    assert "tiny-t5" in stderr
    assert set(summary["milliseconds"]) == {"tiny-llama", "tiny-t5"}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["shape"], row["context"], row["q"]) for row in rows] == [
        (shape, context, q) for shape in ("tiny-llama", "tiny-t5") for context in (3, 6) for q in (1, 4)
    ]
    assert all(row["median"] > 0 and row["repeats"] == 1 and row["caches"] == "warm" for row in rows)
    assert {row["encoded"] for row in rows if row["shape"] == "tiny-t5"} == {5}
    read = shape_rows.read_shapes(out)
    assert {condition.context for condition in read} == {3, 6}
    assert all(set(shapes) == {"tiny-llama", "tiny-t5"} for shapes in read.values())


@pytest.mark.usefixtures("tiny_catalogue")
def test_all_leaves_out_what_does_not_fit_and_says_so(tmp_path, capsys, monkeypatch):
    most = build.needed_bytes(LLAMA, torch.float32, CPU, 6 + 4 + 5) + measure.EVICTED_BYTES
    monkeypatch.setattr(build, "available_bytes", lambda device: most)
    assert command.run_shapes(arguments(["all"], tmp_path / "s.jsonl", cold=True)) == 0
    out, err = capsys.readouterr()
    assert "tiny-t5" in err
    assert "tiny-t5" not in out
    assert "tiny-llama" in out
    with pytest.raises(InputError, match="tiny-t5"):
        command.run_shapes(arguments(["tiny-t5"], tmp_path / "t.jsonl", cold=True))
    assert not (tmp_path / "t.jsonl").exists()
    assert command.run_shapes(arguments(["tiny-t5"], tmp_path / "t.jsonl")) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["gpt-5"], "NAME: got 'gpt-5', expected one of flan-t5-small"),
        (["llama-68m", "--q", "1,x"], "--q: got 'x'"),
        (["llama-68m", "--contexts", "0"], "--contexts: got '0'"),
        (["llama-68m", "--dtype", "int4"], "--dtype: got 'int4'"),
        (["llama-68m", "--device", "cuda:9"], "device: got 'cuda:9'"),
        ([], "the following arguments are required: NAME"),
    ],
)
def test_wrong_shapes_are_refused_in_one_line(options, said, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out.jsonl"
    status, stdout, stderr = command_line.run(shapes, capsys, monkeypatch, "shapes", *options, "--out", out)
    assert (status, stdout) == (2, "")
    assert stderr.startswith(f"error: {said}")
    assert stderr.count("\n") == 1
    assert not out.exists()


def test_calibrate_names_the_command_that_shapes_have_now(tmp_path, capsys, monkeypatch):
    options = ("--shape", "llama-68m", "--out", tmp_path / "x.jsonl")
    status, _, stderr = command_line.run(calibrate, capsys, monkeypatch, "calibrate", *options)
    said = "error: --shape: is a command of its own, expected: cascade-ewif shapes llama-68m --out FILE\n"
    assert (status, stderr) == (2, said)


@pytest.mark.usefixtures("tiny_catalogue")
def test_an_interrupted_run_goes_on_shape_by_shape(tmp_path, monkeypatch, capsys):
    out = tmp_path / "shapes.jsonl"
    assert command.run_shapes(arguments(["tiny-llama", "tiny-t5"], out)) == 0
    rows = out.read_text().splitlines(keepends=True)
    built, timed = [], command._timed
    monkeypatch.setattr(command, "_timed", lambda *given: built.append(given[0].name) or timed(*given))
    for left in (2, 4, 5):
        out.write_text("".join(rows[:left]))
        built.clear()
        assert command.run_shapes(arguments(["tiny-llama", "tiny-t5"], out)) == 0
        assert built == (["tiny-llama", "tiny-t5"] if left < 4 else ["tiny-t5"])
        again = out.read_text().splitlines(keepends=True)
        assert again[:left] == rows[:left]
        sizes = [[(row["shape"], row["context"], row["q"]) for row in map(json.loads, of)] for of in (again, rows)]
        assert sizes[0] == sizes[1]
    for changes in ({"dtype": "bfloat16"}, {"encoded": 6}, {"cold": True}, {"unpacked": True}, {"q": (1, 5)}):
        with pytest.raises(InputError, match=r"line .*: rows of another run, name another file"):
            command.run_shapes(arguments(["tiny-t5", "tiny-llama"][::-1], out, **changes))


@pytest.mark.usefixtures("tiny_catalogue")
def test_options_of_shapes_have_their_defaults_beside_the_whole_command(tmp_path, capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(
        command, "_timed", lambda *given: seen.append(given) or [{"parameters": 1, "q": 1, "median": 0}] * 39
    )
    options = ("tiny-llama", "--out", tmp_path / "s.jsonl")
    status, _, stderr = command_line.run(shapes, capsys, monkeypatch, "shapes", *options)
    assert status == 0, stderr
    [(_, dtype, _, plan, compiled, packed)] = seen
    assert plan == measure.TimingPlan((1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64), (64, 256, 512), 256, 9, 120, False)
    assert (dtype, compiled, packed) == (torch.bfloat16, False, True)


def shape_row(shape, q, median, **changes):
    row = {"shape": shape, "parameters": SHAPES[shape].parameters, "q": q, "median": median, "context": 64}
    return row | {"device_name": "cpu", "dtype": "bfloat16", "mode": "eager", "caches": "warm"} | changes


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_curves_are_linear_between_measured_sizes_and_flat_beyond():
    cost = shape_rows.tabulated({1: 2.0, 4: 5.0, 6: 5.5}, unit=2.0)
    assert [cost.at(q) for q in range(1, 9)] == [1, 1.5, 2, 2.5, 2.625, 2.75, 2.75, 2.75]


def test_measured_curves_price_the_targets_review(tmp_path):
    drafter = {1: 0.01, 8: 0.02}
    target = {1: 0.1, 8: 0.17}
    names = {"flan-t5-small": drafter, "flan-t5-xxl": target}
    path = write_rows(tmp_path / "s.jsonl", [shape_row(s, q, t) for s, c in names.items() for q, t in c.items()])
    (shapes,) = shape_rows.read_shapes(path).values()
    row = next(
        r for r in leviathan(shapes) if (r.task, r.drafter, r.temperature, r.k) == ("ENDE", "flan-t5-small", 0.0, 7)
    )
    by = {p.costs: p for p in row.by}
    assert by["MS"].ewif == pytest.approx(speculative_ewif(0.75, 60 / 11300, 7))
    assert by["PW"].ewif == pytest.approx(speculative_ewif(0.75, 0.02, 7))
    assert by["c"].ewif == pytest.approx(speculative_ewif(0.75, 0.1, 7))
    gained = speculative_ewif(0.75, 0, 7)
    assert by["t(q)"].ewif == pytest.approx(gained / (1.7 + 7 * 0.1))  # the review is on 8 tokens
    for prediction in by.values():
        assert prediction.true_at_best_k <= by["t(q)"].best + 1e-12
    ratios = cost_ratios(shapes)
    assert [(r.drafter, r.target, r.measured, r.review) for r in ratios] == [
        ("flan-t5-small", "flan-t5-xxl", pytest.approx(0.1), pytest.approx(1.7))
    ]
    assert ratios[0].assumed == {"MS": pytest.approx(60 / 11300), "PW": 0.02}


def test_drafters_are_held_against_every_larger_target_of_their_vocabulary(tmp_path):
    names = ("llama-68m", "llama-160m", "tinyllama-1.1b", "llama-2-7b", "llama-2-13b", "qwen2.5-7b", "flan-t5-xl")
    names += ("qwen2.5-3b", "qwen2.5-14b")
    path = write_rows(tmp_path / "s.jsonl", [shape_row(name, 1, 1.0 + i) for i, name in enumerate(names)])
    (shapes,) = shape_rows.read_shapes(path).values()
    found = [(ratio.target, ratio.drafter) for ratio in cost_ratios(shapes)]
    assert found == [
        ("llama-2-13b", "llama-2-7b"),
        ("llama-2-13b", "tinyllama-1.1b"),
        ("llama-2-13b", "llama-160m"),
        ("llama-2-13b", "llama-68m"),
        ("llama-2-7b", "tinyllama-1.1b"),
        ("llama-2-7b", "llama-160m"),
        ("llama-2-7b", "llama-68m"),
        ("tinyllama-1.1b", "llama-160m"),
        ("tinyllama-1.1b", "llama-68m"),
        ("llama-160m", "llama-68m"),
        ("qwen2.5-14b", "qwen2.5-7b"),
        ("qwen2.5-14b", "qwen2.5-3b"),
        ("qwen2.5-7b", "qwen2.5-3b"),
    ]
    seven = next(ratio for ratio in cost_ratios(shapes) if (ratio.target, ratio.drafter) == found[6])
    assert (seven.measured, seven.assumed) == (1 / 4, {"MS": 68 / 70000})


def test_best_draft_length_is_best_by_its_own_costs():
    for row in leviathan({}):
        for prediction in row.by:
            around = [speculative_ewif(row.alpha, prediction.c, k) for k in range(41)]
            assert prediction.best == pytest.approx(max(around))
            assert around[prediction.best_k] == pytest.approx(max(around))


def test_a_target_counted_tenfold_claims_more_than_it_gives_and_drafts_too_long():
    rows = tenfold([0.5, 0.7, 0.9])
    for row in rows:
        assert row.right_c / row.wrong_c == pytest.approx(70000 / 6738.415616)
        assert row.claimed == pytest.approx(speculative_ewif(row.alpha, row.wrong_c, row.wrong_k))
        assert row.true == pytest.approx(speculative_ewif(row.alpha, row.right_c, row.wrong_k))
        assert row.true < row.best < row.claimed
        assert row.wrong_k > row.right_k
    assert overstated(0) == 1
    calls, tokens = 5, 3.0
    swi = {c: tokens / (1 + calls * c) for c in (rows[0].wrong_c, rows[0].right_c)}
    assert overstated(calls) == pytest.approx(swi[rows[0].wrong_c] / swi[rows[0].right_c])


def test_scale_prints_one_json_object_with_everything_measured(tmp_path, capsys, monkeypatch):
    rows = [
        shape_row(shape, q, t * (1 + q / 10), mode=mode)
        for mode in ("eager", "compiled")
        for shape, t in (("llama-68m", 0.01), ("llama-2-7b", 1.0))
        for q in (1, 8)
    ]
    path, out, text = write_rows(tmp_path / "s.jsonl", rows), tmp_path / "o.json", tmp_path / "o.md"
    options = ("--json", "--out", out, "--markdown", text)
    status, stdout, stderr = command_line.run(scale, capsys, monkeypatch, "scale", path, *options)
    assert status == 0, stderr
    assert text.read_text() == stderr
    found = json.loads(stdout)
    assert found == json.loads(out.read_text())
    assert [m["condition"]["mode"] for m in found["measured"]] == ["eager", "compiled"]
    (ratio,) = found["measured"][0]["cost_ratios"]
    assert ratio["assumed"] == {"MS": pytest.approx(68 / 70000)}
    assert ratio["measured"] == pytest.approx(0.01)
    assert "LLaMA-7B" in stderr


def test_tables_of_scale_show_every_condition_once_at_its_middle_context(tmp_path):
    rows = [
        shape_row(shape, q, t * (context + q), mode=mode, context=context)
        for mode in ("eager", "compiled")
        for context in (64, 256, 512)
        for shape, t in (("flan-t5-small", 0.01 if mode == "eager" else 0.03), ("flan-t5-xxl", 1.0))
        for q in (1, 8)
    ]
    out, text = tmp_path / "o.json", tmp_path / "o.md"
    arguments = argparse.Namespace(shapes=[write_rows(tmp_path / "s.jsonl", rows)], out=out, markdown=text, json=False)
    assert scale.run(arguments) == 0
    lines = text.read_text().splitlines()
    (pair,) = [line for line in lines if line.startswith("| flan-t5-small")]
    cells = [cell.strip() for cell in pair.strip("|").split("|")]
    review = f"{264 / 257:.3g}"
    assert cells == ["flan-t5-small", "flan-t5-xxl", "0.00691", "0.00531", "0.02", "0.01", review, "0.03", review]
    (head,) = [line for line in lines if line.startswith("| task")]
    assert [cell.strip() for cell in head.strip("|").split("|")][-6:] == [
        "MS", "PW", "c, eager", "t(q), eager", "c, compiled", "t(q), compiled"
    ]  # fmt: skip


@pytest.mark.parametrize(("review", "marked"), [(0.81, True), (1.0, False), (1.2, False)])
def test_a_review_that_was_faster_than_one_token_is_marked(tmp_path, review, marked):
    times = {"llama-68m": {1: 0.01, 8: 0.02}, "llama-2-7b": {1: 1.0, 8: review}}
    rows = [shape_row(shape, q, t) for shape, by_size in times.items() for q, t in by_size.items()]
    text = tmp_path / "o.md"
    path = write_rows(tmp_path / "s.jsonl", rows)
    assert scale.run(argparse.Namespace(shapes=[path], out=None, markdown=text, json=False)) == 0
    assert ("0.81 (!)" in text.read_text()) == marked
    assert ("measured as faster than a call on one token" in text.read_text()) == marked


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"q": 0}, "line 1.q: got 0"),
        ({"median": 0}, "line 1.median"),
        ({"mode": None}, "line 1.mode"),
        ({"q": 2}, "has no call on 1 token"),
    ],
)
def test_wrong_rows_of_shapes_are_refused_by_line_and_field(row, said, tmp_path):
    path = write_rows(tmp_path / "s.jsonl", [shape_row("llama-68m", 1, 0.1) | row])
    with pytest.raises(InputError, match=said):
        shape_rows.read_shapes(path)


def test_files_of_one_condition_are_joined_and_nothing_is_measured_twice(tmp_path):
    paths = [write_rows(tmp_path / shape, [shape_row(shape, 1, 0.1)]) for shape in ("llama-68m", "llama-160m")]
    (shapes,) = shape_rows.read_shapes(*paths).values()
    assert set(shapes) == {"llama-68m", "llama-160m"}
    with pytest.raises(InputError, match="got 1 for llama-68m a second time"):
        shape_rows.read_shapes(*paths, paths[0])
