"""What the benchmark measures: same tokens from every method, true counts, fair and equal settings."""

import dataclasses
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
import tiny
import torch
from transformers import GenerationConfig

from analysis.model import Cascade, InputError
from realrun.bench import BASELINES, driver
from realrun.bench.driver import BenchSettings, make_plan, run_bench, used_memory, without_caches
from realrun.bench.outcome import Review, pair_logs
from realrun.bench.plan import counterpart, joint_cascade, surroundings
from realrun.bench.summary import compare, equality, median_interval, summarise_method
from realrun.bench.transformers_decoders import Assisted, Plain, PromptLookup, only_settings
from realrun.loading.ensemble import load_ensemble
from realrun.runs import measure
from realrun.runs.measure import CascadeMethod, turn
from realrun.runs.prompts import Prompt

MAG = {"by": "mag", "tokens": 4}
DRAFTS = {
    "speculative": [{"by": "a", "tokens": 3}],
    "lookup": [MAG],
    "full": [{"by": "a", "rounds": 1, "draft": [{"by": "mag", "tokens": 3}]}, MAG],
}
PROMPTS = [Prompt(i, text) for i, text in enumerate(["hello world", "abc abc ab", "the cat the dog the"])]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A target, and a drafter that is often right."""
    root = tmp_path_factory.mktemp("bench")
    target = tiny.save(root / "t")
    torch.manual_seed(1)
    other = tiny.network()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.02 * parameter.std(correction=0) * torch.randn_like(parameter))
    other.save_pretrained(root / "a")
    tiny.tokenizer().save_pretrained(root / "a")
    return target, str(root / "a")


@pytest.fixture(scope="module")
def cascades(folders):
    models = {"t": {"load": folders[0]}, "a": {"load": folders[1]}, "mag": {"load": "maxgram"}}
    spec = {"target": "t", "models": models}
    return {name: Cascade.from_json(spec | {"draft": draft}) for name, draft in DRAFTS.items()}


@pytest.fixture(scope="module")
def ensemble(cascades):
    return load_ensemble(joint_cascade(cascades), torch.float32)


@pytest.fixture(scope="module")
def around(cascades, ensemble):
    return surroundings(cascades["full"], ensemble)


@pytest.fixture(scope="module")
def alone(cascades, ensemble):
    return CascadeMethod("alone", cascades["full"].with_draft(()), ensemble)


def ids_of(ensemble, prompt=PROMPTS[1]):
    return ensemble.tokenizer(prompt.text)["input_ids"]


def baselines(around):
    return [
        Plain(around),
        Assisted(around, "a", 3),
        Assisted(around, "a", 5, "heuristic", 0.4),
        PromptLookup(around, 4),
    ]


def test_every_baseline_gives_the_tokens_of_our_engine(around, ensemble, alone):
    for prompt in PROMPTS:
        ids = ids_of(ensemble, prompt)
        expected = alone.run(ids, 40).generation
        for method in baselines(around):
            found = method.run(ids, 40).generation
            assert (found.tokens, found.finish) == (expected.tokens, expected.finish), method.name


def test_every_baseline_stops_at_the_same_end_of_text(around, ensemble, alone):
    ids = ids_of(ensemble)
    text = alone.run(ids, 40).generation.tokens
    last = max(i for i, token in enumerate(text[:-1]) if token not in text[:i])
    assert last > 3
    for method in baselines(dataclasses.replace(around, eos=frozenset({text[last]}))):
        found = method.run(ids, 40).generation
        assert (found.tokens, found.finish) == (text[: last + 1], "eos"), method.name


def test_every_baseline_fills_the_context_and_no_more(around, ensemble, alone):
    ids = ids_of(ensemble)
    expected = alone.run(ids, 10**4).generation
    for method in baselines(around):
        found = method.run(ids, 10**4).generation
        assert (found.tokens, found.finish) == (expected.tokens, "context"), method.name


def test_counts_of_every_method_add_up(around, ensemble, cascades):
    ids = ids_of(ensemble)
    ours = [CascadeMethod(name, cascade, ensemble) for name, cascade in cascades.items()]
    for method in [*ours, *baselines(around)]:
        outcome = method.run(ids, 40)
        found = outcome.generation
        pairs = [log for (reviewer, _), log in found.pairs.items() if reviewer == "t"]
        accepted = sum(log.accepted.total() for log in pairs)
        examined = sum(log.examined.total() for log in pairs)
        assert sum(cycle.tokens for cycle in found.cycle_log) == len(found.tokens)
        cut = accepted + found.cycles - len(found.tokens)  # 1 where the last token was drafted, and nothing came after
        assert cut in ((0, 1) if isinstance(method, PromptLookup) else (0,))
        assert accepted <= examined <= outcome.drafted
        assert examined - accepted <= found.cycles
        in_cycles = sum(cycle.seconds for cycle in found.cycle_log)
        in_calls = sum(log.seconds + log.prefill_seconds for log in found.calls.values())
        assert 0 < in_calls < found.seconds
        assert 0 < in_cycles <= found.seconds


def test_a_perfect_assistant_is_accepted_whole(around, ensemble):
    twin = dataclasses.replace(around, networks={**around.networks, "twin": tiny.network()})
    outcome = Assisted(twin, "twin", 4).run(ids_of(ensemble), 40)
    assert outcome.generation.cycles == 8
    assert outcome.drafted == 32
    log = outcome.generation.pairs["t", "twin"].to_json()
    assert log["examined"] == log["accepted"] == [8, 8, 8, 8]
    assert outcome.generation.calls["twin"].q.total() == 31  # all calls but the first, which reads the prompt
    assert outcome.generation.calls["t"].q == {5: 7}


def test_our_speculative_decoding_and_assisted_generation_draft_and_accept_the_very_same(around, ensemble, cascades):
    for prompt in PROMPTS:
        ours = CascadeMethod("ours", cascades["speculative"], ensemble).run(ids_of(ensemble, prompt), 40)
        theirs = Assisted(around, "a", 3).run(ids_of(ensemble, prompt), 40)
        assert ours.drafted == theirs.drafted
        assert ours.generation.cycles == theirs.generation.cycles
        assert ours.generation.pairs["t", "a"].to_json() == theirs.generation.pairs["t", "a"].to_json()


def test_what_transformers_adapts_is_reset_for_every_prompt(around, ensemble):
    method = Assisted(around, "a", 3, "heuristic")
    assistant = around.networks["a"]
    before = assistant.generation_config
    runs = [method.run(ids_of(ensemble), 40) for _ in range(3)]
    assert assistant.generation_config is before
    sizes = [run.generation.calls["t"].q for run in runs]
    assert sizes[0] == sizes[1] == sizes[2]
    assert max(sizes[0]) > 4  # within a text the heuristic did lengthen its drafts
    carried = GenerationConfig(num_assistant_tokens=3, num_assistant_tokens_schedule="heuristic")
    ids = torch.tensor([ids_of(ensemble)])
    with only_settings(around.networks["t"]):
        assistant.generation_config = carried
        around.networks["t"].generate(
            ids, assistant_model=assistant, do_sample=False, max_new_tokens=40, eos_token_id=None, pad_token_id=0
        )
        assistant.generation_config = before
    assert carried.num_assistant_tokens != 3, "without the reset the next prompt would have begun elsewhere"


def test_settings_that_a_checkpoint_brings_along_do_not_slip_in(around, ensemble, alone):
    network = around.networks["t"]
    before = network.generation_config
    expected = alone.run(ids_of(ensemble), 30).generation.tokens
    try:
        network.generation_config = GenerationConfig(repetition_penalty=50.0, do_sample=True, temperature=3.0)
        for method in baselines(around):
            assert method.run(ids_of(ensemble), 30).generation.tokens == expected
    finally:
        network.generation_config = before


def test_counts_by_position_from_reviews():
    logs = pair_logs("t", [Review("d", 3, 3), Review("d", 3, 1), Review("d", 2, 0), Review("d", 0, 0)])
    assert logs["t", "d"].to_json()["examined"] == [3, 2, 1]
    assert logs["t", "d"].to_json()["accepted"] == [2, 1, 1]
    assert pair_logs("t", [Review("", 0, 0)]) == {}


def test_counterparts_have_the_cascades_drafter_and_draft_length(around, cascades):
    found = {
        (baseline, name): method and method.settings
        for baseline in BASELINES[2:4]
        for name, cascade in cascades.items()
        for method in [counterpart(baseline, cascade, around)]
    }
    constant = {"num_assistant_tokens_schedule": "constant", "assistant_confidence_threshold": 0.0}
    assert found == {
        ("hf-assisted", "speculative"): {"assistant": "a", "num_assistant_tokens": 3, **constant},
        ("hf-assisted", "lookup"): None,
        ("hf-assisted", "full"): {"assistant": "a", "num_assistant_tokens": 4, **constant},
        ("hf-prompt-lookup", "speculative"): None,
        ("hf-prompt-lookup", "lookup"): {"prompt_lookup_num_tokens": 4, "max_matching_ngram_size": 2},
        ("hf-prompt-lookup", "full"): {"prompt_lookup_num_tokens": 4, "max_matching_ngram_size": 2},
    }


def test_models_of_several_specifications_are_loaded_once_and_must_agree(cascades):
    joint = joint_cascade(cascades)
    assert {step.by for step in joint.draft} == {"a", "mag"}
    other = Cascade.from_json(cascades["full"].to_json() | {"target": "a", "draft": [MAG]})
    with pytest.raises(InputError, match="other, target: got 'a', expected 't' as in full"):
        joint_cascade({"full": cascades["full"], "other": other})
    models = cascades["full"].to_json()["models"] | {"a": {"load": "elsewhere"}}
    other = Cascade.from_json(cascades["full"].to_json() | {"models": models})
    with pytest.raises(InputError, match=r"other, models.a.load: got 'elsewhere', expected '.*/a' as in another"):
        joint_cascade({"full": cascades["full"], "other": other})


def test_drafts_that_together_would_be_too_long_are_loaded_together(cascades):
    longs = {str(n): [{"by": "a", "rounds": 1, "draft": [{"by": "mag", "tokens": n}]}] for n in (3000, 2000)}
    models = cascades["full"].to_json()["models"]
    specs = {n: Cascade.from_json({"target": "t", "models": models, "draft": draft}) for n, draft in longs.items()}
    joint = joint_cascade(specs)
    assert [(step.by, [inner.by for inner in step.draft]) for step in joint.draft] == [("a", ["mag"])]


def test_a_lenient_target_is_another_method_with_another_name_in_its_settings(cascades, ensemble):
    strict = cascades["speculative"]
    lenient = dataclasses.replace(strict, lenience=4.0)
    named = {"strict": strict, "lenient": lenient}
    plan = make_plan(named, ["autoregressive"], ensemble, ensemble, PROMPTS, BenchSettings(max_new_tokens=5))
    methods = {method.name: method.settings for method in plan.methods.values()}
    assert methods["lenient"] == methods["strict"] | {"lenience": 4.0}
    assert [c[1:] for c in plan.comparisons] == [("strict", "autoregressive"), ("lenient", "autoregressive")]


def test_each_method_is_first_equally_often_and_follows_each_neighbour():
    orders = [turn("abc", i) for i in range(6)]
    assert [order[0] for order in orders] == list("abcabc")
    assert all(sorted(order) == list("abc") for order in orders)
    followed = {(before, after) for order in orders for before, after in pairwise(order)}
    assert len(followed) == 6


@pytest.fixture(scope="module")
def measured(cascades, ensemble):
    rows = []
    settings = BenchSettings(max_new_tokens=12, repeats=2, memory_prompt=32)
    summary = run_bench(cascades, BASELINES[:4], ensemble, ensemble, PROMPTS, settings, rows.append)
    return summary, rows


def test_every_method_runs_every_prompt_as_often_as_asked(measured):
    summary, rows = measured
    keys = [(row["method"], row["id"], row["repeat"]) for row in rows]
    assert len(set(keys)) == len(keys) == len(summary["methods"]) * len(PROMPTS) * 2
    extra = {key for row in rows for key in row} - {key for key in rows[0] if all(key in row for row in rows)}
    assert extra <= {"counts"}, "all methods write the same keys, Max-Gram its counters beside"


def test_all_outputs_are_equal_and_said_to_be(measured):
    summary, rows = measured
    for prompt in PROMPTS:
        assert len({tuple(row["tokens"]) for row in rows if row["id"] == prompt.id}) == 1
    for method in summary["methods"].values():
        assert method["equal_tokens"] == {"equal": 3, "prompts": 3, "first_divergence": {}}


def test_each_cascade_meets_each_baseline_that_can_do_the_like(measured):
    summary, _ = measured
    pairs = {(found["method"], found["against"]) for found in summary["comparisons"]}
    assert pairs == {
        *((name, other) for name in DRAFTS for other in ("autoregressive", "hf-autoregressive")),
        ("speculative", "hf-assisted[a 3]"),
        ("full", "hf-assisted[a 4]"),
        ("lookup", "hf-prompt-lookup[4]"),
        ("full", "hf-prompt-lookup[4]"),
    }


def test_the_summary_says_what_the_rows_say(measured):
    summary, rows = measured
    mine = [row for row in rows if row["method"] == "full"]
    found = summary["methods"]["full"]
    assert found["mean_acceptance_length"] == sum(len(r["tokens"]) for r in mine) / sum(r["cycles"] for r in mine)
    share = found["time_share"]
    assert share["prefill"] + sum(share["calls"].values()) + share["loop"] == pytest.approx(1)
    assert set(share["calls"]) == {"t", "a", "mag"}
    assert 0 < share["loop"] < 1
    assert found["positions"]["examined"][0] <= found["target_reviews"]
    assert found["memory"]["prompt_tokens"] == 32
    comparison = next(c for c in summary["comparisons"] if (c["method"], c["against"]) == ("full", "autoregressive"))
    seconds = {
        (method, i): median(r["seconds"] for r in rows if (r["method"], r["id"]) == (method, i))
        for method in ("full", "autoregressive")
        for i in range(3)
    }
    ratios = [seconds["autoregressive", i] / seconds["full", i] for i in range(3)]
    assert comparison["ratio"] == pytest.approx(median(ratios))
    assert comparison["ci95"][0] <= comparison["ratio"] <= comparison["ci95"][1]


def test_the_search_gives_both_sides_their_best_on_prompts_that_are_not_measured(cascades, ensemble, monkeypatch):
    rows = []
    used = {"tuning": set(), "bench": set()}

    def interleave(methods, ensemble, prompts, max_new_tokens, description, *more):
        used[description.split()[0]] |= {prompt.id for prompt in prompts}
        return measure.interleave(methods, ensemble, prompts, max_new_tokens, description, *more)

    monkeypatch.setattr(driver, "interleave", interleave)
    settings = BenchSettings(max_new_tokens=6, tuning=1, memory_prompt=0)
    chosen = {"speculative": cascades["speculative"]}
    summary = run_bench(chosen, ["hf-assisted"], ensemble, ensemble, PROMPTS, settings, rows.append)
    assert {row["id"] for row in rows} == {1, 2}
    assert used == {"tuning": {0}, "bench": {1, 2}}
    assert set(summary["trials"]) == {"ours", "hf-assisted"}
    assert all(summary["trials"].values())
    best = [c for c in summary["comparisons"] if c["what"] == "best settings"]
    assert len(best) == 1
    assert best[0]["against"].startswith("hf-assisted")
    assert {c["method"] for c in summary["comparisons"]} <= {row["method"] for row in rows}


def test_a_baseline_without_a_drafter_in_any_cascade_is_refused(cascades, ensemble):
    chosen = {"lookup": cascades["lookup"]}
    with pytest.raises(InputError, match=r"^baseline: got hf-assisted, but no cascade has a drafter"):
        make_plan(chosen, ["hf-assisted"], ensemble, ensemble, PROMPTS, BenchSettings(max_new_tokens=5))


def test_peak_memory_sees_what_a_method_allocates_and_gives_back(ensemble, alone):
    class Hungry(CascadeMethod):
        def run(self, prompt, max_new_tokens):
            waste = torch.ones(64 << 20, dtype=torch.uint8)
            assert waste[-1] == 1
            return super().run(prompt, max_new_tokens)

    hungry = Hungry("hungry", alone.cascade, ensemble)
    found = used_memory(hungry, ensemble, PROMPTS, 40)
    if found is None:
        pytest.skip("this system does not tell the peak of a process")
    plain = used_memory(alone, ensemble, PROMPTS, 40)
    assert found["peak_bytes"] > 60 << 20
    assert plain["peak_bytes"] < 30 << 20
    assert found["cache_bytes"] == 2 * 3 * 8 * 4 * (40 + 32)  # keys and values, layers, width, bytes, tokens


@pytest.mark.parametrize("kind", ["t5", "flan-t5"])
def test_encoder_decoder_models_give_the_same_tokens_and_their_encoder_is_prefill(tmp_path, kind):
    target, drafter = tiny.save(tmp_path / "t", kind), tiny.save(tmp_path / "a", kind, seed=1)
    models = {"t": {"load": target}, "a": {"load": drafter}, "mag": {"load": "maxgram"}}
    cascade = Cascade.from_json({"target": "t", "models": models, "draft": DRAFTS["full"]})
    ensemble = load_ensemble(cascade, torch.float32)
    expected = CascadeMethod("full", cascade, ensemble).run(ids_of(ensemble), 24)
    for method in baselines(surroundings(cascade, ensemble)):
        found = method.run(ids_of(ensemble), 24)
        assert found.generation.tokens == expected.generation.tokens, method.name
        accepted = sum(log.accepted.total() for log in found.generation.pairs.values())
        assert 0 <= accepted + found.generation.cycles - len(found.generation.tokens) <= 1  # 1: a drafted end of text
        first = found.generation.calls["t"].prefill_seconds
        assert 0 < first < found.generation.seconds


def test_memory_is_measured_with_caches_that_hold_nothing_yet(ensemble, alone):
    before = alone.run(ids_of(ensemble), 30).generation.tokens
    emptied = without_caches(alone)
    assert ensemble.models["t"].length > 0
    assert emptied.ensemble.models["t"].length == 0
    assert emptied.networks["t"] is alone.networks["t"]
    assert emptied.run(ids_of(ensemble), 30).generation.tokens == before


def row(method, i, tokens, seconds, cycles=1, **more):
    base = {"method": method, "id": i, "tokens": tokens, "seconds": seconds, "cycles": cycles, "drafted": 0}
    return base | {"acceptance": [], "calls": {}, "prefill_seconds": 0.0, "cycle_log": [], **more}


def test_statistics_of_a_method_by_hand():
    pairs = [
        {"reviewer": "t", "drafter": "d", "examined": [2, 1, 0], "accepted": [1, 1, 0]},
        {"reviewer": "t", "drafter": "m", "examined": [0, 0, 1], "accepted": [0, 0, 0]},
        {"reviewer": "d", "drafter": "m", "examined": [5], "accepted": [1]},
    ]
    calls = {"t": {"seconds": 1.0}, "d": {"seconds": 0.5}}
    log = [[9, 1.0], [2, 0.02], [1, 0.04]]
    rows = [row("x", 0, [1] * 12, 2.0, 3, acceptance=pairs, calls=calls, prefill_seconds=0.4, drafted=8, cycle_log=log)]
    found = summarise_method(rows, "t")
    assert found["mean_acceptance_length"] == 4
    assert (found["drafted"], found["examined"], found["accepted"]) == (8, 4, 2)
    assert (found["accepted_per_drafted"], found["accepted_per_examined"]) == (0.25, 0.5)
    assert found["positions"] == {
        "examined": [2, 1, 1],
        "accepted": [1, 1, 0],
        "hazard": [0.5, 1, 0],
        "survival": [0.5, 0.5, 0],
    }
    assert [pair["hazard"] for pair in found["pairs"]] == [[0.5, 1, None], [None, None, 0], [0.2]]
    assert found["ms_per_token"] == {"p50": pytest.approx(10), "p95": pytest.approx(37)}
    assert found["time_share"] == {
        "prefill": pytest.approx(0.2),
        "calls": {"t": 0.5, "d": 0.25},
        "loop": pytest.approx(0.05),
    }


def test_nothing_drafted_has_no_acceptance_and_one_cycle_no_latency():
    found = summarise_method([row("x", 0, [1], 1.0)], "t")
    assert found["accepted_per_drafted"] is found["accepted_per_examined"] is found["ms_per_token"] is None


def test_ratios_are_per_prompt_and_per_token():
    rows = [row("a", 0, [1] * 10, 1.0), row("a", 1, [1] * 10, 2.0), row("a", 2, [1] * 5, 1.0)]
    rows += [row("b", 0, [1] * 10, 2.0), row("b", 1, [1] * 20, 2.0), row("b", 2, [1] * 5, 4.0)]
    found = compare(("same settings", "a", "b"), rows, seed=0)
    assert found["ratios"] == {"0": 2.0, "1": 0.5, "2": 4.0}
    assert (found["ratio"], found["faster_on"], found["prompts"]) == (2.0, 2, 3)


def test_the_bootstrap_interval_covers_the_median_as_often_as_it_says():
    """120 samples of 24 from exp(Exp(1)), whose median is 2; the bound is 4 standard deviations below 95 %.

    A third of the interval's width, as a control, covers too seldom.
    """
    generator = np.random.default_rng(5)
    samples = np.exp(generator.exponential(size=(120, 24)))
    intervals = np.array([median_interval(sample, seed=i) for i, sample in enumerate(samples)])
    low, high = intervals.T
    assert 0.87 < np.mean((low <= 2) & (high >= 2)) < 1
    middle = np.median(samples, axis=1)
    assert np.mean((middle - (middle - low) / 3 <= 2) & (middle + (high - middle) / 3 >= 2)) < 0.8


def test_first_divergence_is_found_and_a_shorter_text_diverges_at_its_end():
    rows = [row("r", 0, [1, 2, 3], 1), row("x", 0, [1, 5, 3], 1), row("y", 0, [1, 2], 1)]
    found = equality(rows, "r")
    assert found["x"] == {"equal": 0, "prompts": 1, "first_divergence": {"0": 1}}
    assert found["y"]["first_divergence"] == {"0": 2}
    assert found["r"]["equal"] == 1
