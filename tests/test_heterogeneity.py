"""Acceptance that varies over prompts or along the text, against integrals, enumeration and simulation."""

import itertools
import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import oracles
import pytest
import sympy as sp
from command_line import run
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from strategies import specs

from analysis.commands import heterogeneity as command
from analysis.model import Acceptance, Cascade, InputError, PerPosition, Step, acceptances, scalar_models
from analysis.theory.exact import ewif
from analysis.theory.heterogeneity import (
    beta_ewif,
    beta_from_mean,
    deviation_range,
    hazards_of_equal_cycles,
    hazards_of_equal_tokens,
    pooled_alpha,
)
from analysis.theory.markov import HiddenChain, markov_ewif, survival_by_position

shapes = st.floats(0.2, 50)


def speculative(alpha, c, k):
    return Cascade("t", scalar_models({"t": 1, "d": c}), acceptances({"t": {"d": alpha}}), (Step("d", tokens=k),))


def with_hazards(cascade, hazards):
    return replace(cascade, acceptance={"t": {"d": Acceptance(hazards, hazards)}})


def test_the_example_of_beta_3_2():
    found = beta_ewif(speculative(0, 0.0, 5), "t", "d", 3, 2)
    assert found.mean_alpha == 0.6
    assert round(found.iid, 3) == 2.383
    assert round(found.equal_cycles, 3) == 2.667
    assert round(found.equal_tokens, 3) == 2.296
    assert found.error_equal_cycles == pytest.approx(2.38336 / (8 / 3) - 1)
    assert found.error_equal_tokens > 0


def test_equal_cycles_of_beta_is_its_closed_form():
    """SymPy integrates alpha^j against the density; equal cycles is the sum over j (here 8/3 for Beta(3, 2), k = 5)."""
    x = sp.symbols("x", positive=True)
    density = x**2 * (1 - x) / sp.beta(3, 2).rewrite(sp.gamma).doit()
    tokens = sum(sp.integrate(x**j * density, (x, 0, 1)) for j in range(6))
    assert sp.nsimplify(tokens) == sp.Rational(8, 3)
    assert beta_ewif(speculative(0, 0.0, 5), "t", "d", 3, 2).equal_cycles == pytest.approx(8 / 3, rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.5, 50), st.floats(0.5, 50), st.integers(1, 12), st.floats(0, 0.5))
def test_both_weightings_are_their_integrals(a, b, k, c):
    found = beta_ewif(speculative(0, c, k), "t", "d", a, b)
    total, product = Fraction(1), Fraction(1)
    for j in range(k):
        product *= (Fraction(a) + j) / (Fraction(a) + Fraction(b) + j)
        total += product
    assert found.equal_cycles == pytest.approx(float(total) / (1 + k * c), rel=1e-10)
    log_weight = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def integrand(angle):
        """With alpha = sin(angle)^2 the density has no poles for shapes >= 1/2."""
        sine, cosine = math.sin(angle), math.cos(angle)
        density = 2 * math.exp(log_weight + (2 * a - 1) * math.log(sine) + (2 * b - 1) * math.log(cosine))
        return density / sum(sine ** (2 * j) for j in range(k + 1))

    peak = math.asin(math.sqrt(a / (a + b)))
    inverse, _ = quad(integrand, 0, math.pi / 2, points=[peak], epsabs=0, epsrel=1e-9, limit=200)
    assert found.equal_tokens == pytest.approx(1 / (inverse * (1 + k * c)), rel=1e-7)


