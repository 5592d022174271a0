"""Readers of what engines print: one run, told by every engine, gives the same counts; what cannot be is refused."""

import gzip
import json
from pathlib import Path

import engine_texts as texts
import numpy as np
import pytest

from analysis.engines.readers import read_counters, read_counters_file
from analysis.engines.specification import per_step
from analysis.engines.words import read_lines
from analysis.model import InputError

RUN = texts.drawn_run(seed=3)
COPIER = texts.drawn_run(seed=4, abstaining=0.4)
PAGES = Path(__file__).resolve().parents[2] / "shared" / "data" / "external" / "vllm"

FORMS = {
    "vllm page": texts.vllm_page,
    "vllm log": texts.vllm_log,
    "vllm bench": texts.vllm_bench,
    "sglang answers": texts.sglang_answers,
    "spec-bench": texts.spec_bench,
    "llama.cpp answers": texts.llama_answers,
    "llama.cpp log": texts.llama_log,
    "tensorrt-llm": texts.tensorrt_iterations,
    "csv": texts.positions_csv,
}
WITH_POSITIONS = ("vllm page", "vllm log", "vllm bench", "sglang answers", "spec-bench", "llama.cpp log", "csv")
WITH_CLOCK = ("vllm page", "vllm bench", "sglang answers", "spec-bench", "llama.cpp answers", "llama.cpp log")
FOLDING = ("sglang answers", "spec-bench")
"""Forms in which a step without a draft is a draft with nothing accepted."""


@pytest.mark.parametrize("form", FORMS)
def test_one_run_told_by_every_engine_has_the_same_acceptance(form):
    seen = read_counters(FORMS[form](RUN))
    assert seen.accepted == RUN.total_accepted
    if form != "llama.cpp answers":  # they do not tell drafts
        assert seen.drafts == pytest.approx(RUN.drafts, rel=2e-3)
        assert seen.tokens_per_draft() == pytest.approx(1 + RUN.total_accepted / RUN.drafts, rel=2e-3)
    assert seen.convention


@pytest.mark.parametrize("form", WITH_POSITIONS)
def test_survival_is_the_same_whoever_tells_it(form):
    seen = read_counters(FORMS[form](RUN))
    assert seen.accepted_by_position == pytest.approx(RUN.survival_counts, abs=1 if seen.is_rounded else 0)
    hazards = [rate.hazard for rate in seen.rates()]
    assert hazards == pytest.approx((0.8, 0.7, 0.6, 0.5), abs=0.06)  # four standard errors of the rarest
    for rate in seen.rates():
        assert rate.low < rate.hazard < rate.high


@pytest.mark.parametrize("form", [*WITH_CLOCK, "tensorrt-llm"])
@pytest.mark.parametrize("run", [RUN, COPIER], ids=["always", "abstaining"])
def test_the_clock_of_a_step_is_the_same_whoever_tells_it(form, run):
    seen = read_counters(FORMS[form](run))
    assert seen.seconds_per_step == pytest.approx(run.step_seconds, rel=2e-3)
    assert seen.tokens_per_step() == pytest.approx(1 + run.total_accepted / run.steps, rel=2e-3)
    assert seen.tokens_per_second == pytest.approx((1 + run.total_accepted / run.steps) / run.step_seconds, rel=2e-3)


@pytest.mark.parametrize("form", ["vllm page", "vllm bench", "llama.cpp log", "tensorrt-llm"])
def test_steps_without_a_draft_are_counted_where_the_engine_leaves_them_out(form):
    """The trap: the engine's own mean is that of steps with a draft, far above tokens of a step."""
    seen = read_counters(FORMS[form](COPIER))
    assert seen.abstained == pytest.approx(1 - COPIER.drafts / COPIER.steps, abs=3e-3)
    assert seen.tokens_per_draft() > seen.tokens_per_step() + 0.5


