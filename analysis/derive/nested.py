"""Drafts of any nesting: the affine algebra, and the closed recursion."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Eq, Sum

from analysis.derive import affine, first_principles
from analysis.derive.affine import Repeated
from analysis.derive.notation import alpha, beta, ewif, g, gx, h, i, k, n, phi, reviewed, x
from analysis.derive.proof import Expression, all_hold, by_induction, equal, vanishes
from analysis.derive.speculative import generating
from analysis.derive.theorem import Line, Theorem
from analysis.derive.vertical import vertical_tokens

INDEPENDENT = (
    "Constant acceptances; whether a token is accepted is independent of how many tokens each inner round yields."
)

DRAFTS: dict[str, tuple[Repeated, ...]] = {
    "d1 x3": (Repeated("d1", 3),),
    "d1 x2, d2 x2": (Repeated("d1", 2), Repeated("d2", 2)),
    "2 rounds of d1 over d2 x2": (Repeated("d1", 2, (Repeated("d2", 2),)),),
    "d1 over d2, then d3 x2": (Repeated("d1", 1, (Repeated("d2", 2),)), Repeated("d3", 2)),
    "d1 over (d2, d3), then d2": (Repeated("d1", 1, (Repeated("d2", 1), Repeated("d3", 1))), Repeated("d2", 1)),
    "d1 over 2 rounds of d2 over d3": (Repeated("d1", 1, (Repeated("d2", 2, (Repeated("d3", 1),)),)),),
    "d2 over d3, then d1 over (d2 over d3, d3)": (
        Repeated("d2", 1, (Repeated("d3", 1),)),
        Repeated("d1", 1, (Repeated("d2", 1, (Repeated("d3", 1),)), Repeated("d3", 1))),
    ),
}
"""Drafts of every kind that first principles can enumerate in symbols: leaves, rounds, mixed, depth up to 3."""


_FIRST, _SECOND = sympy.symbols("A_1 B_1", nonnegative=True), sympy.symbols("A_2 B_2", nonnegative=True)


def pair_alpha(reviewer: str, drafter: str) -> sympy.Symbol:
    """Symbol of an acceptance in the example drafts."""
    return sympy.Symbol(f"a_{reviewer}_{drafter}", positive=True)


def cycle_generating(steps: Sequence[Repeated], at: Expression) -> Expression:
    """Generating function of a cycle's yield: x + (x - 1) g_x."""
    return at + (at - 1) * affine.gain(steps, "t", pair_alpha, at)


def affine_step() -> Theorem:
    """A step is an affine map on the gain."""
    thinned = [
        vanishes(sum(p * x**r for r, p in first_principles.yield_law(steps, "t", pair_alpha).items()) - form)
        for steps in DRAFTS.values()
        for form in [cycle_generating(steps, x)]
    ]
    return Theorem(
        "affine-step",
        "A step is an affine map on the gain",
        "Stated here",
        INDEPENDENT,
        (
            Line(
                "A round whose yield {R} has generating function {phi} at {alpha}, followed by steps of gain {g}, has "
                "gain",
                alpha * (1 - phi) / (1 - alpha) + phi * g,
            ),
            Line(
                "If the round's inner draft has gain {gx} when its reviewer's acceptances (not those of deeper "
                "reviewers) are multiplied by {x}, then",
                Eq(sympy.Function("phi")(x), x + (x - 1) * gx, evaluate=False),
            ),
            Line(
                "so that with {h} the value of {gx} at {x} = {alpha} the round is the map, regular at {alpha} = 1,",
                alpha * (1 + h) + (alpha + (alpha - 1) * h) * g,
            ),
            Line("A leaf token is the round with an empty inner draft,", alpha * (1 + g)),
        ),
        (
            Line(
                "All {R} tokens of the round meet the outer reviewer: its accepted tokens are a geometric sum, and "
                "what follows counts when all are accepted,",
                Sum(alpha**i, (i, 1, reviewed)) + alpha**reviewed * g,
            ),
            Line("Its mean over {R} is the first form. For the second, split a power as"),
            Line("", Eq(x**reviewed, x + (x - 1) * Sum(x**i, (i, 1, reviewed - 1)), evaluate=False)),
            Line(
                "The yield exceeds {i} when the inner reviewer accepts the first {i} tokens, so the mean of the sum "
                "is the expected number of accepted tokens if each passed another, independent test with probability "
                "{x}: the gain {gx}."
            ),
            Line("Setting {x} to {alpha} in the first form divides the factor 1 - {alpha} out."),
        ),
        (
            equal(
                "The two forms of the map agree.",
                (alpha * (1 - phi) / (1 - alpha)).subs(phi, alpha + (alpha - 1) * h),
                alpha * (1 + h),
            ),
            by_induction(
                "The geometric sum is alpha (1 - alpha^R) / (1 - alpha), whose mean is alpha (1 - phi) / (1 - alpha).",
                lambda count: alpha * (1 - alpha**count) / (1 - alpha),
                sympy.Integer(0),
                lambda count: alpha ** (count + 1),
                k,
            ),
            by_induction(
                "The split of a power holds: the powers of x from 1 to R - 1 add up to (x^R - x) / (x - 1).",
                lambda count: (x**count - x) / (x - 1),
                sympy.Integer(0),
                lambda count: x**count,
                reviewed,
                start=1,
            ),
            all_hold(
                "x + (x - 1) g_x is the generating function of the enumerated law of the yield.",
                thinned,
                "SymPy, symbolic acceptances, drafts up to depth 3",
            ),
        ),
    )


