"""The fast kernel against exact enumeration, the token-level reference and the torch engine."""

import itertools
from collections import Counter

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from simulated import FALSE_ALARM, fit_p_value, generation_cost, joint_counts, rounded_law, same_law_p_value
from strategies import specs

from analysis.model import Cascade, InputError
from analysis.model.examples import flat, three_levels
from simulate import bounds, sampler
from simulate.estimation import estimate
from simulate.kernel.draw import count_passing, draw_blocks
from simulate.kernel.generator import BLOCK
from simulate.kernel.program import GUIDE_BITS, exact_cost
from simulate.kernel.totals import block_moments
from simulate.reference import Cycles, run_cycles, uniforms
from simulate.sampler import Generation, Sampler
from simulate.torch_engine import TorchSampler

CYCLES = 20_000
fixed = settings(max_examples=60, deadline=None, derandomize=True)


@fixed
@given(specs())
def test_tokens_and_cost_of_cycles_follow_the_enumerated_law(spec):
    law = rounded_law(oracles.cycle_outcomes(spec))
    sample = Sampler(Cascade.from_json(spec)).sample((1,), CYCLES)
    assert fit_p_value(joint_counts(sample), law) > FALSE_ALARM


@fixed
@given(specs())
def test_totals_are_the_sums_of_the_sample(spec):
    drawer = Sampler(Cascade.from_json(spec))
    sample = drawer.sample((2,), 1000)
    if drawer.is_fast:
        return  # counted by other code, held against the law below
    totals = drawer.draw((2,), 1000)
    tokens, ticks = sample.tokens.astype(object), sample.ticks.astype(object)
    assert (totals.cycles, totals.tokens, totals.ticks) == (1000, tokens.sum(), ticks.sum())
    assert (totals.tokens_squared, totals.ticks_squared) == ((tokens**2).sum(), (ticks**2).sum())
    assert totals.tokens_ticks == (tokens * ticks).sum()
    assert totals.yields == Counter(tokens)
    cost = float(exact_cost(drawer.cascade, totals.calls))
    assert cost == pytest.approx(sample.costs.sum(), rel=1e-9)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(specs(greatest=5, max_size=3))
def test_kernel_and_token_level_reference_have_one_law(spec):
    cascade = Cascade.from_json(spec)
    draw = Cycles(cascade, uniforms(np.random.default_rng(3)).__next__).draw
    reference = Counter((o.tokens, float(np.round(o.cost, 8))) for o in (draw() for _ in range(3000)))
    sample = Sampler(cascade).sample((3,), CYCLES)
    assert same_law_p_value(joint_counts(sample), reference) > FALSE_ALARM


@settings(max_examples=15, deadline=None, derandomize=True)
@given(specs())
def test_torch_engine_follows_the_enumerated_law(spec):
    totals = TorchSampler(Cascade.from_json(spec)).draw((4,), 4000)
    law = oracles.cycle_outcomes(spec)
    yields = Counter()
    for (tokens, _), mass in law.items():
        yields[tokens] += mass
    assert fit_p_value(totals.yields, yields) > FALSE_ALARM
    cost = estimate(totals, Sampler(Cascade.from_json(spec))).cost_per_cycle
    mean = float(oracles.mean_cost(law))
    spread = float(sum(mass * (float(c) - mean) ** 2 for (_, c), mass in law.items())) ** 0.5
    assert cost == pytest.approx(mean, rel=1e-9, abs=5.4 * spread / 4000**0.5)


def test_torch_counts_of_a_flat_cascade_follow_the_law():
    totals = TorchSampler(flat()).draw((4,), 100_000)
    law = {j + 1: 0.8**j * (0.2 if j < 5 else 1) for j in range(6)}
    assert fit_p_value(totals.yields, law) > FALSE_ALARM


@pytest.mark.parametrize(
    "hazard",
    [0.8, 0.0, 1.0, {"initial": 0.9, "decay": 0.8}, {"per_position": [0.2, 1.0, 0.7], "beyond": "last"}],
    ids=["constant", "never", "always", "decaying", "listed"],
)
@pytest.mark.parametrize("length", [1, 5, 63])
def test_counted_cycles_follow_the_law(hazard, length):
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 0.1}},
        "acceptance": {"t": {"d": hazard}},
        "draft": [{"by": "d", "tokens": length}],
    }
    drawer = Sampler(Cascade.from_json(spec))
    assert drawer.is_fast
    totals = drawer.draw((5, length), 300_001)
    law, survival = {}, 1.0
    for j in range(length):
        chance = float(oracles.hazard(hazard, j, False))
        law[j + 1] = survival * (1 - chance)
        survival *= chance
    law[length + 1] = survival
    assert sum(totals.yields.values()) == totals.cycles == 300_001
    assert fit_p_value(totals.yields, law) > FALSE_ALARM
    assert totals.calls == {("t", length + 1): 300_001, ("d", 1): 300_001 * length}


