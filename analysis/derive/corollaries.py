"""Corollaries of speculative decoding that Leviathan et al. publish: overlap, size of the gain, operations, reads."""

from __future__ import annotations

from itertools import product

import sympy
from sympy import Abs, Eq, Ge, Min, Sum

from analysis.derive.notation import alpha, c, ewif, k
from analysis.derive.proof import all_hold, equal, vanishes
from analysis.derive.speculative import IID, LEVIATHAN, mean_yield
from analysis.derive.theorem import Line, Theorem
from analysis.derive.token_law import distance, quarter_laws, review


def acceptance_overlap() -> Theorem:
    """The acceptance is the overlap of the two laws: 1 less their total variation."""
    small, excess = sympy.symbols("s d", nonnegative=True)
    p, q = sympy.Function("p"), sympy.Function("q")
    v = sympy.Symbol("v", integer=True)
    size = sympy.Symbol("V", integer=True, positive=True)

    def halved(first: sympy.Expr, second: sympy.Expr) -> bool:
        return vanishes(Min(first, second) - (first + second - Abs(first - second)) / 2)

    laws = quarter_laws(3)
    return Theorem(
        "acceptance-overlap",
        "Acceptance as overlap",
        f"{LEVIATHAN}, Corollary 3.6",
        "A token v of the draft law q is accepted by a reviewer of law p with probability min(1, p/q), over a "
        "vocabulary of V tokens.",
        (
            Line("It is accepted with probability", Eq(alpha, Sum(Min(p(v), q(v)), (v, 1, size)), evaluate=False)),
            Line("which is 1 less the total variation distance,", 1 - Sum(Abs(p(v) - q(v)), (v, 1, size)) / 2),
        ),
        (
            Line("Token v is drafted and accepted with probability", Min(p(v), q(v))),
            Line("The smaller of two numbers is half of their sum less their distance, and both laws sum to 1."),
        ),
        (
            all_hold(
                "min(p, q) is half of p + q less their distance, both where p = q + d and where q = p + d.",
                [halved(small + excess, small), halved(small, small + excess)],
                "SymPy, symbolic probabilities",
            ),
            all_hold(
                "Every outcome enumerated is accepted as often as 1 less the total variation says.",
                [review(law, draft).acceptance == 1 - distance(law, draft) for law, draft in product(laws, repeat=2)],
                "exact rationals, three-token vocabularies in quarters",
            ),
        ),
    )


def gain_size() -> Theorem:
    """Where alpha exceeds c, some length gains at least (1 + alpha) / (1 + c)."""
    return Theorem(
        "gain-size",
        "Least gain of the best draft length",
        f"{LEVIATHAN}, Corollary 3.9",
        f"A lone drafter of cost {{c}}, all calls at a constant cost. {IID}",
        (
            Line(
                "The best {k} has at least the EWIF of a single token, which exceeds 1 where {alpha} exceeds {c},",
                Ge(ewif, (1 + alpha) / (1 + c)),
            ),
        ),
        (Line("A single token yields 1 + {alpha} tokens at cost 1 + {c}; the best length is no worse than 1."),),
        (
            equal(
                "The closed form at k = 1 is (1 + alpha) / (1 + c).",
                mean_yield(alpha, sympy.Integer(1)) / (1 + c),
                (1 + alpha) / (1 + c),
            ),
            equal("It exceeds 1 by (alpha - c) / (1 + c).", (1 + alpha) / (1 + c) - 1, (alpha - c) / (1 + c)),
        ),
    )


def operations() -> Theorem:
    """Arithmetic per token: every drafted token is computed by both models, used or not."""
    form = (1 - alpha) * (k * c + k + 1) / (1 - alpha ** (k + 1))
    return Theorem(
        "operations",
        "Operations per token",
        f"{LEVIATHAN}, Theorem 3.11",
        f"A drafter takes {{c}} times the target's operations per token and drafts {{k}} tokens; the target computes "
        f"all of them and one more. {IID}",
        (
            Line(
                "Operations per token, over those of the target by itself, are",
                Eq(sympy.Symbol("O"), form, evaluate=False),
            ),
            Line("and equal 1 / EWIF if a call of the target on q tokens takes q times as long as on one."),
        ),
        (
            Line("A cycle takes {k} {c} operations of the drafter and {k} + 1 of the target, in units of one token."),
            Line("It yields, in the mean,", mean_yield(alpha, k)),
        ),
        (
            equal("Operations over tokens are the stated form.", (k * c + k + 1) / mean_yield(alpha, k), form),
            equal(
                "With the target's call at cost k + 1 the cycle costs k c + k + 1, so EWIF is its inverse.",
                mean_yield(alpha, k) / ((k + 1) + k * c),
                1 / form,
            ),
        ),
    )


def target_reads() -> Theorem:
    """The target's weights are read once a cycle."""
    return Theorem(
        "target-reads",
        "Reads of the target per token",
        f"{LEVIATHAN}, section 3.3 (memory accesses)",
        "Any cascade; one call of the target, whatever its length, reads its weights once.",
        (
            Line("The target is read per token", 1 / sympy.Symbol("T")),
            Line("times, with {T} the mean tokens of a cycle; for {k} tokens of one drafter of acceptance {alpha},"),
            Line("", Eq(1 / sympy.Symbol("T"), (1 - alpha) / (1 - alpha ** (k + 1)), evaluate=False)),
        ),
        (Line("A cycle holds one call of the target, and cycles are alike: reads over tokens is a ratio of means."),),
        (
            equal(
                "For one drafter it is the inverse of the mean yield.",
                1 / mean_yield(alpha, k),
                (1 - alpha) / (1 - alpha ** (k + 1)),
            ),
        ),
    )
