"""Second moments and sensitivities against enumeration in rationals, SymPy, closed forms and the simulator."""

import copy
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
from strategies import specs

from analysis.commands import moments as moments_command
from analysis.model import Acceptance, Cascade, Decaying, InputError, Step, acceptances, scalar_models
from analysis.optimum.uncertain import perturbed
from analysis.theory.exact import cycle_law
from analysis.theory.fixed_cost import fixed_cost
from analysis.theory.moments import cycle_moments
from analysis.theory.sensitivity import sensitivities, standard_error
from simulate.reference import run_cycles

NESTED = {
    "target": "t",
    "models": {"t": {"cost": {"fixed": 0.9, "per_token": 0.1}}, "a": {"cost": 0.2}, "b": {"cost": 0.03}},
    "acceptance": {
        "t": {"a": {"accepted": 0.85, "corrected": 0.6}, "b": {"initial": 0.7, "decay": 0.9, "floor": 0.6}},
        "a": {"b": {"per_position": [0.5, 0.7], "beyond": "last"}},
    },
    "draft": [{"by": "a", "until": 4, "draft": [{"by": "b", "tokens": 3}]}, {"by": "b", "tokens": 2}],
}


def speculative(alpha, c, k):
    return Cascade("t", scalar_models({"t": 1, "d": c}), acceptances({"t": {"d": alpha}}), (Step("d", tokens=k),))