@settings(max_examples=40, deadline=None)
@given(shapes, shapes, st.integers(1, 20), st.floats(0, 0.5))
def test_both_weightings_are_cascades_with_hazards_of_their_own(a, b, k, c):
    cascade = speculative(0, c, k)
    found = beta_ewif(cascade, "t", "d", a, b)
    assert ewif(with_hazards(cascade, hazards_of_equal_cycles(a, b, k))) == pytest.approx(found.equal_cycles, rel=1e-9)
    assert ewif(with_hazards(cascade, hazards_of_equal_tokens(a, b, k))) == pytest.approx(found.equal_tokens, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(shapes, shapes, st.integers(1, 20))
def test_the_sign_of_the_error_depends_on_the_weighting(a, b, k):
    found = beta_ewif(speculative(0, 0.1, k), "t", "d", a, b)
    assert found.error_equal_cycles <= 1e-12
    assert found.error_equal_tokens >= -1e-12


def test_the_inverse_of_the_expected_tokens_is_convex():
    """SymPy, symbolic n = k + 1: (1/T)'' = n x^(n-2) B / (1 - x^n)^3 with B(1) = B'(1) = 0 and B convex on [0, 1].

    So B >= 0, 1 / T is convex, and by Jensen the harmonic mean of T over alphas is at most T at the mean.
    """
    x, n = sp.symbols("x n", positive=True)
    inverse = (1 - x) / (1 - x**n)
    bracket = (n - 1) - (n + 1) * x + (n + 1) * x**n - (n - 1) * x ** (n + 1)
    assert sp.simplify(sp.diff(inverse, x, 2) - n * x ** (n - 2) * bracket / (1 - x**n) ** 3) == 0
    assert bracket.subs(x, 1) == 0
    assert sp.diff(bracket, x).subs(x, 1).expand() == 0
    curvature = n * (n**2 - 1) * x ** (n - 2) * (1 - x)
    assert sp.simplify(sp.diff(bracket, x, 2) - curvature) == 0


def horizontal(alpha):
    """One token of another drafter, accepted with 1/2, then two tokens with this alpha; all free."""
    return Cascade(
        "t",
        scalar_models({"t": 1, "other": 0, "d": 0}),
        acceptances({"t": {"other": 0.5, "d": alpha}}),
        (Step("other", tokens=1), Step("d", tokens=2)),
    )


def test_equal_tokens_can_beat_the_iid_prediction_in_a_horizontal_cascade():
    """The sign of speculative decoding does not carry over: 5/3 against 53/32, and the same with a Beta law."""
    harmonic = 2 / (1 / ewif(horizontal(0.0)) + 1 / ewif(horizontal(0.5)))
    assert harmonic == pytest.approx(5 / 3, rel=1e-14)
    assert ewif(horizontal(0.25)) == pytest.approx(53 / 32, rel=1e-14)
    assert beta_ewif(horizontal(0.0), "t", "d", 0.5, 1.5).error_equal_tokens < -1e-3


@settings(max_examples=60, deadline=None)
@given(specs(depth=3, acceptance=st.floats(0, 1)), st.sampled_from("abc"), shapes, shapes)
def test_equal_cycles_never_fall_below_the_iid_prediction(spec, drafter, a, b):
    assert beta_ewif(Cascade.from_json(spec), "t", drafter, a, b).error_equal_cycles <= 1e-12


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0, 0.99), st.integers(1, 12))
def test_a_chain_with_memory_lies_between_its_limits(hard, easy, share, memory, k):
    """Tested, not proved: for one leaf step, slow limit <= EWIF <= i.i.d. where neighbours are correlated >= 0."""
    found = markov_ewif(speculative(0, 0.1, k), HiddenChain.from_share(share, memory), {"d": (hard, easy)})
    assert found.slow_limit * (1 - 1e-10) <= found.ewif <= found.iid * (1 + 1e-10)


def test_pooled_counts_estimate_the_alpha_between():
    """Accepted over examined tokens weighs prompts by examined tokens, so it lies above the mean of prompts."""
    hazards = hazards_of_equal_cycles(3, 2, 5)
    survival = [Fraction(1)]
    for j in range(5):
        survival.append(survival[-1] * Fraction(3 + j, 5 + j))
    expected = sum(survival[1:]) / sum(survival[:-1])
    assert pooled_alpha(hazards, 5) == pytest.approx(float(expected), rel=1e-12)
    assert pooled_alpha(PerPosition((0.7,)), 5) == pytest.approx(0.7)


def test_beta_over_an_inner_pair_of_a_nested_cascade_mixes_its_laws():
    cascade = Cascade(
        "t",
        scalar_models({"t": 1, "a": 0.1, "b": 0.01}),
        acceptances({"t": {"a": 0.8}, "a": {"b": 0.5}}),
        (Step("a", until=4, draft=(Step("b", tokens=2),)),),
    )
    found = beta_ewif(cascade, "a", "b", 2, 3)

    def at(alpha):
        return ewif(replace(cascade, acceptance={**cascade.acceptance, **acceptances({"a": {"b": alpha}})}))

    density = 12.0
    inverse, _ = quad(lambda x: density * x * (1 - x) ** 2 / at(x), 0, 1, epsabs=1e-11)
    assert found.equal_tokens == pytest.approx(1 / inverse, rel=1e-9)
    assert found.iid == at(0.4)


