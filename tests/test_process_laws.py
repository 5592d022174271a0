"""Acceptance processes against theory: their own samplers, and what the kernel makes of them."""

import itertools
import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import oracles
import pytest
from scipy import integrate, stats
from simulated import FALSE_ALARM, fit_p_value, stationary_markov_tokens

from analysis.model import Cascade, InputError, acceptances
from simulate.estimation import estimate
from simulate.processes import (
    Markov,
    from_mean_length,
    from_survival,
    geometric_survival,
    read_process,
)
from simulate.sampler import Sampler

Z = stats.norm.isf(FALSE_ALARM / 2)
PAIR = ("t", "d")
K = 5


def flat(alpha=0.8, k=K, cost=0.0):
    return Cascade.from_json(
        {
            "target": "t",
            "models": {"t": {"cost": 1}, "d": {"cost": cost}},
            "acceptance": {"t": {"d": alpha}},
            "draft": [{"by": "d", "tokens": k}],
        }
    )


def nested(alpha=0.7, inner=0.6, rounds=2, tokens=2):
    return {
        "target": "t",
        "models": {"t": {"cost": 1}, "a": {"cost": 0.1}, "b": {"cost": 0.02}},
        "acceptance": {"t": {"a": alpha}, "a": {"b": inner}},
        "draft": [{"by": "a", "rounds": rounds, "draft": [{"by": "b", "tokens": tokens}]}],
    }


def on_flat(kind, **content):
    return read_process({kind: content})


PROCESSES = {
    "specification": read_process(None),
    "survival": on_flat("decay", t={"d": {"survival": [0.805, 0.632, 0.483]}}),
    "geometric": on_flat("decay", t={"d": {"initial": 0.9, "decay": 0.85}}),
    "mean length": on_flat("decay", t={"d": {"mean_length": 2.92, "tokens": 3}}),
    "beta": on_flat("beta", pairs={"t": {"d": [3, 2]}}, cycles=1),
    "markov": on_flat("markov", share=0.3, autocorrelation=0.4, acceptance={"t": {"d": 0.2}}),
    "by yield": on_flat("by_yield", t={"d": [0.6, 0.9]}),
    "replay": on_flat("replay", traces=[{"t": {"d": "1101110010111"}}, {"t": {"d": "111"}}], cycles=1),
}


@pytest.mark.parametrize("kind", PROCESSES)
def test_sampled_drafts_follow_the_stated_law_and_mean(kind):
    process = PROCESSES[kind]
    counts = Counter(process.sample(flat(), PAIR, K, 20_000, np.random.default_rng(1)).tolist())
    law = process.law(flat(), PAIR, K)
    assert law.sum() == pytest.approx(1, abs=1e-12)
    assert fit_p_value(counts, dict(enumerate(law))) > FALSE_ALARM
    assert process.mean(flat(), PAIR, K) == pytest.approx(float(law @ np.arange(K + 1)))


@pytest.mark.parametrize("kind", [kind for kind in PROCESSES if kind != "markov"])
def test_cycles_of_the_kernel_follow_the_law_of_a_draft(kind):
    """Not so for a Markov text, whose cycles begin where the last one stopped: see below."""
    yields = Sampler(flat(), PROCESSES[kind]).draw((2, kind), 30_000).yields
    law = {j + 1: p for j, p in enumerate(PROCESSES[kind].law(flat(), PAIR, K))}
    assert fit_p_value(yields, law) > FALSE_ALARM


def test_a_law_with_another_parameter_is_found_out():
    """Negative control."""
    yields = Sampler(flat(), PROCESSES["beta"]).draw((3,), 30_000).yields
    wrong = on_flat("beta", pairs={"t": {"d": [3, 2.2]}}).law(flat(), PAIR, K)
    assert fit_p_value(yields, {j + 1: p for j, p in enumerate(wrong)}) < FALSE_ALARM


