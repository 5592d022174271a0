"""Symbols of the derivations, and how sentences refer to them."""

from __future__ import annotations

import sympy

alpha = sympy.Symbol("alpha", positive=True)
"""Acceptance of the (first) drafter's tokens by the target, in (0, 1]; results extend to 0 by continuity."""
beta = sympy.Symbol("alphaprime", positive=True)
"""Acceptance of the inner drafter's tokens by the drafter that reviews them, in (0, 1]."""
alpha2 = sympy.Symbol("alpha_2", positive=True)
"""Acceptance of a second drafter's tokens by the target, in (0, 1]."""
c = sympy.Symbol("c", nonnegative=True)
"""Cost of a drafter's call over a one-token target call, >= 0."""
c1, c2 = sympy.symbols("c_1 c_2", nonnegative=True)
"""Costs of the first and of the inner (or second) drafter, >= 0."""
k = sympy.Symbol("k", integer=True, nonnegative=True)
"""Tokens of a leaf step."""
l = sympy.Symbol("l", integer=True, nonnegative=True)  # noqa: E741 (the name the formulas print)
"""Tokens of a second leaf step."""
n = sympy.Symbol("n", integer=True, positive=True)
"""Review rounds."""
i = sympy.Symbol("i", integer=True, nonnegative=True)
"""Running index."""
m = sympy.Symbol("m", integer=True, nonnegative=True)
"""Length of a draft."""
x = sympy.Symbol("x", positive=True)
"""Argument of a generating function."""
g = sympy.Symbol("g", nonnegative=True)
"""Gain: expected accepted tokens of what follows."""
gx = sympy.Symbol("g_x", nonnegative=True)
"""Gain of an inner draft with its reviewer's acceptances multiplied by x."""
h = sympy.Symbol("h", nonnegative=True)
"""Gain of an inner draft with its reviewer's acceptances multiplied by alpha: g_x at x = alpha."""
phi = sympy.Symbol("phi", positive=True)
"""Generating function of a round's yield, at the point the text names."""
survival = sympy.Symbol("P", nonnegative=True)
"""P(every token of the draft so far is accepted)."""
tokens = sympy.Symbol("T", positive=True)
"""Expected tokens of a cycle."""
cost = sympy.Symbol("C", positive=True)
"""Expected cost of a cycle in one-token target calls."""
ewif = sympy.Symbol("EWIF", positive=True)
"""Expected walltime improvement factor."""
reviewed = sympy.Symbol("R", integer=True, positive=True)
"""Yield of a round: accepted tokens plus one."""

WORDS = {
    "alpha": alpha,
    "beta": beta,
    "alpha2": alpha2,
    "c": c,
    "c1": c1,
    "c2": c2,
    "k": k,
    "l": l,
    "n": n,
    "i": i,
    "m": m,
    "x": x,
    "g": g,
    "gx": gx,
    "h": h,
    "phi": phi,
    "P": survival,
    "T": tokens,
    "C": cost,
    "R": reviewed,
}
"""What ``{name}`` in a sentence stands for."""
