"""Two nested drafters: the vertical cascade, when it gains, and at which cost of the inner drafter it breaks even."""

from __future__ import annotations

import sympy
from sympy import Eq, Sum

from analysis.derive import first_principles
from analysis.derive.affine import Repeated
from analysis.derive.notation import alpha, beta, c1, c2, ewif, i, k, n, phi
from analysis.derive.proof import Expression, all_hold, by_induction, equal, vanishes
from analysis.derive.speculative import CS_DRAFTING, generating, mean_yield
from analysis.derive.theorem import Line, Theorem

SETTING = (
    "The first drafter (cost {c1}) reviews {k} tokens of the inner drafter (cost {c2}) with acceptance {beta} and "
    "does so {n} times a cycle; the target accepts each token of the first drafter with probability {alpha}, "
    "independently of how many tokens each round yields. Nothing else is drafted, and calls cost the same whatever "
    "their length."
)


def vertical_tokens(generating_value: Expression, rounds: Expression) -> Expression:
    """Tokens per cycle of n rounds whose yield's generating function is phi at alpha: (1 - a phi^n) / (1 - a)."""
    return (1 - alpha * generating_value**rounds) / (1 - alpha)


def break_even_cost(generating_value: Expression) -> Expression:
    """The c2 at which n rounds equal n autoregressive tokens of the first drafter."""
    return (1 + n * c1) * alpha * (alpha**n - generating_value**n) / (n * k * (1 - alpha ** (n + 1)))


def _law(length: int, rounds: int) -> first_principles.Law:
    steps = (Repeated("d1", rounds, (Repeated("d2", length),)),)
    return first_principles.yield_law(steps, "t", lambda r, d: alpha if r == "t" else beta)


def vertical() -> Theorem:
    """EWIF of the vertical cascade."""
    inner = generating(beta, k, alpha)
    form = vertical_tokens(phi, n) / (1 + n * c1 + n * k * c2)
    enumerated = [
        vanishes(
            first_principles.mean(_law(length, rounds))
            - vertical_tokens(generating(beta, sympy.Integer(length), alpha), sympy.Integer(rounds))
        )
        for length in range(1, 4)
        for rounds in range(1, 4)
    ]
    handed_up = sympy.Symbol("S")
    return Theorem(
        "vertical",
        "EWIF of the vertical cascade",
        CS_DRAFTING,
        SETTING,
        (
            Line("With {phi} the generating function of a round's yield at {alpha},", Eq(phi, inner, evaluate=False)),
            Line("the vertical cascade has", Eq(ewif, form, evaluate=False)),
        ),
        (
            Line(
                "A cycle hands S tokens to the target, the sum of {n} independent yields. Given S, the target's mean "
                "yield is the geometric sum",
                Eq(sympy.Symbol("T"), (1 - alpha ** (handed_up + 1)) / (1 - alpha)),
            ),
            Line(
                "The mean of {alpha} to the power S is the product of the {n} generating functions at {alpha}, and "
                "the mean of the sum is",
                Eq(sympy.Symbol("T"), vertical_tokens(phi, n), evaluate=False),
            ),
            Line(
                "Each round costs one call of the first and {k} of the inner drafter,",
                Eq(sympy.Symbol("C"), 1 + n * c1 + n * k * c2),
            ),
        ),
        (
            by_induction(
                "Prepending a round turns accepted tokens g into A + phi g with A = alpha (1 - phi) / (1 - alpha).",
                lambda rounds: vertical_tokens(phi, rounds) - 1,
                alpha * (1 - phi) / (1 - alpha),
                lambda rounds: alpha * (1 - phi) / (1 - alpha) + (phi - 1) * (vertical_tokens(phi, rounds) - 1),
                n,
                start=1,
            ),
            all_hold(
                "The form equals the mean over every outcome of every token.",
                enumerated,
                "SymPy, symbolic acceptances, k = 1..3, n = 1..3",
            ),
        ),
    )


