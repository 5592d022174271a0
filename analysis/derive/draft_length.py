"""How a lone drafter's draft depends on its length: survival, one peak of EWIF, and where it is."""

from __future__ import annotations

import math
from fractions import Fraction

import sympy
from scipy.special import lambertw
from sympy import Eq

from analysis.derive.notation import alpha, c, i, k
from analysis.derive.proof import EVERY, Expression, all_hold, by_induction, equal, vanishes
from analysis.derive.speculative import mean_yield
from analysis.derive.theorem import Line, ProofCheck, Theorem


def unimodal() -> Theorem:
    """EWIF has one peak in the length of a lone drafter's draft, whatever its hazards."""
    now, fall, total, length_cost = sympy.symbols("S f T C", nonnegative=True)
    lead = now * length_cost - c * total
    following = (now - fall) * (length_cost + c) - c * (total + now)
    return Theorem(
        "unimodal",
        "One peak in the draft length",
        "Stated here",
        "One drafter drafts all tokens, each at cost {c}; hazards may depend on the position in any way, and may be "
        "averages over prompts of any kind. Reviewing one token more costs nothing more.",
        (Line("As the draft grows, EWIF rises up to some length and never rises after it."),),
        (
            Line(
                "A draft with {T} tokens a cycle at cost {C}, whose next token survives with probability S, gains "
                "from that token if and only if this is positive:",
                lead,
            ),
            Line(
                "Survival never rises along a draft. If it falls by f to the token after, the lead falls by",
                fall * (length_cost + c),
            ),
            Line("so once a further token does not pay, none does later."),
        ),
        (
            equal("The next lead is smaller by f (C + c).", lead - following, fall * (length_cost + c)),
            equal(
                "The lead has the sign of the change of EWIF.",
                (total + now) / (length_cost + c) - total / length_cost,
                lead / (length_cost * (length_cost + c)),
            ),
        ),
    )


def decaying_survival() -> Theorem:
    """Survival of a draft whose hazards decay geometrically."""
    decay = sympy.Symbol("gamma", positive=True)

    def closed(length: Expression) -> Expression:
        return alpha**length * decay ** (length * (length - 1) / 2)

    hazard = alpha * decay**i
    return Theorem(
        "decaying-survival",
        "Survival under decaying hazards",
        "vLLM pull request 38045 (its geometric survival)",
        "The token at position {i}, counted from 0, is accepted with probability {alpha} gamma^{i} if those before it "
        "were; gamma is at most 1.",
        (Line("The first {k} tokens are all accepted with probability", closed(k)),),
        (
            Line("Survival is the product of the hazards,", sympy.Product(hazard, (i, 0, k - 1))),
            Line(
                "and the exponents of gamma add up to",
                Eq(sympy.Sum(i, (i, 0, k - 1)), k * (k - 1) / 2, evaluate=False),
            ),
        ),
        (
            by_induction(
                "The closed form is the product of the hazards: each token multiplies it by its own.",
                closed,
                sympy.Integer(1),
                lambda length: closed(length) * (hazard.subs(i, length) - 1),
                k,
            ),
        ),
    )


def optimal_length() -> Theorem:
    """The best draft length in closed form."""
    w = sympy.Symbol("w", negative=True)
    log = sympy.log(alpha)
    branch = sympy.LambertW(-(alpha ** (1 / c - 1)) / sympy.E, -1)
    lead = alpha ** (k + 1) * (1 + k * c) - c * mean_yield(alpha, k)
    return Theorem(
        "optimal-length",
        "Best draft length",
        "Closed form stated here; Leviathan et al. find it numerically",
        "Speculative decoding with {alpha} in (0, 1) and {c} in (0, {alpha}).",
        (
            Line(
                "EWIF rises up to the real length below and falls after it, so the best whole length is one of its "
                "two neighbours,",
                Eq(sympy.Symbol("khat"), (1 + branch) / log - 1 / c, evaluate=False),
            ),
        ),
        (
            Line(
                "Lengthening the draft by one token changes EWIF with the sign of",
                Eq(sympy.Function("D")(k), lead, evaluate=False),
            ),
            Line(
                "That sign changes once, from plus to minus, since the difference never rises,",
                Eq(
                    sympy.Function("D")(k + 1) - sympy.Function("D")(k),
                    (alpha - 1) * alpha ** (k + 1) * (1 + (k + 1) * c),
                    evaluate=False,
                ),
            ),
            Line(
                "For real {k} the derivative of EWIF has the sign of",
                -log * alpha ** (k + 1) * (1 + k * c) - c * (1 - alpha ** (k + 1)),
            ),
            Line(
                "With w = log({alpha}) ({k} + 1/{c}) - 1 its zero reads w exp(w) = -{alpha}^(1/{c} - 1) / e; the root "
                "with {k} > 0 lies on the lower branch of the Lambert function."
            ),
        ),
        (
            equal(
                "The difference D falls by a factor's worth: D(k+1) - D(k) = (alpha - 1) alpha^(k+1) (1 + (k+1) c).",
                lead.subs(k, k + 1) - lead,
                (alpha - 1) * alpha ** (k + 1) * (1 + (k + 1) * c),
            ),
            equal(
                "D has the sign of the change of EWIF from k to k + 1.",
                mean_yield(alpha, k + 1) / (1 + (k + 1) * c) - mean_yield(alpha, k) / (1 + k * c),
                lead / ((1 + (k + 1) * c) * (1 + k * c)),
            ),
            _stationary(w),
            all_hold(
                "The best whole length is a neighbour of the real length.",
                [_neighbour(Fraction(a, 20), Fraction(b, 40)) for a in range(1, 20) for b in range(1, 2 * a, 3)],
                "exact rationals, full search over k <= 400",
            ),
        ),
    )


def _stationary(w: sympy.Symbol) -> ProofCheck:
    """The derivative vanishes at k*: there alpha^(k+1) = -1/w and 1 + k c = c (1 + w) / log alpha."""
    log = sympy.Symbol("L", negative=True)  # log(alpha)
    length = (1 + w) / log - 1 / c
    power_exponent = sympy.expand(log * (length + 1))  # log of alpha^(k+1)
    lambert = sympy.log(-w) + w + 1 - log * (1 / c - 1)  # zero where w exp(w) = -alpha^(1/c-1) / e
    return all_hold(
        "At the real length the derivative of EWIF is zero.",
        [
            vanishes(power_exponent - (lambert - sympy.log(-w))),
            vanishes(-log * (-1 / w) * (1 + length * c) - c * (1 + 1 / w)),
        ],
        EVERY,
    )


def real_length(acceptance: Fraction, cost: Fraction) -> float:
    """The real draft length at which EWIF peaks, for 0 < cost < acceptance < 1."""
    branch = float(lambertw(-(float(acceptance) ** float(1 / cost - 1)) / math.e, -1).real)
    return (1 + branch) / math.log(acceptance) - float(1 / cost)


def _neighbour(a: Fraction, cost: Fraction) -> bool:
    real = real_length(a, cost)
    best, best_ewif, total, power = 0, Fraction(1), Fraction(1), Fraction(1)
    for length in range(1, 401):
        power *= a
        total += power
        if total / (1 + length * cost) > best_ewif:
            best, best_ewif = length, total / (1 + length * cost)
        elif length > best + 1:  # unimodal by the first two checks
            break
    return real - 1 - 1e-9 <= best <= real + 1 + 1e-9