@settings(max_examples=150, deadline=None)
@given(specs())
def test_joint_moments_equal_the_enumeration(spec):
    moments = cycle_moments(Cascade.from_json(spec))
    expected = np.zeros((3, moments.pmf.size))
    for (tokens, cost), mass in oracles.cycle_outcomes(spec).items():
        expected[:, tokens - 1] += [float(mass), float(mass * cost), float(mass * cost**2)]
    np.testing.assert_allclose([moments.pmf, moments.cost, moments.cost_squared], expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(specs())
def test_variances_equal_the_enumeration(spec):
    moments = cycle_moments(Cascade.from_json(spec))
    law = oracles.cycle_outcomes(spec)
    mean, cost = oracles.mean_tokens(law), oracles.mean_cost(law)
    ratio = mean / cost

    def expected(function):
        return float(sum(function(t - mean, c - cost) * mass for (t, c), mass in law.items()))

    scale = 1e-12 * max(1.0, float(sum(c * c * m for (_, c), m in law.items())))
    assert moments.tokens_variance == pytest.approx(expected(lambda t, c: t * t), rel=1e-9, abs=1e-12)
    assert moments.cost_variance == pytest.approx(expected(lambda t, c: c * c), rel=1e-9, abs=scale)
    assert moments.covariance == pytest.approx(expected(lambda t, c: t * c), rel=1e-9, abs=scale)
    per_cycle = expected(lambda t, c: (t - ratio * c) ** 2) / float(cost) ** 2
    tolerance = scale * float(ratio / cost) ** 2 + 1e-12
    assert moments.ewif_variance_per_cycle == pytest.approx(per_cycle, rel=1e-9, abs=tolerance)
    assert moments.ewif_variance_per_token == pytest.approx(
        per_cycle * float(mean), rel=1e-9, abs=tolerance * float(mean)
    )


@settings(max_examples=100, deadline=None)
@given(specs())
def test_first_moments_equal_the_law_of_the_cycle(spec):
    cascade = Cascade.from_json(spec)
    law, moments = cycle_law(cascade), cycle_moments(cascade)
    np.testing.assert_allclose(moments.pmf, law.pmf, rtol=1e-10, atol=1e-14)
    assert moments.ewif == pytest.approx(law.ewif, rel=1e-12)


@pytest.mark.parametrize("k", range(1, 8))
def test_variance_of_speculative_decoding_is_its_closed_form(k):
    """SymPy: the closed form of the docstring from the law of the yield, for symbolic alpha."""
    a = sp.symbols("alpha", positive=True)
    law = {j + 1: a**j * (1 - a) for j in range(k)} | {k + 1: a**k}
    mean = sum(t * p for t, p in law.items())
    variance = sum(t**2 * p for t, p in law.items()) - mean**2
    closed = (a - (2 * k + 1) * a ** (k + 1) * (1 - a) - a ** (2 * k + 2)) / (1 - a) ** 2
    assert sp.cancel(variance - closed) == 0
    moments = cycle_moments(speculative(0.7, 0.1, k))
    assert moments.tokens_variance == pytest.approx(float(closed.subs(a, sp.Rational(7, 10))), rel=1e-12)
    assert moments.cost_variance == pytest.approx(0, abs=1e-14)


def rational_sum(alpha, coefficients):
    """Sum of coefficients[j] alpha^j, exactly, in integers over a common denominator."""
    above, below = alpha.as_integer_ratio()
    total, scale = 0, 1
    for coefficient in reversed(coefficients):
        total = total * above + coefficient * scale
        scale *= below
    return Fraction(total, scale // below)


@pytest.mark.parametrize("alpha", [0.5, 0.999, 1 - 1e-6, 1 - 1e-9, 1.0])
def test_variance_of_a_thousand_tokens_is_exact_near_certainty(alpha):
    k = 1000
    mean = rational_sum(alpha, [1] * (k + 1))
    variance = rational_sum(alpha, range(1, 2 * k + 2, 2)) - mean**2
    moments = cycle_moments(speculative(alpha, 0.01, k))
    assert moments.tokens_variance == pytest.approx(float(variance), rel=1e-9, abs=1e-12)
    assert moments.tokens_per_cycle == pytest.approx(float(mean), rel=1e-12)
    slope = next(s for s in sensitivities(speculative(alpha, 0.01, k)) if s.path == "acceptance.t.d")
    assert slope.tokens_per_cycle == pytest.approx(float(rational_sum(alpha, range(1, k + 1))), rel=1e-10)


def variance_is_consistent(moments, totals):
    """Whether simulated cycles could have these variances: 5 standard errors each, false alarm below 4e-6 in all."""
    n = totals.cycles
    observed = n * totals.standard_error**2
    tokens = totals.tokens_squared / n - totals.tokens_per_cycle**2
    # Both sample variances are of bounded yields: relative standard error below sqrt(8 / n) (kurtosis below 9 here).
    tolerance = 5 * math.sqrt(8 / n)
    return (
        abs(observed / moments.ewif_variance_per_cycle - 1) < tolerance
        and abs(tokens / moments.tokens_variance - 1) < tolerance
        and abs(totals.ewif - moments.ewif) < 5 * math.sqrt(moments.ewif_variance_per_cycle / n)
    )


def test_variances_agree_with_the_simulator():
    cascade = Cascade.from_json(NESTED)
    assert variance_is_consistent(cycle_moments(cascade), run_cycles(cascade, 40_000, seed=5))


def test_the_simulator_of_another_cascade_is_told_apart():
    other = copy.deepcopy(NESTED)
    other["acceptance"]["t"]["a"]["accepted"] = 0.75
    assert not variance_is_consistent(
        cycle_moments(Cascade.from_json(other)), run_cycles(Cascade.from_json(NESTED), 40_000, seed=5)
    )


def set_at(spec, keys, value):
    changed = copy.deepcopy(spec)
    node = changed
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    return changed


def rational_ewif(spec):
    law = oracles.cycle_outcomes(spec)
    return oracles.mean_tokens(law) / oracles.mean_cost(law)


def rational_derivative(spec, keys, value, function):
    """Five-point difference in exact rationals: no cancellation, truncation of order h^4 = 1e-12."""
    h = 2.0**-10
    at = {m: function(set_at(spec, keys, value + m * h)) for m in (-2, -1, 1, 2)}
    return float((8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * Fraction(h)))


smooth = st.one_of(
    st.floats(0, 1, allow_subnormal=False),
    st.sampled_from([0.0, 1.0]),
    st.just({"per_position": [0.25, 0.875, 0.5], "beyond": "last"}),
    st.just({"accepted": 0.75, "corrected": {"per_position": [0.125, 0.5], "beyond": "last"}}),
)
"""Acceptances without the kinks of a decaying hazard, edges included."""


@settings(max_examples=40, deadline=None)
@given(specs(depth=2, acceptance=smooth))
def test_sensitivities_equal_rational_differences(spec):
    cascade = Cascade.from_json(spec)
    canonical = cascade.to_json()
    for s in sensitivities(cascade):
        keys = s.keys
        expected = rational_derivative(canonical, keys, s.value, rational_ewif)
        assert s.ewif == pytest.approx(expected, rel=1e-7, abs=1e-7), s.path


@pytest.mark.parametrize("path", ["initial", "decay", "floor"])
def test_sensitivities_of_a_decaying_hazard_equal_rational_differences(path):
    spec = copy.deepcopy(NESTED)
    spec["acceptance"]["t"]["b"] = {"initial": 0.7, "decay": 0.9, "floor": 0.45}
    spec["draft"] = [{"by": "b", "tokens": 8}]
    slope = next(s for s in sensitivities(Cascade.from_json(spec)) if s.path == f"acceptance.t.b.{path}")
    expected = rational_derivative(spec, slope.keys, slope.value, rational_ewif)
    assert expected != 0
    # The hazard's kink is not crossed: 0.7 * 0.9**4 = 0.459, 0.7 * 0.9**5 = 0.413.
    assert slope.ewif == pytest.approx(expected, rel=1e-8)


def test_sensitivities_of_the_last_cost_of_a_table_cover_all_longer_calls():
    spec = copy.deepcopy(NESTED)
    spec["models"]["t"]["cost"] = {"by_tokens": [1.0, 1.25, 1.5], "beyond": "last"}
    spec["models"]["a"]["cost"] = {"by_tokens": [0.25, 0.5], "beyond": "last"}
    slopes = [s for s in sensitivities(Cascade.from_json(spec)) if "by_tokens" in s.path]
    assert len(slopes) == 5
    for s in slopes:
        expected = rational_derivative(spec, s.keys, s.value, rational_ewif)
        assert s.ewif == pytest.approx(expected, rel=1e-8, abs=1e-12), s.path


def test_sensitivities_of_a_vertical_cascade_are_those_of_its_closed_form():
    """SymPy: differentiate result 3 of the theory for symbolic alpha, alpha', c1, c2 and target cost."""
    a, i, c1, c2, t = sp.symbols("a i c1 c2 t")
    n, k = 3, 4
    phi = 1 + (a - 1) * sum((i * a) ** j for j in range(k + 1))
    closed = (1 - a * phi**n) / (1 - a) / ((t + n * c1 + n * k * c2) / t)
    values = {a: sp.Rational(4, 5), i: sp.Rational(1, 2), c1: sp.Rational(1, 8), c2: sp.Rational(1, 64), t: 2}
    cascade = Cascade(
        "t",
        scalar_models({"t": 2, "a": 0.125, "b": 0.015625}),
        acceptances({"t": {"a": 0.8}, "a": {"b": 0.5}}),
        (Step("a", rounds=n, draft=(Step("b", tokens=k),)),),
    )
    expected = {
        "acceptance.t.a": a,
        "acceptance.a.b": i,
        "models.a.cost": c1,
        "models.b.cost": c2,
        "models.t.cost": t,
    }
    slopes = {s.path: s.ewif for s in sensitivities(cascade)}
    assert set(slopes) == set(expected)
    for path, symbol in expected.items():
        assert slopes[path] == pytest.approx(float(sp.diff(closed, symbol).subs(values)), rel=1e-12), path


def test_every_number_that_the_draft_reads_is_listed_once():
    assert [s.path for s in sensitivities(Cascade.from_json(NESTED))] == [
        "acceptance.t.a.accepted",
        "acceptance.t.a.corrected",
        "acceptance.a.b.per_position[0]",
        "acceptance.a.b.per_position[1]",
        "acceptance.t.b.initial",
        "acceptance.t.b.decay",
        "acceptance.t.b.floor",
        "models.t.cost.fixed",
        "models.t.cost.per_token",
        "models.a.cost",
        "models.b.cost",
    ]


VARYING = {"by_tokens": [0.1, 0.2, 0.3], "beyond": "last"}
ROUNDS = [{"by": "a", "rounds": 2, "draft": [{"by": "b", "tokens": 3}]}, {"by": "b", "tokens": 2}]
UNTIL = [{"by": "a", "until": 3, "draft": [{"by": "b", "tokens": 2}]}]


def costing(draft, cost_of_a=0.3, cost_of_b=0.07, cost_of_t=1.1):
    models = {"t": {"cost": cost_of_t}, "a": {"cost": cost_of_a}, "b": {"cost": cost_of_b}}
    acceptance = {"t": {"a": 0.7, "b": 0.6}, "a": {"b": 0.55}}
    return Cascade.from_json({"target": "t", "models": models, "acceptance": acceptance, "draft": draft})


@pytest.mark.parametrize(
    ("cascade", "fixed"),
    [
        (costing(ROUNDS), (2 * (0.3 + 3 * 0.07) + 2 * 0.07 + 1.1) / 1.1),
        (
            costing(ROUNDS, cost_of_a=VARYING),
            (2 * (0.3 + 3 * 0.07) + 2 * 0.07 + 1.1) / 1.1,
        ),  # its drafts have one length
        (costing(ROUNDS, cost_of_t={"fixed": 1, "per_token": 0.1}), None),
        (costing(UNTIL), None),
        (costing(UNTIL, 0, 0), 1.0),
        (costing([{"by": "a", "until": 5}, {"by": "b", "until": 9, "block": 3}], VARYING), (0.5 + 0.42 + 1.1) / 1.1),
        (costing([*ROUNDS, {"by": "b", "until": 6}]), None),
        (costing([*ROUNDS, {"by": "b", "until": 4}]), (2 * (0.3 + 3 * 0.07) + 2 * 0.07 + 1.1) / 1.1),
        (costing([]), 1.0),
    ],
)
def test_the_variance_of_a_fixed_cost_is_zero_and_of_no_other(cascade, fixed):
    moments = cycle_moments(cascade)
    whole = replace(moments, fixed=None)
    assert fixed_cost(cascade) == (None if fixed is None else pytest.approx(fixed))
    if fixed is None:
        assert moments.cost_variance > 1e-4
    else:
        assert (moments.cost_variance, moments.covariance) == (0, 0)
        assert (whole.cost_variance, whole.covariance) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))
        assert moments.ewif_variance_per_cycle == pytest.approx(moments.tokens_variance / fixed**2)
    assert moments.cost_per_cycle == pytest.approx(whole.cost_per_cycle)
    assert moments.ewif_variance_per_cycle == pytest.approx(whole.ewif_variance_per_cycle)