@pytest.mark.parametrize("kind", PROCESSES)
def test_reading_what_was_written_gives_an_equal_process(kind):
    written = PROCESSES[kind].to_json()
    assert read_process(written or None).to_json() == written


def test_numbers_written_otherwise_are_the_same_process():
    whole, fraction = (on_flat("decay", t={"d": {"initial": one, "decay": one}}) for one in (1, 1.0))
    assert json.dumps(whole.to_json()) == json.dumps(fraction.to_json())
    short, full = {"mean_length": 2, "tokens": 3}, {"mean_length": 2.0, "tokens": 3, "decay": 1, "counts_bonus": True}
    assert on_flat("decay", t={"d": short}).to_json() == on_flat("decay", t={"d": full}).to_json()


@pytest.mark.parametrize("empty", [{}, {"decay": {}}, {"decay": {"t": {}}}], ids=str)
def test_replacing_nothing_is_independent_acceptance(empty):
    assert read_process(empty) == read_process(None)


# Position decay in the forms engines report.


def test_measured_survival_becomes_its_hazards():
    hazards = [from_survival([0.805, 0.632, 0.483]).at(j) for j in range(4)]
    assert hazards == pytest.approx([0.805, 0.632 / 0.805, 0.483 / 0.632, 0.483 / 0.632])


def test_measured_survival_gives_the_reported_mean_length():
    """llama.cpp issue 24536: survival .805 .632 .483, mean length 2.92."""
    process = PROCESSES["survival"]
    assert 1 + process.mean(flat(k=3), PAIR, 3) == pytest.approx(2.92, abs=1e-9)


def test_geometric_survival_is_the_formula_of_the_engine():
    """vLLM PR 38045: P(first i + 1 accepted) = a0^(i+1) g^(i(i+1)/2)."""
    acceptance = geometric_survival(0.9, 0.8)
    for i in range(12):
        survival = math.prod(acceptance.at(j) for j in range(i + 1))
        assert survival == pytest.approx(0.9 ** (i + 1) * 0.8 ** (i * (i + 1) / 2), rel=1e-12)


@pytest.mark.parametrize(("decay", "bonus"), [(1.0, True), (0.7, True), (0.9, False)])
def test_solving_for_a_mean_length_gives_that_mean(decay, bonus):
    acceptance = from_mean_length(2.2, 4, decay, counts_bonus=bonus)
    survival = np.cumprod([acceptance.at(j) for j in range(4)])
    assert bonus + survival.sum() == pytest.approx(2.2, abs=1e-12)


def test_an_impossible_mean_length_is_refused():
    with pytest.raises(InputError, match=r"got 4\.5, expected a number in \[1, 4\]"):
        from_mean_length(4.5, 3)


# Heterogeneity: the weighting decides its sign.


def tokens_of(alpha):
    return sum(alpha**j for j in range(K + 1))


def test_prompts_of_equal_cycles_raise_the_mean_tokens():
    """Beta(3, 2), k = 5: i.i.d. 2.383 tokens a cycle, per cycle 2.667."""
    drawer = Sampler(flat(), on_flat("beta", pairs={"t": {"d": [3, 2]}}, cycles=64))
    found = estimate(drawer.draw((4,), 30_000), drawer)
    expected = integrate.quad(lambda a: tokens_of(a) * stats.beta.pdf(a, 3, 2), 0, 1)[0]
    assert expected == pytest.approx(2.667, abs=5e-4)
    assert found.ewif == pytest.approx(expected, abs=Z * found.standard_error)
    assert found.ewif - Z * found.standard_error > tokens_of(0.6) == pytest.approx(2.383, abs=5e-4)