@settings(deadline=None)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_beta_from_mean_has_that_mean_and_deviation(mean, share):
    deviation = share * math.sqrt(mean * (1 - mean))
    a, b = beta_from_mean(mean, deviation)
    assert a / (a + b) == pytest.approx(mean)
    assert math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))) == pytest.approx(deviation)


def test_a_thousand_tokens_stay_accurate():
    a, b, k = 3.0, 0.5, 1000
    total = product = Fraction(1)
    for j in range(k):
        product *= Fraction(2 * j + 6, 2 * j + 7)
        total += product
    assert beta_ewif(speculative(0, 0.0, k), "t", "d", a, b).equal_cycles == pytest.approx(float(total), rel=1e-9)


# Hidden chain along the text.


def enumerated_markov(spec, chain, alphas):
    """EWIF in rationals: every draft of the oracle is reviewed token by token with the hidden state alongside."""
    leave_hard, leave_easy = Fraction(chain.leave_hard), Fraction(chain.leave_easy)
    moves = [[1 - leave_hard, leave_hard], [leave_easy, 1 - leave_easy]]
    tokens, following = [Fraction(0)] * 2, [[Fraction(0)] * 2, [Fraction(0)] * 2]
    cost = Fraction(0)
    for (drafted, spent), mass in oracles.draft_outcomes(spec, spec["draft"]).items():
        cost += mass * (spent + oracles.call_cost(spec["models"]["t"]["cost"], len(drafted) + 1))
        for start in (0, 1):
            state = [Fraction(start == 0), Fraction(start == 1)]
            for position, (by, _) in enumerate(drafted):
                for s in (0, 1):
                    lost = mass * state[s] * (1 - Fraction(alphas[by][s]))
                    tokens[start] += (position + 1) * lost
                    for z in (0, 1):
                        following[start][z] += lost * moves[s][z]
                state = [sum(state[s] * Fraction(alphas[by][s]) * moves[s][z] for s in (0, 1)) for z in (0, 1)]
            tokens[start] += mass * (len(drafted) + 1) * sum(state)
            for s, z in itertools.product((0, 1), repeat=2):
                following[start][z] += mass * state[s] * moves[s][z]
    total = following[0][1] + following[1][0]
    starts = [following[1][0] / total, following[0][1] / total]
    unit = oracles.call_cost(spec["models"]["t"]["cost"], 1)
    return float((starts[0] * tokens[0] + starts[1] * tokens[1]) / (cost / unit))


