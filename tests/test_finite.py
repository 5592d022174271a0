"""Finite generations against enumeration in rationals, SymPy, closed forms and a token-level simulation."""

import math
from collections import defaultdict
from fractions import Fraction

import numpy as np
import oracles
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import specs

from analysis.model import Cascade, InputError, Step, acceptances, scalar_models
from analysis.theory.finite import generations
from analysis.theory.joint import JointRounds
from analysis.theory.moments import cycle_moments
from analysis.theory.parameters import Parameters

# Witness 1: every outcome of a cut cycle and of a whole generation, enumerated in rationals from the JSON.


def cut_draft(spec, steps, room):
    """Law of (drafted tokens, cost) of a draft that may hold at most `room` tokens."""
    law = {((), Fraction(0)): Fraction(1)}
    for step in steps:
        times, finished = step.get("rounds", 1), defaultdict(Fraction)
        while law:
            following = defaultdict(Fraction)
            for (tokens, cost), mass in law.items():
                left = room - len(tokens)
                if left == 0 or ("until" in step and len(tokens) >= step["until"]):
                    finished[tokens, cost] += mass
                    continue
                for (more, spent), probability in cut_increment(spec, step, left).items():
                    following[tokens + more, cost + spent] += mass * probability
            law = following
            times -= 1
            if "until" not in step and times == 0:
                break
        for outcome, mass in law.items():
            finished[outcome] += mass
        law = finished
    return law


def cut_increment(spec, step, left):
    by = step["by"]
    if "draft" in step:
        law = cut_round(spec, by, step["draft"], left - 1)
        return {(((by, False),) * (n - 1) + ((by, True),), cost): mass for (n, cost), mass in law.items()}
    k = min(step.get("tokens", step.get("block", 1)), left)
    return {(((by, False),) * k, oracles.drafting_cost(spec["models"][by]["cost"], k)): Fraction(1)}


def cut_round(spec, reviewer, steps, room):
    law = defaultdict(Fraction)
    for (tokens, cost), mass in cut_draft(spec, steps, room).items():
        cost += oracles.call_cost(spec["models"][reviewer]["cost"], len(tokens) + 1)
        for position, (by, corrected) in enumerate(tokens):
            accept = oracles.hazard(spec["acceptance"][reviewer][by], position, corrected)
            law[position + 1, cost] += mass * (1 - accept)
            mass *= accept
        law[len(tokens) + 1, cost] += mass
    return law


def enumerated_generation(spec, n):
    """(mean, variance) of the cost of n tokens, by the law of the whole cost."""
    unit = oracles.call_cost(spec["models"][spec["target"]]["cost"], 1)
    laws = [{Fraction(0): Fraction(1)}]
    for remaining in range(1, n + 1):
        law = defaultdict(Fraction)
        for (tokens, cost), mass in cut_round(spec, spec["target"], spec["draft"], remaining - 1).items():
            for later, probability in laws[remaining - tokens].items():
                law[cost / unit + later] += mass * probability
        laws.append(law)
    mean = sum(cost * mass for cost, mass in laws[n].items())
    return float(mean), float(sum((cost - mean) ** 2 * mass for cost, mass in laws[n].items()))


@settings(max_examples=80, deadline=None)
@given(specs(depth=3, max_size=2), st.integers(1, 4))
def test_generations_equal_the_enumeration(spec, n):
    found = generations(Cascade.from_json(spec), n)
    mean, variance = enumerated_generation(spec, n)
    assert found.mean[n] == pytest.approx(mean, rel=1e-10)
    assert found.variance[n] == pytest.approx(variance, rel=1e-7, abs=1e-11 * (1 + mean**2))


@settings(max_examples=60, deadline=None)
@given(specs(), st.integers(0, 5))
def test_a_cut_cycle_equals_the_enumeration(spec, room):
    cascade = Cascade.from_json(spec)
    law = JointRounds(cascade, Parameters(cascade, differentiate=False), orders=2).cycle(room)[:, 0]
    assert law.shape[1] <= room + 1
    expected = np.zeros_like(law)
    for (tokens, cost), mass in cut_round(spec, "t", spec["draft"], room).items():
        if mass:
            expected[:, tokens - 1] += [float(mass), float(mass * cost)]
    np.testing.assert_allclose(law, expected, rtol=1e-9, atol=1e-12)


# Witness 2: SymPy and closed forms.


def speculative(alpha, c, k):
    return Cascade("t", scalar_models({"t": 1, "d": c}), acceptances({"t": {"d": alpha}}), (Step("d", tokens=k),))


def test_one_drafted_token_solves_its_difference_equation():
    """f(1) = 1 and f(n) = 1 + c + (1 - a) f(n - 1) + a f(n - 2), solved by SymPy for symbolic n."""
    f, n = sp.Function("f"), sp.symbols("n", integer=True)
    a, c = sp.Rational(3, 5), sp.Rational(1, 10)
    equation = f(n) - (1 + c + (1 - a) * f(n - 1) + a * f(n - 2))
    solution = sp.rsolve(equation, f(n), {f(0): 0, f(1): 1})
    found = generations(speculative(0.6, 0.1, 1), 40)
    for tokens in (1, 2, 3, 17, 40):
        assert found.mean[tokens] == pytest.approx(float(solution.subs(n, tokens)), rel=1e-12)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.floats(0, 1))
def test_certain_acceptance_takes_whole_cycles_and_one_cut_cycle(n, k, c):
    whole, rest = divmod(n, k + 1)
    found = generations(speculative(1.0, c, k), n)
    expected = whole * (1 + k * c) + (1 + (rest - 1) * c if rest else 0)
    assert found.mean[n] == pytest.approx(expected, rel=1e-12)
    assert found.variance[n] == pytest.approx(0, abs=1e-10 * (1 + expected**2))