def test_prompts_of_equal_tokens_lower_it_to_a_harmonic_mean():
    """Beta(3, 2), k = 5: harmonic 2.296; renewal of N tokens costs about (N + excess) / mean, so N is large."""
    drawer = Sampler(flat(), on_flat("beta", pairs={"t": {"d": [3, 2]}}, tokens=10_000))
    found = estimate(drawer.draw((5,), 10_000), drawer)
    expected = 1 / integrate.quad(lambda a: stats.beta.pdf(a, 3, 2) / tokens_of(a), 0, 1)[0]
    assert expected == pytest.approx(2.296, abs=5e-4)
    assert found.ewif == pytest.approx(expected, abs=Z * found.standard_error + 6 * K / 10_000)
    assert found.ewif + Z * found.standard_error < tokens_of(0.6)


# Text that drifts, and levels that see the same text.


@pytest.mark.parametrize("autocorrelation", [0.0, 0.307, 0.9])
def test_a_flat_cascade_on_a_drifting_text_is_its_markov_chain(autocorrelation):
    process = on_flat("markov", share=0.4, autocorrelation=autocorrelation, acceptance={"t": {"d": 0.3}})
    drawer = Sampler(flat(0.9, 4), process)
    found = estimate(drawer.draw((6, autocorrelation), 1500), drawer)
    expected = stationary_markov_tokens(process, (0.9, 0.3), 4)
    assert found.ewif == pytest.approx(expected, abs=Z * found.standard_error)


def test_without_autocorrelation_a_flat_cascade_sees_the_mean_acceptance_only():
    process = on_flat("markov", share=0.4, autocorrelation=0, acceptance={"t": {"d": 0.3}})
    mean = 0.6 * 0.9 + 0.4 * 0.3
    assert stationary_markov_tokens(process, (0.9, 0.3), 4) == pytest.approx(sum(mean**j for j in range(5)))
    assert process.law(flat(0.9, 4), PAIR, 4)[4] == pytest.approx(mean**4)
    drawer = Sampler(flat(0.9, 4), process)
    found = estimate(drawer.draw((12,), 1500), drawer)
    assert found.ewif == pytest.approx(sum(mean**j for j in range(5)), abs=Z * found.standard_error)


def shared_difficulty_tokens(easy, hard, share):
    """Mean tokens of a cycle where every text position is hard with probability `share`, at both levels alike.

    Enumerated: the target reviews 2 rounds of a over 2 tokens of b, so up to 6 text positions are seen.
    """
    mean = 0.0
    for states in itertools.product((0, 1), repeat=6):
        path = math.prod(share if s else 1 - share for s in states)
        outer, inner = [[(easy, hard)[s][level] for s in states] for level in (0, 1)]
        for first, second in itertools.product((1, 2, 3), repeat=2):
            chance = path
            for start, size in ((0, first), (first, second)):
                passed = inner[start : start + size - 1]
                chance *= math.prod(passed) * (1 - inner[start + size - 1] if size < 3 else 1)
            survival = np.cumprod(outer[: first + second])
            mean += chance * (1 + survival.sum())
    return mean


def test_levels_that_see_the_same_difficulty_are_the_enumeration():
    share, hard = 0.5, (0.4, 0.3)
    process = FreshText(share, 0.0, acceptance_pairs({"t": {"a": hard[0]}, "a": {"b": hard[1]}}), cycles=1)
    tokens = Sampler(Cascade.from_json(nested(0.95, 0.9)), process).sample((7,), 40_000).tokens
    expected = shared_difficulty_tokens((0.95, 0.9), hard, share)
    mean = 0.5 * (0.95 + hard[0]), 0.5 * (0.9 + hard[1])
    apart = shared_difficulty_tokens(mean, mean, share)
    error = tokens.std() / tokens.size**0.5
    assert tokens.mean() == pytest.approx(expected, abs=Z * error)
    assert abs(tokens.mean() - apart) > Z * error  # what dependence between levels alone changes


class FreshText(Markov):
    """Every cycle on a text that nobody has looked at, so that cycles are independent."""

    def plan(self, cascade):
        return replace(super().plan(cascade), cycles=1, fresh=True)