@pytest.mark.parametrize("form", [*WITH_CLOCK[:4], "llama.cpp log"])
def test_over_all_steps_survival_is_the_same_by_every_convention(form):
    seen = per_step(read_counters(FORMS[form](COPIER)))
    survival = [count / seen.drafts for count in seen.accepted_by_position]
    assert survival == pytest.approx([n / COPIER.steps for n in COPIER.survival_counts], abs=2e-3)


@pytest.mark.parametrize("form", FOLDING)
def test_engines_that_count_abstentions_as_drafts_say_so(form):
    seen = read_counters(FORMS[form](COPIER))
    assert seen.drafts == COPIER.steps
    assert seen.steps_without_draft == 0
    assert "nothing accepted" in seen.convention


def test_the_log_of_sglang_gives_means_and_no_intervals():
    seen = read_counters(texts.sglang_log(RUN))
    assert seen.tokens_per_step() == pytest.approx(1 + RUN.total_accepted / RUN.steps, abs=0.006)
    assert seen.seconds_per_step == pytest.approx(RUN.step_seconds, rel=5e-3)
    assert (seen.draft_length, seen.concurrency, seen.drafts) == (RUN.length, 4, None)
    assert any("no interval" in sentence for sentence in seen.unknown)


SGLANG_REPORT = """
============ Serving Benchmark Result ============
Backend:                                 sglang
Max request concurrency:                 4
Successful requests:                     10
Total generated tokens:                  2784
Total generated tokens (retokenized):    2774
Concurrency:                             3.50
Accept length:                           2.61
-----Time per Output Token (excl. 1st token)------
Mean TPOT (ms):                          25.04
==================================================
"""


def test_the_report_of_sglang_has_a_mean_and_a_clock():
    seen = read_counters(SGLANG_REPORT)
    assert (seen.engine, seen.tokens_per_step(), seen.concurrency) == ("sglang", 2.61, 3.5)
    assert seen.seconds_per_step == pytest.approx(2.61 * 0.02504)
    plain = read_counters("\n".join(line for line in SGLANG_REPORT.splitlines() if "Accept" not in line))
    assert (plain.engine, plain.is_speculative, plain.tokens) == ("sglang", False, 2774)


def test_a_saved_result_of_vllm_is_the_printed_one():
    printed = read_counters(texts.vllm_bench(COPIER))
    result = {
        "completed": len(COPIER.offered),
        "total_output_tokens": COPIER.total_accepted + COPIER.steps + len(COPIER.offered),
        "mean_tpot_ms": 1000 * COPIER.step_seconds * COPIER.steps / (COPIER.total_accepted + COPIER.steps),
        "max_concurrency": 4,
        "spec_decode_num_drafts": COPIER.drafts,
        "spec_decode_draft_tokens": int(COPIER.flat[0].sum()),
        "spec_decode_accepted_tokens": COPIER.total_accepted,
        "spec_decode_acceptance_length": 1 + COPIER.total_accepted / COPIER.drafts,
        "spec_decode_per_position_acceptance_rates": [n / COPIER.drafts for n in COPIER.survival_counts],
    }
    saved = read_counters(json.dumps(result))
    assert saved.accepted_by_position == printed.accepted_by_position == COPIER.survival_counts
    assert (saved.drafts, saved.steps_without_draft) == (printed.drafts, printed.steps_without_draft)
    assert saved.decode_seconds == pytest.approx(printed.decode_seconds, rel=1e-4)


def test_an_excerpt_of_a_report_has_shares_without_intervals():
    lines = ["Acceptance length: 3.20", "Position 0: 83.42", "  Position 1:    72.91", "  Position 2:    64.07"]
    seen = read_counters("\n".join(lines) + "\n")
    assert seen.survival == pytest.approx((0.8342, 0.7291, 0.6407))
    assert all(rate.low is None for rate in seen.rates())