def test_counted_and_looked_up_cycles_have_one_law(monkeypatch):
    counted = Sampler(flat()).draw((6,), 300_000)
    monkeypatch.setattr(sampler, "FLAT_LIMIT", 0)
    assert not Sampler(flat()).is_fast
    assert same_law_p_value(counted.yields, Sampler(flat()).draw((7,), 300_000).yields) > FALSE_ALARM


def test_the_longest_draft_is_drawn_right():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 0}},
        "acceptance": {"t": {"d": 0.999}},
        "draft": [{"by": "d", "tokens": 4096}],
    }
    found = Sampler(Cascade.from_json(spec))
    result = estimate(found.draw((8,), 100_000), found)
    assert result.ewif == pytest.approx((1 - 0.999**4097) / 0.001, abs=5.4 * result.standard_error)


def test_a_kernel_that_is_off_by_one_percent_is_found_out():
    """Negative control of the tests above: one survival threshold of the target's review wrong by 1 %."""
    wrong = Sampler(three_levels())
    wrong.layout.program.thresholds[0] = int(wrong.layout.program.thresholds[0] * 0.99)
    wrong.layout.program.guides[: 1 << GUIDE_BITS] = 0
    right = Sampler(three_levels()).draw((9,), 1_000_000)
    assert same_law_p_value(wrong.draw((10,), 1_000_000).yields, right.yields) < FALSE_ALARM


@settings(max_examples=25, deadline=None, derandomize=True)
@given(specs())
def test_generations_cost_what_the_enumeration_with_cut_cycles_says(spec):
    drawer = Sampler(Cascade.from_json(spec), generation=Generation(4))
    sample = drawer.sample((11,), 4000)
    assert (sample.tokens == 4).all()
    expected, deviation = generation_cost(spec, 4)
    assert sample.costs.mean() == pytest.approx(expected, rel=1e-9, abs=5.4 * deviation / 4000**0.5)


def test_generations_that_are_not_cut_would_be_found_out():
    """Negative control: stationary cycles summed to 7 tokens cost less than generations of 7."""
    spec = three_levels()
    cut = Sampler(spec, generation=Generation(7)).sample((12,), 40_000).costs
    expected, _ = generation_cost(spec.to_json(), 7)
    assert cut.mean() == pytest.approx(expected, abs=5.4 * cut.std() / 40_000**0.5)
    stationary = Sampler(spec).sample((12,), 40_000)
    naive = 7 * stationary.costs.mean() / stationary.tokens.mean()
    assert abs(naive - expected) > 5.4 * cut.std() / 40_000**0.5


def test_a_prefill_is_paid_by_autoregressive_decoding_too():
    nothing = Cascade.from_json({"target": "t", "models": {"t": {"cost": 2}}, "draft": []})
    drawer = Sampler(nothing, generation=Generation(10, prefill=3.0))
    result = estimate(drawer.draw((13,), 100), drawer)
    assert (result.ewif, result.tokens_per_cycle, result.standard_error) == (1.0, 1.0, 0.0)


def test_equal_keys_give_equal_totals_and_others_do_not():
    drawer = Sampler(three_levels())
    assert drawer.draw((1, "x", 2), 5000) == Sampler(three_levels()).draw((1, "x", 2), 5000)
    assert drawer.draw((1, "x", 2), 5000) != drawer.draw((1, "x", 3), 5000)


def test_a_missing_acceptance_is_refused():
    spec = {
        "target": "t",
        "models": {"t": {"cost": 1}, "d": {"cost": 0.1, "load": "smollm2-135m"}},
        "draft": [{"by": "d", "tokens": 2}],
    }
    with pytest.raises(InputError, match=r"acceptance\.t\.d"):
        Sampler(Cascade.from_json(spec))


def test_an_unknown_device_is_refused():
    with pytest.raises(InputError, match=r"^device: got 'tpu', expected cpu"):
        TorchSampler(flat(), "tpu")


def test_no_gpu_is_said_plainly(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match=r"^device: got 'cuda', expected cpu \(no GPU was found\)"):
        TorchSampler(flat(), "cuda")


def test_torch_counts_by_survivals_of_its_own():
    sound, broken = TorchSampler(flat()), TorchSampler(flat())
    broken.sampler.layout.program.thresholds[:] = 0
    broken.sampler.layout.program.ticks[:] = 0
    assert broken.draw((14,), 10_000) == sound.draw((14,), 10_000)