def with_uncertainty(uncertainty):
    return Cascade.from_json({**NESTED, "uncertainty": uncertainty})


def test_standard_error_adds_independent_errors():
    uncertainty = {
        "acceptance": {"t": {"a": {"accepted": 0.01, "corrected": 0.02}}, "a": {"b": {"per_position": [0.03, 0.0]}}},
        "models": {"a": {"cost": 0.004}},
    }
    slopes = {s.path: s.ewif for s in sensitivities(Cascade.from_json(NESTED))}
    expected = math.hypot(
        0.01 * slopes["acceptance.t.a.accepted"],
        0.02 * slopes["acceptance.t.a.corrected"],
        0.03 * slopes["acceptance.a.b.per_position[0]"],
        0.004 * slopes["models.a.cost"],
    )
    assert standard_error(with_uncertainty(uncertainty)) == pytest.approx(expected, rel=1e-12)
    assert standard_error(Cascade.from_json(NESTED)) is None


def test_standard_error_of_another_shape_is_refused():
    with pytest.raises(InputError, match=r"uncertainty\.acceptance\.t\.a: got 0\.1"):
        standard_error(with_uncertainty({"acceptance": {"t": {"a": 0.1}}}))


def test_standard_error_by_part_fits_an_entry_held_as_one_number():
    cascade = replace(
        speculative(0.8, 0.1, 3), uncertainty={"acceptance": {"t": {"d": {"per_position": [0.01, 0.01]}}}}
    )
    slope = next(s.ewif for s in sensitivities(cascade) if s.path == "acceptance.t.d")
    assert standard_error(cascade) == pytest.approx(0.01 * slope)