def test_the_page_of_tensorrt_llm_has_tokens_and_a_gauge():
    page = (
        'trtllm_spec_decode_num_draft_tokens_total{model_name="m"} 300.0\n'
        'trtllm_spec_decode_num_accepted_tokens_total{model_name="m"} 195.0\n'
        'trtllm_spec_decode_acceptance_length{model_name="m"} 2.9\n'
    )
    seen = read_counters(page)
    assert (seen.acceptance_rate, seen.tokens_per_draft()) == (0.65, 2.9)
    with pytest.raises(InputError, match="trtllm_spec_decode_num_draft_tokens_total: missing"):
        read_counters('trtllm_request_success_total{model_name="m"} 3.0\n')


def test_a_version_of_vllm_that_counts_no_drafts_is_no_baseline():
    lines = [line for line in texts.vllm_page(RUN).splitlines() if "num_drafts" not in line and "per_pos" not in line]
    seen = read_counters("\n".join(lines) + "\n")
    assert seen.drafts is None
    assert seen.drafted == RUN.steps * RUN.length
    assert seen.tokens_per_step() == pytest.approx(1 + RUN.total_accepted / RUN.steps)


def test_a_log_without_speculation_is_a_baseline():
    line = (
        "Decode batch. #running-req: 2, #token: 9, token usage: 0.01, gen throughput (token/s): 100.00, #queue-req: 0"
    )
    seen = read_counters(line + "\n")
    assert not seen.is_speculative
    assert (seen.tokens_per_second, seen.seconds_per_step) == (50.0, 0.02)


def test_histograms_that_count_the_bonus_token_are_told_from_those_that_do_not():
    plain = read_counters(texts.sglang_answers(RUN))
    shifted = read_counters(texts.sglang_answers(RUN, bonus_in_index=True))
    assert shifted.accepted_by_position == plain.accepted_by_position == RUN.survival_counts


def test_a_histogram_that_fits_neither_convention_is_refused():
    answer = json.loads(texts.sglang_answers(RUN).splitlines()[0])
    answer["meta_info"]["spec_accept_histogram"] = [0, 0, len(RUN.accepted[0])]
    with pytest.raises(InputError, match=r"spec_accept_histogram: adds up to 120 tokens in 60 steps"):
        read_counters(json.dumps(answer))


@pytest.mark.parametrize(
    "answer",
    [
        {"internal_states": [{"avg_spec_accept_length": 2.5}], "speculative_num_steps": 3},
        {"internal_states": [{"avg_spec_accept_length": 2.5}], "speculative_num_draft_tokens": 4},
    ],
)
def test_server_info_of_sglang_has_a_mean_with_the_bonus_token(answer):
    seen = read_counters(json.dumps(answer))
    assert (seen.tokens_per_step(), seen.tokens_per_step(bonus=False), seen.draft_length) == (2.5, 1.5, 3)


def test_the_page_of_sglang_has_a_gauge_of_the_last_moment():
    page = (
        'sglang:spec_accept_length{model_name="m",tp_rank="0"} 2.4\n'
        'sglang:generation_tokens_total{model_name="m"} 2410.0\n'
        'sglang:time_to_first_token_seconds_count{model_name="m"} 10.0\n'
        'sglang:inter_token_latency_seconds_sum{model_name="m"} 24.0\n'
    )
    seen = read_counters(page)
    assert (seen.tokens_per_draft(), seen.tokens_per_second, seen.model) == (2.4, 100.0, "m")
    assert any("last steps" in sentence for sentence in seen.unknown)
    assert not read_counters(page.replace(" 2.4\n", " 0.0\n")).is_speculative


def test_the_page_of_llama_cpp():
    page = (
        "llamacpp:tokens_predicted_total 3000\nllamacpp:tokens_predicted_seconds_total 20\n"
        "llamacpp:n_decode_total 1100\n"
        "llamacpp:spec_decode_num_drafts_total 1000\nllamacpp:spec_decode_num_draft_tokens_total 3000\n"
        "llamacpp:spec_decode_num_accepted_tokens_total 1950\n"
        'llamacpp:spec_decode_num_accepted_tokens_per_pos_total{position="0"} 820\n'
        'llamacpp:spec_decode_num_accepted_tokens_per_pos_total{position="1"} 650\n'
        'llamacpp:spec_decode_num_accepted_tokens_per_pos_total{position="2"} 480\n'
    )
    seen = read_counters(page)
    assert seen.accepted_by_position == (820, 650, 480)
    assert (seen.steps, seen.steps_without_draft, seen.tokens_per_step()) == (1050, 50, 1 + 1950 / 1050)


