"""The whole law of a cycle's tokens, and the derivatives of EWIF, for drafts of any nesting."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Eq, Sum

from analysis.derive import affine, first_principles
from analysis.derive.affine import Repeated
from analysis.derive.horizontal import two_blocks
from analysis.derive.nested import DRAFTS, INDEPENDENT, cycle_generating, pair_alpha
from analysis.derive.notation import alpha, alpha2, beta, c, c1, c2, ewif, g, gx, h, i, k, l, n, phi, x
from analysis.derive.proof import Expression, all_hold, by_induction, equal, vanishes
from analysis.derive.speculative import generating, mean_yield, mean_yield_slope
from analysis.derive.theorem import Line, Theorem
from analysis.derive.vertical import vertical_tokens


def cycle_law() -> Theorem:
    """The whole law of tokens per cycle, and its variance."""
    moment = 2 * alpha * mean_yield_slope(alpha, k)
    laws = {name: first_principles.yield_law(steps, "t", pair_alpha) for name, steps in DRAFTS.items()}
    coefficients, variances = [], []
    for name, steps in DRAFTS.items():
        phi_x = sympy.Poly(cycle_generating(steps, x), x)
        coefficients += [vanishes(phi_x.coeff_monomial(x**count) - p) for count, p in laws[name].items()]
        first, second = (sympy.diff(phi_x.as_expr(), x, order).subs(x, 1) for order in (1, 2))
        variances.append(vanishes(second + first - first**2 - first_principles.variance(laws[name])))
    return Theorem(
        "cycle-law",
        "Law and variance of the tokens per cycle",
        "Stated here",
        INDEPENDENT,
        (
            Line(
                "The tokens of a cycle of any nested draft have the generating function, whose coefficients are their "
                "law,",
                Eq(sympy.Function("phi")(x), x + (x - 1) * gx, evaluate=False),
            ),
            Line(
                "Speculative decoding with {k} tokens has the variance, with T its mean,",
                moment + sympy.Symbol("T") - sympy.Symbol("T") ** 2,
            ),
        ),
        (
            Line("A cycle is a round of the target, so the affine step's identity for {phi} applies to it."),
            Line(
                "The variance is the second derivative at 1, plus the mean, less its square. For {k} leaf tokens the "
                "second derivative is",
                Eq(2 * Sum(i * alpha**i, (i, 0, k)), moment, evaluate=False),
            ),
        ),
        (
            all_hold(
                "The coefficients are the enumerated probabilities.",
                coefficients,
                "SymPy, symbolic acceptances, drafts up to depth 3",
            ),
            all_hold(
                "The variance is the enumerated one.", variances, "SymPy, symbolic acceptances, drafts up to depth 3"
            ),
            by_induction(
                "The closed form of the second derivative is the sum.",
                lambda length: 2 * alpha * mean_yield_slope(alpha, length),
                sympy.Integer(0),
                lambda length: 2 * (length + 1) * alpha ** (length + 1),
                k,
            ),
            equal(
                "It is the second derivative of the generating function at 1.",
                sympy.diff(generating(alpha, k, x), x, 2).subs(x, 1),
                moment,
            ),
        ),
    )


def derivatives() -> Theorem:
    """Derivatives of EWIF in every acceptance and cost."""
    speculative = mean_yield(alpha, k) / (1 + k * c)
    price = 1 + n * c1 + n * k * c2
    inner = generating(beta, k, alpha)
    inner_slope = -(1 - alpha) * alpha * mean_yield_slope(alpha * beta, k)
    in_beta = -alpha * n * phi ** (n - 1) * inner_slope / ((1 - alpha) * price)
    vertical_ewif = vertical_tokens(phi, n) / price
    outer_slope_name = sympy.Symbol("dphi")
    outer_slope = mean_yield(alpha * beta, k) - (1 - alpha) * beta * mean_yield_slope(alpha * beta, k)
    in_alpha = ((1 - phi**n) / (1 - alpha) ** 2 - alpha * n * phi ** (n - 1) * outer_slope_name / (1 - alpha)) / price
    flat_price = 1 + k * c1 + l * c2
    flat_ewif = two_blocks(alpha, alpha2, k, l) / flat_price
    in_first = (mean_yield_slope(alpha, k) + k * alpha ** (k - 1) * (mean_yield(alpha2, l) - 1)) / flat_price
    in_second = alpha**k * mean_yield_slope(alpha2, l) / flat_price
    calls, outer = sympy.symbols("N_d C", positive=True)
    price_d = sympy.Symbol("c_d", nonnegative=True)
    chain = [
        vanishes(
            sympy.diff(affine.gain(steps, "t", pair_alpha), symbol)
            - _gain_slope(steps, "t", symbol, sympy.Integer(1))[1]
        )
        for steps in DRAFTS.values()
        for symbol in sorted(sympy.sympify(affine.gain(steps, "t", pair_alpha)).free_symbols, key=str)
    ]
    return Theorem(
        "derivatives",
        "Derivatives of EWIF",
        "Stated here",
        INDEPENDENT,
        (
            Line(
                "In the cost of drafter d, called N_d times a cycle of cost C,",
                Eq(
                    sympy.Derivative(ewif, price_d),
                    -calls * ewif / outer,
                    evaluate=False,
                ),
            ),
            Line(
                "In an acceptance, which the cost does not hold,",
                Eq(sympy.Derivative(ewif, alpha), sympy.Derivative(g, alpha) / outer, evaluate=False),
            ),
            Line(
                "For speculative decoding,",
                Eq(
                    sympy.Derivative(ewif, alpha),
                    mean_yield_slope(alpha, k) / (1 + k * c),
                    evaluate=False,
                ),
            ),
            Line(
                "For the vertical cascade in the inner acceptance,",
                Eq(sympy.Derivative(ewif, beta), in_beta, evaluate=False),
            ),
            Line(
                "and in the outer one, with {phi} the generating function at {alpha} and dphi its derivative there,",
                Eq(sympy.Derivative(ewif, alpha), in_alpha, evaluate=False),
            ),
            Line("where", Eq(outer_slope_name, outer_slope, evaluate=False)),
            Line(
                "For {k} tokens of one drafter, then {l} of another, in the acceptance of the first,",
                Eq(sympy.Derivative(ewif, alpha), in_first, evaluate=False),
            ),
            Line("and of the second,", Eq(sympy.Derivative(ewif, alpha2), in_second, evaluate=False)),
        ),
        (
            Line(
                "The gain holds no cost and the cost of a cycle no acceptance, so the quotient rule has one term each."
            ),
            Line(
                "In a nested draft the chain rule runs down the affine maps: with dh the derivative of the inner "
                "draft's thinned gain h, A = {alpha} (1 + h) and B = {alpha} + ({alpha} - 1) h give"
            ),
            Line(
                "",
                Eq(
                    sympy.Symbol("dA") + g * sympy.Symbol("dB"),
                    sympy.Symbol("dalpha") * (1 + h) * (1 + g) + (alpha + (alpha - 1) * g) * sympy.Symbol("dh"),
                    evaluate=False,
                ),
            ),
        ),
        (
            equal(
                "Speculative decoding, in alpha.",
                sympy.diff(speculative, alpha),
                mean_yield_slope(alpha, k) / (1 + k * c),
            ),
            equal("Speculative decoding, in c.", sympy.diff(speculative, c), -k * speculative / (1 + k * c)),
            equal("The generating function at alpha, in the inner acceptance.", sympy.diff(inner, beta), inner_slope),
            equal("Vertical cascade, in the inner acceptance.", sympy.diff(vertical_ewif, phi) * inner_slope, in_beta),
            equal("The generating function at alpha, in alpha.", sympy.diff(inner, alpha), outer_slope),
            equal(
                "Vertical cascade, in the outer acceptance.",
                sympy.diff(vertical_ewif, alpha) + sympy.diff(vertical_ewif, phi) * outer_slope_name,
                in_alpha,
            ),
            equal("Horizontal cascade, in the first acceptance.", sympy.diff(flat_ewif, alpha), in_first),
            equal("Horizontal cascade, in the second acceptance.", sympy.diff(flat_ewif, alpha2), in_second),
            equal("Horizontal cascade, in c1.", sympy.diff(flat_ewif, c1), -k * flat_ewif / flat_price),
            equal("Horizontal cascade, in c2.", sympy.diff(flat_ewif, c2), -l * flat_ewif / flat_price),
            equal("Vertical cascade, in c1.", sympy.diff(vertical_ewif, c1), -n * vertical_ewif / price),
            equal("Vertical cascade, in c2.", sympy.diff(vertical_ewif, c2), -n * k * vertical_ewif / price),
            all_hold(
                "The chain rule down the affine maps equals SymPy's derivative of the nested gain.",
                chain,
                "SymPy, every acceptance of drafts up to depth 3",
            ),
        ),
    )


def _gain_slope(
    steps: Sequence[Repeated], reviewer: str, symbol: sympy.Symbol, thinning: Expression, thinning_slope: Expression = 0
) -> tuple[Expression, Expression]:
    """Gain of a draft and its derivative, by the chain rule of the theorem."""
    total, slope = sympy.Integer(0), sympy.Integer(0)
    for step in reversed(steps):
        share = pair_alpha(reviewer, step.by)
        acceptance = thinning * share
        acceptance_slope = thinning_slope * share + (thinning if share == symbol else 0)
        inner, inner_slope = _gain_slope(step.inner, step.by, symbol, acceptance, acceptance_slope)
        for _ in range(step.times):
            through = acceptance + (acceptance - 1) * inner
            slope = (
                acceptance_slope * (1 + inner) * (1 + total)
                + (acceptance + (acceptance - 1) * total) * inner_slope
                + through * slope
            )
            total = acceptance * (1 + inner) + through * total
    return total, slope