def acceptance_pairs(table):
    return {(r, d): entry for r, row in acceptances(table).items() for d, entry in row.items()}


def test_acceptance_by_yield_is_the_enumeration():
    spec = nested(tokens=2, rounds=2)
    rows = [0.3, 0.6, 0.9]
    process = on_flat("by_yield", t={"a": rows})
    drawer = Sampler(Cascade.from_json(spec), process)
    sample = drawer.sample((9,), 60_000)
    inner = oracles.round_outcomes(spec, "a", spec["draft"][0]["draft"])
    sizes = Counter()
    for (size, _), mass in inner.items():
        sizes[size] += float(mass)
    law = Counter()
    for first, second in itertools.product(sizes, repeat=2):
        alive = sizes[first] * sizes[second]
        hazards = [rows[first - 1]] * first + [rows[second - 1]] * second
        for j, hazard in enumerate(hazards):
            law[j + 1] += alive * (1 - hazard)
            alive *= hazard
        law[len(hazards) + 1] += alive
    assert fit_p_value(Counter(sample.tokens.tolist()), law) > FALSE_ALARM


def test_replay_is_the_recording_read_cycle_by_cycle():
    """One trace, drafts of 2: from offset 0 the cycles of 110 1110 0... are known by hand."""
    bits = "1101110010"
    drawer = Sampler(flat(k=2), on_flat("replay", traces=[{"t": {"d": bits}}], cycles=4))
    expected = Counter()
    for start in range(len(bits)):
        at = start
        for _ in range(4):
            run = 0
            while run < 2 and bits[(at + run) % len(bits)] == "1":
                run += 1
            at += run + 1
        expected[at - start] += 1 / len(bits)
    sample = drawer.sample((10,), 30_000)
    assert fit_p_value(Counter(sample.tokens.tolist()), expected) > FALSE_ALARM


def test_replay_reviews_inner_rounds_by_their_own_recording():
    """a accepts b at even positions only, the target accepts everything: rounds yield 2 from even starts, else 1."""
    spec = nested(tokens=2, rounds=2)
    process = on_flat("replay", traces=[{"t": {"a": "1" * 12}, "a": {"b": "10" * 6}}], cycles=1)
    sample = Sampler(Cascade.from_json(spec), process).sample((11,), 2000)
    # from an even start: 2 + 2 drafted and a bonus; from an odd one: 1, then 2 from an even place
    assert set(sample.tokens.tolist()) == {5, 4}


@pytest.mark.parametrize(
    ("process", "message"),
    [
        ({"gamma": {}}, "gamma: unknown key"),
        ({"beta": {"pairs": {"t": {"x": [3, 2]}}}}, r"t\.x: unknown pair"),
        ({"beta": {"pairs": {"t": {"d": [0, 2]}}}}, "expected a number in"),
        ({"beta": {"pairs": {"t": {"d": [1, 2]}}, "cycles": 3, "tokens": 4}}, "got both cycles and tokens"),
        ({"markov": {"share": 1.5, "autocorrelation": 0, "acceptance": {}}}, "share: got 1.5"),
        (
            {"markov": {"share": 0.5, "autocorrelation": 0.99, "acceptance": {}, "cycles": 9999}},
            "cycles: got 9999, expected at least 10000",
        ),
        ({"replay": {"traces": [{"t": {"d": "10x"}}]}}, "a string of 0 and 1"),
        ({"replay": {"traces": [{"t": {"d": "10"}}, {"d": {"t": "1"}}]}}, "same pairs"),
        ({"by_yield": {"t": {"d": []}}}, "1 to 64 acceptances"),
        ({"decay": {"t": {"d": {"survival": [0.5, 0.6]}}}}, r"survival\[1\]: got 0.6"),
        ({"beta": {}, "markov": {}}, "exactly one of"),
    ],
)
def test_a_wrong_process_is_refused_by_field(process, message):
    with pytest.raises(InputError, match=message):
        Sampler(flat(), read_process(process))