def test_drafting_that_the_engine_times_is_read():
    assert read_counters(texts.llama_log(RUN)).draft_seconds == pytest.approx(0.004 * RUN.drafts, rel=5e-3)
    timed = read_counters(texts.tensorrt_iterations(RUN))
    assert timed.draft_seconds == pytest.approx(0.004 * RUN.steps)


def test_a_log_of_llama_cpp_without_positions_takes_drafts_from_its_running_totals():
    seen = read_counters(texts.llama_log(COPIER, with_positions=False))
    assert seen.drafts == pytest.approx(COPIER.drafts)
    assert seen.accepted_by_position == ()
    assert seen.tokens_per_step() == pytest.approx(1 + COPIER.total_accepted / COPIER.steps)


def test_answers_of_llama_cpp_without_a_drafter_are_a_baseline():
    answer = {"timings": {"predicted_n": 101, "predicted_ms": 2000.0}}
    seen = read_counters(json.dumps([answer, answer]))
    assert (seen.drafts, seen.tokens, seen.seconds_per_step) == (0, 200, 0.02)


def test_engines_of_one_model_are_added_up_and_models_are_not():
    one, two = texts.vllm_page(RUN), texts.vllm_page(RUN, engines=("0", "1"))
    assert read_counters(two).accepted_by_position == read_counters(one).accepted_by_position
    both = one + texts.vllm_page(COPIER, model="meta/other")
    with pytest.raises(InputError, match="model: the page has meta/other, meta/target"):
        read_counters(both)
    assert read_counters(both, "meta/other").accepted == COPIER.total_accepted
    with pytest.raises(InputError, match="model: got 'no', expected one of meta/other, meta/target"):
        read_counters(both, "no")


def test_older_pages_of_vllm_name_their_clock_otherwise():
    assert read_counters(texts.vllm_page(COPIER, older=True)) == read_counters(texts.vllm_page(COPIER))


def test_a_page_without_speculation_is_a_baseline():
    seen = read_counters(texts.vllm_page(RUN, plain=True))
    assert (seen.is_speculative, seen.drafts, seen.steps_without_draft) == (False, 0, RUN.steps)
    assert seen.tokens_per_step() == 1
    assert seen.seconds_per_step == pytest.approx(RUN.step_seconds)


def test_the_former_engine_of_vllm_is_refused_by_name():
    page = texts.vllm_page(RUN) + 'vllm:spec_decode_num_emitted_tokens_total{model_name="meta/target"} 9.0\n'
    with pytest.raises(InputError, match="spec_decode_num_accepted_tokens_total: is of vLLM's former engine"):
        read_counters(page)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("spec_decode_num_accepted_tokens_total", 99999, "accepted: got 99999"),
        ("spec_decode_num_draft_tokens_total", 99999, "drafted: got 99999, expected at most 4800"),
        ('position="1"', 1200, r"accepted_by_position\[1\]: got 1200"),
        ('position="0"', 1201, r"accepted_by_position\[0\]: got 1201, expected at most 1200, drafts"),
        ("spec_decode_num_drafts_total", -3, "spec_decode_num_drafts_total: got -3"),
        ("spec_decode_num_drafts_total", "NaN", "spec_decode_num_drafts_total: got nan"),
    ],
)
def test_counters_that_cannot_be_are_refused_by_name(old, new, message):
    lines = texts.vllm_page(RUN).splitlines()
    changed = [
        f"{line.rpartition(' ')[0]} {new}"
        if old in line and not line.startswith("#") and "created" not in line
        else line
        for line in lines
    ]
    with pytest.raises(InputError, match=message):
        read_counters("\n".join(changed) + "\n")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "vllm page"])