def nested() -> Theorem:
    """EWIF of any nested cascade."""
    exact = [
        vanishes(
            first_principles.mean(first_principles.yield_law(steps, "t", pair_alpha))
            - 1
            - affine.gain(steps, "t", pair_alpha)
        )
        for steps in DRAFTS.values()
    ]
    two_level = (Repeated("d1", n, (Repeated("d2", k),)),)
    closed = 1 + affine.gain(two_level, "t", lambda r, d: alpha if r == "t" else beta)
    a, b, inner, s, r = sympy.symbols("a_s B_s g_s s r")
    return Theorem(
        "nested",
        "EWIF of any nested cascade",
        "Stated here; vertical and horizontal cascades are its two simplest cases",
        INDEPENDENT,
        (
            Line(
                "A draft of steps s, each {n} times by its drafter with acceptance a_s over an inner draft of thinned "
                "gain g_s (0 for a leaf), has",
                Eq(b, (a + (a - 1) * inner) ** n, evaluate=False),
            ),
            Line(
                "and the gain, the product running over the steps r before s,",
                Eq(
                    g,
                    Sum(
                        a * (1 - b) / (1 - a) * sympy.Product(sympy.Symbol("B_r"), (r, 1, s - 1)),
                        (s, 1, sympy.Symbol("S")),
                    ),
                    evaluate=False,
                ),
            ),
            Line(
                "With N_d the calls of drafter d in a cycle and c_d their cost,",
                Eq(
                    ewif,
                    (1 + g)
                    / (1 + Sum(sympy.Symbol("N_d") * sympy.Symbol("c_d"), (sympy.Symbol("d"), 1, sympy.Symbol("D")))),
                    evaluate=False,
                ),
            ),
        ),
        (
            Line(
                "The thinned gain g_s is the same formula one level down, its acceptances multiplied by a_s, the "
                "outer acceptance with whatever multiplied it."
            ),
            Line("Steps compose as affine maps; {n} equal maps compose to A (1 - B^{n}) / (1 - B) + B^{n} {g}."),
            Line(
                "So the form holds by induction over the depth: a leaf has no inner draft, and if it holds for an "
                "inner draft with any constant acceptances, thinned ones included, the affine step carries it to the "
                "round over that draft, for every law of its yield, and composition to the draft."
            ),
            Line(
                "A leaf token calls its model once; a round calls its reviewer once and its inner draft's models as "
                "often as that draft says. Calls do not depend on what is accepted."
            ),
        ),
        (
            all_hold(
                "The recursion equals the mean over every outcome of every token at every level.",
                exact,
                "SymPy, symbolic acceptances, drafts up to depth 3",
            ),
            equal(
                "A map before a map is a map: offsets A_1 + B_1 A_2, slopes B_1 B_2.",
                affine.AffineMap(*_FIRST)(affine.AffineMap(*_SECOND)(g)),
                affine.AffineMap(_FIRST[0] + _FIRST[1] * _SECOND[0], _FIRST[1] * _SECOND[1])(g),
            ),
            equal(
                "Two levels with symbolic n and k are the vertical cascade.",
                closed,
                vertical_tokens(generating(beta, k, alpha), n),
            ),
            by_induction(
                "n equal maps compose as stated.",
                lambda count: alpha * (1 - phi**count) / (1 - phi) + phi**count * g,
                g,
                lambda count: phi**count * (alpha + phi * g - g),
                n,
            ),
        ),
    )