def nest(levels, until=64):
    """Every model goes on until it has drafted that many tokens, on the drafts of the next."""
    names = [f"m{i}" for i in range(levels)]
    draft = [{"by": names[-1], "tokens": 1}]
    for name in reversed(names[:-1]):
        draft = [{"by": name, "until": until, "draft": draft}]
    return {
        "target": "t",
        "models": {"t": {"cost": 1}} | {name: {"cost": 0.01} for name in names},
        "acceptance": {a: {b: 0.999} for a, b in itertools.pairwise(["t", *names])},
        "draft": draft,
    }


def test_deep_nests_lose_no_cost():
    """Their greatest cost is 10^10 times what a cycle usually costs."""
    drawer = Sampler(Cascade.from_json(nest(8)))
    totals = drawer.draw((15,), 200)
    exact = float(exact_cost(drawer.cascade, totals.calls))
    assert totals.ticks * drawer.layout.tick == pytest.approx(exact, rel=1e-4)


def test_cycles_that_could_cost_too_much_are_refused():
    with pytest.raises(InputError, match="draft: got cycles that could cost"):
        Sampler(Cascade.from_json(nest(10)))


def test_costs_that_matter_to_no_sum_are_not_refused():
    spec = flat().to_json()
    spec["models"]["d"]["cost"] = 1e-50
    drawer = Sampler(Cascade.from_json(spec))
    assert estimate(drawer.draw((16,), 1000), drawer).cost_per_cycle == pytest.approx(1, rel=1e-12)


def test_costs_whose_squares_are_no_numbers_are_refused(monkeypatch):
    monkeypatch.setattr(bounds, "MAX_COST", 1e20)
    spec = flat().to_json()
    spec["models"]["d"]["cost"] = 1e20
    for engine in (lambda c: Sampler(c), lambda c: run_cycles(c, 10, 0)):
        with pytest.raises(InputError, match=r"models: costs give a cycle of up to 5e\+20"):
            engine(Cascade.from_json(spec))


def test_moments_of_the_greatest_blocks_are_exact():
    generator = np.random.default_rng(17)
    tokens = generator.integers(1 << 22, 1 << 23, size=1 << 16)
    ticks = generator.integers(1 << 61, 1 << 62, size=1 << 16)
    t, c = tokens.astype(object), ticks.astype(object)
    assert block_moments(tokens, ticks) == (t.sum(), c.sum(), (t**2).sum(), (c**2).sum(), (t * c).sum())


@pytest.mark.parametrize("generation", [None, Generation(9)], ids=["stationary", "generations"])
@pytest.mark.parametrize("forked", [False, True], ids=["one stream", "forked"])
def test_two_levels_at_a_time_are_the_same_cycles(generation, forked):
    for i, cascade in enumerate((three_levels(), Cascade.from_json(nest(4, until=5)))):
        fast, plain = (Sampler(cascade, generation=generation) for _ in range(2))
        assert fast.layout.program.nodes["single"].any()
        plain.layout.program.nodes["single"] = 0
        one, other = (s.sample((18, i), 3000, forked=forked) for s in (fast, plain))
        assert (one.tokens == other.tokens).all()
        assert (one.ticks == other.ticks).all()


def test_counting_in_pieces_gives_the_same_numbers(monkeypatch):
    whole = Sampler(flat()).draw((19,), 100_000)
    sizes = []

    def watched(lanes, uniforms, thresholds, cycles, passing):
        sizes.append(cycles)
        count_passing(lanes, uniforms, thresholds, cycles, passing)

    monkeypatch.setattr(sampler, "_PIECE", 8 * BLOCK)
    monkeypatch.setattr(sampler, "count_passing", watched)
    assert Sampler(flat()).draw((19,), 100_000) == whole
    assert max(sizes) == 8 * BLOCK
    assert sum(sizes) == 100_000


def test_a_call_of_the_kernel_never_holds_more_than_its_share_of_work(monkeypatch):
    """What is drawn in one call cannot be interrupted."""
    sizes = []

    def watched(program, text, rule, state, starts, constants, out):
        sizes.append(out.tokens.size)
        draw_blocks(program, text, rule, state, starts, constants, out)

    monkeypatch.setattr(sampler, "draw_blocks", watched)
    Sampler(Cascade.from_json(nest(3))).draw((20,), 40_000)
    assert max(sizes) * 64**2 < sampler._CHUNK_WORK
    assert sum(sizes) == 40_000