def test_a_model_is_asked_for_only_where_models_are_told_apart(form):
    with pytest.raises(InputError, match="model: this text does not tell models apart"):
        read_counters(FORMS[form](RUN), "meta/target")


def test_a_gap_between_positions_is_refused():
    lines = [line for line in texts.vllm_page(RUN).splitlines() if 'position="1"' not in line]
    with pytest.raises(InputError, match="without a gap"):
        read_counters("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello world\n", "what this text is cannot be told"),
        ('{"a": 1}', "what this JSON is cannot be told"),
        (
            '{"timings": {"predicted_n": 10, "predicted_ms": 5, "draft_n": 3, "draft_n_accepted": 4}}',
            "draft_n_accepted",
        ),
        ('{"timings": ', "malformed JSON"),
        ("position,examined,accepted\n0,100,101\n", "line 2, accepted"),
        ("position,examined,accepted\n0,100,80\n1,100,60\n", "those accepted one position before"),
        ("position,examined,accepted\n1,100,80\n", "line 2, position"),
        ("position,examined,accepted\n", "no row"),
        ('{"drafts": 10, "accepted": 5, "drafted": 4}', "accepted: got 5, expected at most 4, drafted"),
        ('{"survival": [0.5, 0.6]}', r"survival\[1\]: got 0.6"),
        ('{"survival": [0.5], "hazards": [0.5]}', "hazards: given beside survival"),
        ('{"survival": [0.5], "colour": 3}', "colour: unknown key"),
        ("vllm:broken{ 1\n", "no metrics page"),
        ('{"accept_lengths": [1, 2.5]}', r"accept_lengths\[1\]"),
        ('{"accept_lengths": [1, 1e30]}', r"accept_lengths\[1\]: got 1e\+30"),
        (
            '{"internal_states": [{"avg_spec_accept_length": 2}], "speculative_num_steps": 999999999}',
            "draft_length: got",
        ),
        ("Acceptance length: 3.2\nPosition 0: 1e400\n", "Position: got '1e400', expected a number in"),
        (
            "SpecDecoding metrics: Accepted: 5 tokens, Drafted: 9 tokens, Per-position acceptance rate: 0.5 0.4",
            "Per-position acceptance rate: got '0.5 0.4'",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_counters(text)
    assert "\n" not in str(caught.value)


def test_conditional_acceptances_are_read_as_such():
    seen = read_counters('{"hazards": [0.8, 0.5]}')
    assert seen.survival == (0.8, 0.4)
    assert [rate.hazard for rate in seen.rates()] == [0.8, 0.5]


def test_what_is_written_is_read_again():
    seen = read_counters(texts.vllm_page(COPIER))
    assert read_counters(json.dumps(seen.to_json())) == seen


def test_files_may_be_gzipped_and_are_named_in_errors(tmp_path):
    packed = tmp_path / "page.txt.gz"
    packed.write_bytes(gzip.compress(texts.vllm_page(RUN).encode()))
    assert read_counters_file(packed).accepted == RUN.total_accepted
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("hello\n")
    with pytest.raises(InputError, match=r"wrong.txt: what this text is"):
        read_counters_file(wrong)


@pytest.mark.skipif(not PAGES.is_dir(), reason="the pages of others' runs are not here")
def test_real_pages_of_vllm_agree_with_themselves():
    """Steps by the clock and accepted tokens make up the tokens written, but for what ends of texts cut off."""
    read = 0
    for path in sorted(PAGES.glob("*.txt.gz")):
        if "mlp" in path.name:
            with pytest.raises(InputError, match="former engine"):
                read_counters_file(path)
            continue
        seen = read_counters_file(path)
        assert seen.is_speculative == ("autoregressive" not in path.name)
        assert 0 <= seen.accepted + seen.steps - seen.tokens <= 0.01 * seen.tokens
        assert 7 < seen.concurrency <= 8
        if "ngram" in path.name:
            assert seen.has_one_length
            assert seen.tokens_per_draft() > seen.tokens_per_step() + 1
        if "suffix" in path.name:
            assert seen.has_one_length is False
        read += 1
    assert read >= 21


def test_damaged_texts_are_read_or_refused_and_nothing_else():
    """400 texts with pieces cut out, doubled or replaced by what numbers cannot be."""
    generator = np.random.default_rng(11)
    short = texts.drawn_run(seed=5, requests=4, steps=8, abstaining=0.2)
    whole = [form(short) for form in (*FORMS.values(), texts.sglang_log)]
    junk = ("0", "-1", "nan", "null", "[]", "{}", '"x"', "1e400", "9" * 30, "{", ":", ",", "\n", "inf")
    refused = []
    for _ in range(400):
        text = whole[generator.integers(len(whole))]
        for _ in range(generator.integers(1, 4)):
            at, length = int(generator.integers(len(text) + 1)), int(generator.integers(1, 30))
            piece = (junk[generator.integers(len(junk))], text[at : at + length] * 2, "")[generator.integers(3)]
            text = text[:at] + piece + text[at + length :]
        try:
            read_counters(text).rates()
        except InputError as error:
            refused.append(str(error))
    assert 50 < len(refused) < 400
    assert not any("\n" in message for message in refused)


def test_two_pages_in_one_file_are_refused_since_their_sum_counts_the_first_twice():
    page = texts.vllm_page(RUN)
    with pytest.raises(InputError, match="twice with the same labels"):
        read_counters(texts.vllm_page(texts.drawn_run(seed=3, requests=5)) + page)


def test_a_page_with_too_few_times_between_tokens_tells_no_steps_and_says_so():
    lines = texts.vllm_page(RUN).splitlines()
    counted = [i for i, line in enumerate(lines) if "inter_token_latency_seconds_count" in line and line[0] != "#"]
    for i in counted:
        lines[i] = f"{lines[i].rpartition(' ')[0]} {RUN.drafts // 2}"
    seen = read_counters("\n".join(lines) + "\n")
    assert counted
    assert (seen.steps_without_draft, seen.decode_seconds) == (None, None)
    assert any(sentence.startswith("How many steps there were") for sentence in seen.unknown)


def test_a_log_of_means_alone_names_no_count_of_tokens_without_speculation():
    line = "Decode batch. #running-req: 1, #token: 513, gen throughput (token/s): 60.0, #queue-req: 0"
    assert "\n".join(read_lines("baseline", read_counters(line))).startswith("baseline     SGLang: no speculation\n")


def test_a_server_that_drafts_trees_tells_no_acceptance_of_one_sequence():
    seen = {"speculative_num_steps": 5, "internal_states": [{"avg_spec_accept_length": 4.1}]}
    assert read_counters(json.dumps(seen | {"speculative_eagle_topk": 1})).draft_length == 5
    with pytest.raises(InputError, match="speculative_eagle_topk: got 8, expected 1: drafts are trees"):
        read_counters(json.dumps(seen | {"speculative_eagle_topk": 8}))


def test_early_log_lines_tell_a_mean_once_the_draft_length_is_given():
    """519 of 1000 tokens, in drafts of 3: 1 + 519 / (1000 / 3) tokens a draft."""
    line = (
        "INFO metrics.py: SpecDecoding metrics: Draft acceptance rate: 51.9%, Accepted: {} tokens, Drafted: {} tokens"
    )
    seen = read_counters("\n".join((line.format(500, 900), line.format(19, 100))))
    assert (seen.accepted, seen.drafted, seen.drafts) == (519, 1000, None)
    assert seen.with_draft_length(3).tokens_per_draft() == pytest.approx(2.557)
    with pytest.raises(InputError, match="expected Accepted and Drafted"):
        read_counters("SpecDecoding metrics: Draft acceptance rate: 51.9%")


def test_the_log_of_the_former_engine_is_refused_by_name():
    with pytest.raises(InputError, match="Speculative metrics: are of vLLM's former engine"):
        read_counters(
            "INFO metrics.py:471] Speculative metrics: Draft acceptance rate: 0.653, System efficiency: 0.522"
        )