@settings(deadline=None)
@given(st.integers(1, 50), st.floats(0, 10))
def test_autoregressive_decoding_costs_its_tokens(n, prefill):
    found = generations(Cascade("t", scalar_models({"t": 3.0})), n, prefill=prefill)
    np.testing.assert_allclose(found.mean, prefill + np.arange(n + 1), rtol=1e-12)
    np.testing.assert_allclose(found.ewif[1:], 1.0, rtol=1e-12)
    assert math.isnan(found.ewif[0])


def test_prefill_is_paid_once_and_the_drafters_by_the_cascade_alone():
    plain = generations(speculative(0.8, 0.1, 4), 30)
    paid = generations(speculative(0.8, 0.1, 4), 30, prefill=7.0, drafter_prefill=2.0)
    np.testing.assert_allclose(paid.mean - plain.mean, 9.0)
    np.testing.assert_array_equal(paid.variance, plain.variance)
    assert paid.ewif[30] == pytest.approx(37 / (plain.mean[30] + 9))


def test_long_generations_reach_the_rates_of_the_cycle():
    cascade = Cascade(
        "t",
        scalar_models({"t": 1, "a": 0.1, "b": 0.01}),
        acceptances({"t": {"a": 0.8, "b": 0.5}, "a": {"b": 0.6}}),
        (Step("a", until=5, draft=(Step("b", tokens=3),)), Step("b", tokens=2)),
    )
    moments, found = cycle_moments(cascade), generations(cascade, 4000)
    assert found.mean[4000] - found.mean[2000] == pytest.approx(2000 / moments.ewif, rel=1e-10)
    growth = (found.variance[4000] - found.variance[2000]) / 2000
    assert growth == pytest.approx(moments.ewif_variance_per_token / moments.ewif**4, rel=1e-8)


def test_a_short_generation_is_slower_than_the_cycle_promises():
    cascade = speculative(0.8, 0.05, 8)
    assert generations(cascade, 16).ewif[16] < cycle_moments(cascade).ewif


# Witness 3: a token-level simulation of its own.


class Simulated:
    """Generations drawn token by token; `cut` False lets the last cycles draft as if the text went on."""

    def __init__(self, spec, seed, cut=True):
        self.spec, self.cut = spec, cut
        self.random = np.random.default_rng(seed).random

    def cost(self, model, q):
        return float(oracles.call_cost(self.spec["models"][model]["cost"], q))

    def round(self, reviewer, steps, room):
        drafted, cost = [], 0.0
        for step in steps:
            repeats = 0
            while len(drafted) < room:
                if "until" in step and len(drafted) >= step["until"]:
                    break
                if "until" not in step and repeats == step.get("rounds", step.get("tokens")):
                    break
                if "draft" in step:
                    yielded, spent = self.round(step["by"], step["draft"], room - len(drafted) - 1)
                    drafted += [(step["by"], False)] * (yielded - 1) + [(step["by"], True)]
                    cost += spent
                else:
                    drafted.append((step["by"], False))
                    cost += self.cost(step["by"], 1)
                repeats += 1
        accepted = 0
        for by, corrected in drafted:
            entry = self.spec["acceptance"][reviewer][by]
            if self.random() >= float(oracles.hazard(entry, accepted, corrected)):
                break
            accepted += 1
        return accepted + 1, cost + self.cost(reviewer, len(drafted) + 1)

    def generation(self, n):
        total = 0.0
        while n > 0:
            tokens, cost = self.round(self.spec["target"], self.spec["draft"], n - 1 if self.cut else 10**9)
            n -= tokens
            total += cost / self.cost(self.spec["target"], 1)
        return total


SPEC = {
    "target": "t",
    "models": {"t": {"cost": {"fixed": 0.8, "per_token": 0.2}}, "a": {"cost": 0.15}, "b": {"cost": 0.02}},
    "acceptance": {
        "t": {"a": {"accepted": 0.8, "corrected": 0.7}, "b": 0.5},
        "a": {"b": {"per_position": [0.5, 0.8], "beyond": "last"}},
    },
    "draft": [{"by": "a", "rounds": 2, "draft": [{"by": "b", "tokens": 3}]}, {"by": "b", "tokens": 2}],
}


def deviation(simulated, n, runs):
    """Standardised distance of the simulated mean from the recursion; |z| > 4.5 has probability 7e-6."""
    costs = np.array([simulated.generation(n) for _ in range(runs)])
    found = generations(Cascade.from_json(SPEC), n)
    return (costs.mean() - found.mean[n]) / math.sqrt(found.variance[n] / runs), costs.var(), found.variance[n]


@pytest.mark.parametrize("n", [3, 12])
def test_generations_agree_with_the_token_level_simulation(n):
    z, simulated, expected = deviation(Simulated(SPEC, seed=n), n, 8000)
    assert abs(z) < 4.5
    assert simulated == pytest.approx(expected, rel=5 * math.sqrt(8 / 8000))


def test_generations_without_cut_cycles_are_told_apart():
    z, _, _ = deviation(Simulated(SPEC, seed=1, cut=False), 12, 4000)
    assert abs(z) > 10


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"tokens": 0}, "tokens"), ({"tokens": 5, "prefill": -1.0}, "prefill"), ({"tokens": 2.5}, "tokens")],
)
def test_bad_arguments_are_refused(arguments, field):
    with pytest.raises(InputError, match=f"^{field}: got"):
        generations(speculative(0.5, 0.1, 2), **arguments)