def test_standard_error_counts_correlations():
    """Of a decaying hazard, also where its decay is 1; of a list, whose equal last entries move with each other."""
    spec = {"target": "t", "models": {"t": {"cost": 1}, "d": {"cost": 0.1}}, "draft": [{"by": "d", "tokens": 3}]}

    def error(acceptance, errors):
        both = {"acceptance": {"t": {"d": acceptance}}, "uncertainty": {"acceptance": {"t": {"d": errors}}}}
        return standard_error(Cascade.from_json({**spec, **both}))

    for decay in (0.9, 1.0):
        kept = speculative(0.8, 0.1, 3)
        hazard = Decaying(0.8, decay)
        kept = replace(kept, acceptance={"t": {"d": Acceptance(hazard, hazard)}})
        slopes = {s.path.rpartition(".")[2]: s.ewif for s in sensitivities(kept)}
        x, y = 0.02 * slopes["initial"], 0.03 * slopes["decay"]
        errors = {"initial": 0.02, "decay": 0.03}
        found = error({"initial": 0.8, "decay": decay}, errors)
        assert found == pytest.approx(math.hypot(x, y))
        found = error({"initial": 0.8, "decay": decay}, errors | {"correlation": [[1, -0.9], [-0.9, 1]]})
        assert found == pytest.approx(math.sqrt(x**2 + y**2 - 1.8 * x * y))
    listed = {"per_position": [0.8, 0.7, 0.6]}
    slopes = [s.ewif for s in sensitivities(Cascade.from_json({**spec, "acceptance": {"t": {"d": listed}}}))][:3]
    together = {"per_position": [0.01, 0.02, 0.03], "correlation": [[1.0] * 3] * 3}
    assert error(listed, together) == pytest.approx(sum(e * s for e, s in zip((0.01, 0.02, 0.03), slopes, strict=True)))