def free_inner_drafter() -> Theorem:
    """A free inner drafter always gains."""
    inner = generating(beta, k, alpha)
    geometric = alpha * beta * (1 - (alpha * beta) ** k) / (1 - alpha * beta)
    at_one = [
        vanishes(
            sympy.limit(
                sympy.cancel(
                    alpha * (alpha**rounds - generating(beta, sympy.Integer(length), alpha) ** rounds) / (1 - alpha)
                ),
                alpha,
                1,
            )
            - rounds * sum(beta**j for j in range(1, length + 1))
        )
        for length in range(1, 4)
        for rounds in range(1, 4)
    ]
    return Theorem(
        "free-inner-drafter",
        "A free inner drafter gains",
        f"{CS_DRAFTING}; extended here to acceptance 1",
        f"{SETTING} The inner drafter costs nothing.",
        (
            Line("For {alpha} in (0, 1), {beta} > 0 and {k} > 0,", phi < alpha),
            Line(
                "so {n} rounds beat {n} autoregressive tokens of the first drafter, which cost the same. They do at "
                "{alpha} = 1 as well, where both sides of the inequality are 1."
            ),
        ),
        (
            Line(
                "The generating function splits off the certain first token,",
                Eq(phi, alpha - (1 - alpha) * Sum((alpha * beta) ** i, (i, 1, k)), evaluate=False),
            ),
            Line(
                "Autoregressive drafting is the same formula with {phi} = {alpha}. The difference in tokens per cycle "
                "is",
                alpha * (alpha**n - phi**n) / (1 - alpha),
            ),
            Line(
                "which is positive, and tends at {alpha} = 1 to the tokens that the inner drafter adds,",
                n * Sum(beta**i, (i, 1, k)),
            ),
        ),
        (
            equal("phi - alpha = -(1 - alpha) times a sum of positive terms.", inner - alpha, -(1 - alpha) * geometric),
            equal(
                "The difference in tokens is alpha (alpha^n - phi^n) / (1 - alpha).",
                vertical_tokens(phi, n) - mean_yield(alpha, n),
                alpha * (alpha**n - phi**n) / (1 - alpha),
            ),
            all_hold("Its limit at alpha = 1 is the sum above.", at_one, "SymPy limit, k = 1..3, n = 1..3"),
        ),
    )


def break_even() -> Theorem:
    """Cost of the inner drafter at which the vertical cascade breaks even."""
    baseline = sympy.Symbol("E", positive=True)
    vertical_ewif = vertical_tokens(phi, n) / (1 + n * c1 + n * k * c2)
    plain = mean_yield(alpha, n) / (1 + n * c1)
    [solved] = sympy.solve(sympy.numer(sympy.together(vertical_ewif - plain)), c2)
    [general] = sympy.solve(sympy.numer(sympy.together(vertical_ewif - baseline)), c2)
    against_any = (vertical_tokens(phi, n) / baseline - 1 - n * c1) / (n * k)
    at_one = [
        vanishes(
            sympy.limit(
                sympy.cancel(
                    break_even_cost(phi)
                    .subs({n: rounds, k: length})
                    .subs(phi, generating(beta, sympy.Integer(length), alpha))
                ),
                alpha,
                1,
            )
            - (1 + rounds * c1) * sum(beta**j for j in range(1, length + 1)) / (length * (rounds + 1))
        )
        for length in range(1, 4)
        for rounds in range(1, 4)
    ]
    star = sympy.Symbol("chat_2")
    return Theorem(
        "break-even",
        "Break-even cost of the inner drafter",
        "Stated here",
        SETTING,
        (
            Line(
                "The vertical cascade beats {n} autoregressive tokens of the first drafter if and only if {c2} is "
                "below",
                Eq(star, break_even_cost(phi), evaluate=False),
            ),
            Line(
                "and beats any cascade whose EWIF is E if and only if {c2} is below",
                Eq(star, against_any, evaluate=False),
            ),
        ),
        (
            Line(
                "EWIF falls in {c2}. Setting it equal to that of {n} autoregressive tokens,",
                Eq(vertical_ewif, plain, evaluate=False),
            ),
            Line(
                "and solving the equation, linear in {c2}, gives the first form. At {alpha} = 1 it has the limit",
                Eq(star, (1 + n * c1) * Sum(beta**i, (i, 1, k)) / (k * (n + 1)), evaluate=False),
            ),
        ),
        (
            equal("SymPy's solution of the equation is the closed form.", solved, break_even_cost(phi)),
            equal("SymPy's solution for any baseline is the second form.", general, against_any),
            equal(
                "EWIF minus the baseline has the sign of its break-even cost less c2.",
                vertical_ewif - plain,
                (break_even_cost(phi) - c2) * n * k * plain / (1 + n * c1 + n * k * c2),
            ),
            all_hold("The limit at alpha = 1 is as stated.", at_one, "SymPy limit, k = 1..3, n = 1..3"),
        ),
    )
