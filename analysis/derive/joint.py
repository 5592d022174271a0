"""The vertical and the horizontal cascade together: their gains at most multiply."""

from __future__ import annotations

import sympy
from sympy import Le

from analysis.derive.notation import alpha, n, phi
from analysis.derive.proof import all_hold, equal, nonnegative_coefficients
from analysis.derive.speculative import mean_yield
from analysis.derive.theorem import Line, Theorem
from analysis.derive.vertical import vertical_tokens


def joint_gain() -> Theorem:
    """The joint gain of a nested and an appended drafter is at most the product of their gains."""
    nested, behind, dearer, longer = sympy.symbols("V H x y", nonnegative=True)
    spare_nested, spare_behind = sympy.symbols("p q", nonnegative=True)
    lead = nested * behind * (1 + dearer + longer) - dearer * longer * (1 + nested + behind)
    product = (1 + nested) * (1 + behind) / ((1 + dearer) * (1 + longer))
    joint = (1 + nested + behind) / (1 + dearer + longer)
    opened = sympy.expand(lead.subs({nested: dearer + spare_nested, behind: longer + spare_behind}))
    return Theorem(
        "joint-gain",
        "Nesting and appending: gains at most multiply",
        "Stated here",
        "{n} tokens of a drafter, T tokens a cycle at cost C, are replaced by as many rounds over an inner draft, "
        "tokens of other drafters are put behind, or both. Constant acceptances and costs. Neither change by itself "
        "lowers EWIF.",
        (
            Line(
                "The factor that both changes gain together is at most the product of the factors of each. With V and "
                "H the tokens that nesting and appending add, over T, and x and y their costs, over C,",
                Le(joint, product, evaluate=False),
            ),
        ),
        (
            Line(
                "Behind rounds the appended tokens are reached with probability {alpha} to the power of the yields, "
                "whose mean is {phi} to the {n}, instead of {alpha} to the {n}. Since {phi} is at most {alpha}, they "
                "add at most as much as behind tokens, so the left side is at least the joint factor."
            ),
            Line("Clearing denominators leaves, to be shown not negative,", lead),
            Line("Neither change lowers EWIF, so V = x + p and H = y + q with p and q not negative:", opened),
        ),
        (
            equal(
                "The product less the left side is the lead over its denominators.",
                product - joint,
                lead / ((1 + dearer) * (1 + longer) * (1 + dearer + longer)),
            ),
            all_hold(
                "The lead has no negative coefficient.",
                [nonnegative_coefficients(opened, dearer, longer, spare_nested, spare_behind)],
                "SymPy, symbolic in every symbol",
            ),
            equal(
                "Tokens that nesting adds: alpha (alpha^n - phi^n) / (1 - alpha).",
                vertical_tokens(phi, n) - mean_yield(alpha, n),
                alpha * (alpha**n - phi**n) / (1 - alpha),
            ),
        ),
    )