@pytest.mark.parametrize(
    ("correlation", "message"),
    [
        ([[1, 0.5]], "expected a matrix of 2 rows of 2 numbers"),
        ([[1, 0.5], [0.4, 1]], "[0][1]: got 0.5, expected a symmetric matrix with 1 on its diagonal"),
        ([[1, 2], [2, 1]], "[0][1]: got 2, expected a number in [-1, 1]"),
        (0.5, ": got 0.5, expected a list"),
    ],
)
def test_a_correlation_that_is_none_is_refused(correlation, message):
    errors = {"per_position": [0.03, 0.01], "correlation": correlation}
    with pytest.raises(InputError) as refused:
        with_uncertainty({"acceptance": {"a": {"b": errors}}})
    assert str(refused.value).startswith("uncertainty.acceptance.a.b.correlation")
    assert message in str(refused.value)


def test_numbers_of_no_joint_law_are_refused():
    matrix = [[1, -0.9, -0.9], [-0.9, 1, -0.9], [-0.9, -0.9, 1]]
    with pytest.raises(InputError, match="no numbers have these correlations"):
        with_uncertainty({"acceptance": {"a": {"b": {"per_position": [0.1, 0.1, 0.1], "correlation": matrix}}}})


def test_standard_error_refuses_what_a_draw_refuses_and_takes_what_it_takes():
    """Both read `uncertainty` by one function; first the entries that no draw could be made of."""
    models = {"t": {"cost": 1}, "d": {"cost": 0.1}}
    spec = {"target": "t", "models": models, "draft": [{"by": "d", "tokens": 2}]}
    decaying = {"initial": 0.8, "decay": 0.9}
    for acceptance, errors, where in (
        (0.8, {"acceptance": {"t": {"d": {"initial": 0.1}}}}, "uncertainty.acceptance.t.d"),
        (0.8, {"acceptance": {"d": {"t": 0.1}}}, "uncertainty.acceptance.d.t"),
        (decaying, {"acceptance": {"t": {"d": {"per_position": [0.1]}}}}, "uncertainty.acceptance.t.d"),
        (0.8, {"models": {"d": {"load": 0.1}}}, "uncertainty.models.d.load"),
    ):
        cascade = Cascade.from_json({**spec, "acceptance": {"t": {"d": acceptance}}, "uncertainty": errors})
        for use in (standard_error, lambda c: perturbed(c, np.random.default_rng(1))):
            with pytest.raises(InputError) as refused:
                use(cascade)
            assert refused.value.field == where
    errors = {"acceptance": {"t": {"d": {"floor": 0.1}}}, "models": {"d": {"cost": {"by_tokens": [0.0, 0.01]}}}}
    cascade = Cascade.from_json({**spec, "acceptance": {"t": {"d": decaying}}, "uncertainty": errors})
    slope = next(s.ewif for s in sensitivities(cascade) if s.path == "models.d.cost")
    assert standard_error(cascade) == pytest.approx(abs(0.01 * slope))
    perturbed(cascade, np.random.default_rng(1))


def test_command_prints_one_json_object(tmp_path, capsys, monkeypatch):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(NESTED))
    status, out, _ = run(
        moments_command, capsys, monkeypatch, "moments", path, "--tokens", 20, "--prefill", 1.5, "--json"
    )
    result = json.loads(out.splitlines()[-1])
    assert status == 0
    assert result["ewif"] == pytest.approx(cycle_moments(Cascade.from_json(NESTED)).ewif)
    assert len(result["sensitivities"]) == 11
    assert result["finite"]["tokens"] == 20
    status, out, _ = run(moments_command, capsys, monkeypatch, "moments", path, "--tokens", 20)
    assert status == 0
    assert "derivative of EWIF" in out


@pytest.mark.parametrize(("option", "value"), [("--tokens", "0"), ("--prefill", "-1"), ("--prefill", "nan")])
def test_command_refuses_bad_options_in_one_line(tmp_path, capsys, monkeypatch, option, value):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(NESTED))
    status, out, error = run(moments_command, capsys, monkeypatch, "moments", path, option, value)
    assert (status, out) == (2, "")
    assert error.startswith(f"error: {option}: got '{value}', expected")
    assert error.count("\n") == 1