@settings(max_examples=60, deadline=None)
@given(specs(depth=2), st.tuples(*[st.floats(0, 1)] * 6), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_the_chain_equals_the_enumeration(spec, values, leave_hard, leave_easy):
    chain = HiddenChain(leave_hard, leave_easy)
    alphas = {"a": values[:2], "b": values[2:4], "c": values[4:]}
    found = markov_ewif(Cascade.from_json(spec), chain, alphas)
    assert found.ewif == pytest.approx(enumerated_markov(spec, chain, alphas), rel=1e-10)


def test_one_drafted_token_along_a_chain_is_its_closed_form():
    """SymPy solves the stationary start for k = 1 with symbolic alphas and moves."""
    h, e, u, v, s = sp.symbols("h e u v s", positive=True)
    moves = sp.Matrix([[1 - u, u], [v, 1 - v]])
    following = sp.diag(1 - h, 1 - e) * moves + sp.diag(h, e) * moves * moves
    start = sp.solve((sp.Matrix([[s, 1 - s]]) * following)[0] - s, s)[0]
    closed = 1 + start * h + (1 - start) * e
    values = {h: sp.Rational(1, 5), e: sp.Rational(9, 10), u: sp.Rational(1, 4), v: sp.Rational(1, 8)}
    found = markov_ewif(speculative(0, 0.0, 1), HiddenChain(0.25, 0.125), {"d": (0.2, 0.9)})
    assert found.ewif == pytest.approx(float(closed.subs(values)), rel=1e-13)


def simulated_tokens(chain, alphas, k, cycles, seed):
    """Yields of consecutive cycles along one text, drawn token by token."""
    random = np.random.default_rng(seed).random
    state, yields = 0, []
    leave = (chain.leave_hard, chain.leave_easy)
    for _ in range(cycles):
        count, going = 0, True
        while going:
            going = count < k and random() < alphas[state]
            count += 1
            if random() < leave[state]:
                state = 1 - state
        yields.append(count)
    return np.array(yields)


def is_consistent(expected, yields, batch=500):
    """Batch means: |z| < 4.5 with 80 batches has a false-alarm rate of about 2e-5."""
    means = yields.reshape(-1, batch).mean(axis=1)
    return abs(means.mean() - expected) < 4.5 * means.std(ddof=1) / math.sqrt(means.size)


def test_the_chain_agrees_with_the_token_level_simulation():
    chain, alphas, k = HiddenChain(0.1, 0.05), (0.3, 0.9), 5
    found = markov_ewif(speculative(0, 0.0, k), chain, {"d": alphas})
    yields = simulated_tokens(chain, alphas, k, 40_000, seed=11)
    assert is_consistent(found.ewif, yields)
    assert not is_consistent(found.iid, yields)  # negative control: the i.i.d. value
    stationary_start = float(chain.shares @ found.tokens)
    assert not is_consistent(stationary_start, yields)  # negative control: the text's law as that of starts


def test_the_chain_has_its_two_limits():
    cascade, alphas = speculative(0, 0.05, 6), {"d": (0.3, 0.9)}
    independent = markov_ewif(cascade, HiddenChain.from_share(0.4, 0.0), alphas)
    assert independent.ewif == pytest.approx(independent.iid, rel=1e-13)
    assert independent.iid == pytest.approx(ewif(speculative(0.4 * 0.3 + 0.6 * 0.9, 0.05, 6)), rel=1e-13)
    slow = markov_ewif(cascade, HiddenChain.from_share(0.4, 1 - 1e-9), alphas)
    assert slow.ewif == pytest.approx(slow.slow_limit, rel=1e-7)
    harmonic = 1 / (0.4 / ewif(speculative(0.3, 0.05, 6)) + 0.6 / ewif(speculative(0.9, 0.05, 6)))
    assert slow.slow_limit == pytest.approx(harmonic, rel=1e-13)


@settings(max_examples=40, deadline=None)
@given(specs(depth=3, acceptance=st.floats(0, 1)), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_chain_of_equal_states_is_independent_acceptance(spec, leave_hard, leave_easy):
    cascade = Cascade.from_json(spec)
    alphas = {d: (a, a) for d, a in spec["acceptance"]["t"].items()}
    assert markov_ewif(cascade, HiddenChain(leave_hard, leave_easy), alphas).ewif == pytest.approx(
        ewif(cascade), rel=1e-10
    )


def test_starts_that_never_change_state_keep_the_shares_of_the_text():
    found = markov_ewif(speculative(0, 0.0, 1), HiddenChain(1.0, 1.0), {"d": (1.0, 1.0)})
    assert found.starts.tolist() == [0.5, 0.5]
    assert found.ewif == 2.0


def test_survival_by_position_gives_hazards_of_the_same_ewif():
    chain, k = HiddenChain(0.1, 0.05), 7
    survival = survival_by_position(chain, (0.3, 0.9), k)
    cascade = speculative(0, 0.03, k)
    hazards = PerPosition(tuple((survival[1:] / survival[:-1]).tolist()))
    expected = markov_ewif(cascade, chain, {"d": (0.3, 0.9)}).ewif
    assert ewif(with_hazards(cascade, hazards)) == pytest.approx(expected, rel=1e-12)


def test_bad_input_is_refused():
    cascade = speculative(0.5, 0.1, 2)
    with pytest.raises(InputError, match=r"^a: got 0"):
        beta_ewif(cascade, "t", "d", 0, 1)
    with pytest.raises(InputError, match=r"^drafter: got 'x', expected one of the models t, d"):
        beta_ewif(cascade, "t", "x", 1, 1)
    with pytest.raises(InputError, match=r"^deviation: got 0\.6"):
        beta_from_mean(0.5, 0.6)
    with pytest.raises(InputError, match=r"^leave_hard: got 0\.0, expected a number in \(0, 1\]"):
        HiddenChain(0, 0.5)
    with pytest.raises(InputError, match=r"^alphas\.d: missing"):
        markov_ewif(cascade, HiddenChain(0.5, 0.5), {})
    with pytest.raises(InputError, match=r"^alphas\.d: got 1\.5"):
        markov_ewif(cascade, HiddenChain(0.5, 0.5), {"d": (0.5, 1.5)})


def test_command_gives_a_number_with_a_sign(tmp_path, capsys, monkeypatch):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(speculative(0.6, 0.0, 5).to_json()))
    arguments = ("heterogeneity", path, "--drafter", "d", "--deviation", 0.2)
    status, out, _ = run(command, capsys, monkeypatch, *arguments, "--json")
    result = json.loads(out.splitlines()[-1])
    assert status == 0
    assert round(result["equal_cycles"], 3) == 2.667  # Beta(3, 2) has mean 0.6 and deviation 0.2
    assert result["error_equal_cycles"] < 0 < result["error_equal_tokens"]
    status, out, _ = run(command, capsys, monkeypatch, *arguments)
    assert status == 0
    assert "i.i.d. is 10.62% too low" in out
    assert "too high" in out


@pytest.mark.parametrize("mean", [1e-7, 1e-3, 0.5, 0.8, 1 - 1e-7])
def test_every_deviation_in_range_has_shapes_in_range(mean):
    for deviation in deviation_range(mean):
        a, b = beta_from_mean(mean, deviation)
        assert 1e-3 <= a <= 1e5
        assert 1e-3 <= b <= 1e5
        assert a / (a + b) == pytest.approx(mean)
    low, high = deviation_range(mean)
    for outside in (0.999 * low, 1.001 * high, 1e-300, 0.0):
        with pytest.raises(InputError, match=r"^deviation: got "):
            beta_from_mean(mean, outside)


@pytest.mark.parametrize("deviation", ["1e-300", "0.0001", "0.3999999", "0.9"])
def test_the_command_refuses_a_deviation_without_a_beta_law_by_its_own_name(tmp_path, capsys, monkeypatch, deviation):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(speculative(0.8, 0.0, 5).to_json()))
    arguments = ("heterogeneity", path, "--drafter", "d", "--deviation")
    status, _, error = run(command, capsys, monkeypatch, *arguments, deviation)
    low, high = deviation_range(0.8)
    assert status == 2
    assert error == f"error: --deviation: got '{deviation}', expected a number in [{low:g}, {high:g}], or 0\n"
    for limit in (low, high):
        assert run(command, capsys, monkeypatch, *arguments, f"{limit:g}")[0] == 0


