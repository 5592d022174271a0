"""Limits: what any draft, deeper nesting or a further drafter can gain at most."""

from __future__ import annotations

import sympy
from sympy import Eq, Le

from analysis.derive.notation import alpha, c, ewif, g, k, survival
from analysis.derive.proof import equal
from analysis.derive.speculative import generating, mean_yield
from analysis.derive.theorem import Line, Theorem
from analysis.derive.vertical import vertical_tokens


def ceiling() -> Theorem:
    """EWIF is at most 1 / (1 - greatest acceptance by the target)."""
    slope, top, short = sympy.symbols("B M d", nonnegative=True)
    best = top / (1 - top)
    after = best - (alpha * (1 - slope) / (1 - alpha) + slope * best)
    small = sympy.Symbol("e", positive=True)
    return Theorem(
        "ceiling",
        "Ceiling of EWIF",
        "Stated here",
        "Every token is accepted with probability at most M < 1 given that those before it were, whatever drafts, "
        "inner reviews and rules for stopping produced it. Drafting costs at least nothing and the target's review at "
        "least 1.",
        (
            Line("For every cascade", Le(ewif, 1 / (1 - sympy.Symbol("M")))),
            Line(
                "and a lone drafter with acceptance M comes arbitrarily near as its cost vanishes and its draft grows."
            ),
        ),
        (
            Line(
                "The chance of at least j accepted tokens is at most M to the j, so a cycle yields at most the "
                "geometric series, at a cost of at least 1."
            ),
            Line(
                "In the affine algebra: a step with acceptance M - d, in front of a gain within the bound, leaves the "
                "distance",
                Eq(best - sympy.Symbol("g"), (1 - slope) * short / ((1 - top) * (1 - top + short))),
            ),
            Line(
                "which is not negative, so the bound M / (1 - M) on the gain passes from each step to the one before "
                "it."
            ),
        ),
        (
            equal(
                "The distance to the bound after a step is (1 - B) d / ((1 - M)(1 - M + d)).",
                after.subs(alpha, top - short),
                (1 - slope) * short / ((1 - top) * (1 - top + short)),
            ),
            equal(
                "With cost c = e / k the lone drafter has EWIF (1 - M^(k+1)) / ((1 - M)(1 + e)), which tends to the "
                "bound.",
                mean_yield(top, k) / (1 + k * (small / k)),
                (1 - top ** (k + 1)) / ((1 - top) * (1 + small)),
            ),
        ),
    )


def nesting_gain() -> Theorem:
    """What nesting, to any depth, can gain over a drafter drafting by itself."""
    bound = 1 / ((1 - alpha) * (1 + c))
    flat = mean_yield(alpha, k) / (1 + k * c)
    perfect = vertical_tokens(generating(sympy.Integer(1), k, alpha), sympy.Integer(1)) / (1 + c)
    return Theorem(
        "nesting-gain",
        "What nesting can gain at most",
        "Stated here",
        "All steps of the target's draft are by one drafter with acceptance {alpha} < 1 and cost {c}; they may be "
        "leaves or rounds over inner drafts of any depth, any models and any cost. Calls cost the same whatever their "
        "length.",
        (
            Line("Every such cascade has", Le(ewif, bound)),
            Line(
                "so the factor over {k} tokens that the drafter drafts by itself is at most",
                (1 + k * c) / ((1 + c) * (1 - alpha ** (k + 1))),
            ),
            Line("and, whatever the cost, over a single token at most", 1 / (1 - alpha**2)),
            Line(
                "Both are approached by one round over a long draft of a free inner drafter that is nearly always "
                "right. No constant bounds the factor for every {alpha}, not even over the best {k}."
            ),
        ),
        (
            Line("A draft that is not empty calls the drafter at least once, so the cycle costs at least 1 + {c}."),
            Line("Its tokens are within the ceiling 1 / (1 - {alpha})."),
            Line(
                "With a perfect free inner drafter, one round over {k} of its tokens yields",
                Eq(ewif, perfect, evaluate=False),
            ),
            Line(
                "At fixed {c} > 0 the best flat draft has EWIF below 1 + 1/{c} for every {alpha}, since {k} + 1 "
                "tokens cost 1 + {k}{c}; the bound grows without limit as {alpha} tends to 1."
            ),
        ),
        (
            equal(
                "The factor is the bound over the flat EWIF.",
                bound / flat,
                (1 + k * c) / ((1 + c) * (1 - alpha ** (k + 1))),
            ),
            equal("At k = 1 it is 1 / (1 - alpha^2).", bound / flat.subs(k, 1), 1 / (1 - alpha**2)),
            equal(
                "One round over k perfect free tokens misses the bound by a factor 1 - alpha^(k+2).",
                perfect,
                bound * (1 - alpha ** (k + 2)),
            ),
            equal(
                "(1 + 1/c) - (k + 1) / (1 + k c) = (1 + k c^2) / (c (1 + k c)), which is positive.",
                1 + 1 / c - (k + 1) / (1 + k * c),
                (1 + k * c**2) / (c * (1 + k * c)),
            ),
        ),
    )


def useless_drafter() -> Theorem:
    """A further drafter whose acceptance is at most its cost times the EWIF without it adds nothing as a leaf."""
    removed = survival * (alpha * (1 + g) - g)
    return Theorem(
        "useless-drafter",
        "When a further drafter is useless as a leaf",
        "Stated here",
        "E is the best EWIF of drafts without a certain drafter, whose acceptance by the target is {alpha} and whose "
        "cost is {c}. Constant acceptances and costs, whatever the length of a call.",
        (
            Line(
                "Leaf tokens of that drafter in the target's draft cannot raise the best EWIF if",
                Le(alpha, c * sympy.Symbol("E")),
            ),
            Line(
                "They do raise it if, P being the survival of a best draft without them,",
                sympy.Gt(survival * alpha, c * sympy.Symbol("E")),
            ),
        ),
        (
            Line(
                "Take away one such token, with survival {P} before it and gain {g} behind it. The gain falls by",
                removed,
            ),
            Line("which is at most {P} {alpha}, hence at most {alpha}, while the cost falls by {c}."),
            Line(
                "Tokens less E times cost therefore never fall, and when the last such token is gone they are at most "
                "0, since E was best without them. So they were at most 0 before: EWIF was at most E."
            ),
            Line("The second condition is the marginal rule for a token appended to a best draft."),
        ),
        (
            equal(
                "P alpha exceeds the fall by P (1 - alpha) g.", survival * alpha - removed, survival * (1 - alpha) * g
            ),
        ),
    )