@pytest.mark.parametrize(
    ("alpha", "options", "deviation"), [(0.8, [], 0.15), (0.95, [], 0.05), (1.0, [], 0), (0.8, ["--deviation", "0"], 0)]
)
def test_the_command_needs_no_option(tmp_path, capsys, monkeypatch, alpha, options, deviation):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(speculative(alpha, 0.0, 5).to_json()))
    status, out, _ = run(command, capsys, monkeypatch, "heterogeneity", path, *options, "--json")
    result = json.loads(out)
    assert (status, result["drafter"], result["deviation"]) == (0, "d", pytest.approx(deviation))
    if deviation == 0:
        assert result["equal_cycles"] == result["equal_tokens"] == result["iid"]
        assert result["along_text"] == pytest.approx(result["iid"])
    else:
        assert result["equal_cycles"] > result["iid"] > result["equal_tokens"]


def test_the_command_refuses_a_mean_that_cannot_vary_by_its_place(tmp_path, capsys, monkeypatch):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(speculative(1.0, 0.0, 5).to_json()))
    status, _, error = run(command, capsys, monkeypatch, "heterogeneity", path, "--drafter", "d", "--deviation", 0.1)
    assert status == 2
    assert error.startswith("error: acceptance.t.d: got 1.0, expected a mean alpha in ")


def test_command_refuses_bad_options_in_one_line(tmp_path, capsys, monkeypatch):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(speculative(0.6, 0.0, 5).to_json()))
    for drafter, deviation, field in [
        ("x", 0.1, "acceptance.t.x"),
        ("d", -1, "--deviation"),
        ("d", 0.6, "--deviation"),
    ]:
        status, _, error = run(
            command, capsys, monkeypatch, "heterogeneity", path, "--drafter", drafter, "--deviation", deviation
        )
        assert status == 2
        assert error.startswith(f"error: {field}: ")
        assert error.count("\n") == 1
