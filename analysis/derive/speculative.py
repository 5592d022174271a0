"""One drafter: the law of a round, its generating function, and EWIF."""

from __future__ import annotations

from itertools import product

import sympy
from sympy import Eq, Piecewise, Sum

from analysis.derive import first_principles
from analysis.derive.affine import Repeated
from analysis.derive.notation import alpha, c, ewif, i, k, x
from analysis.derive.proof import Expression, all_hold, by_induction, equal, vanishes
from analysis.derive.theorem import Line, Theorem

IID = "The reviewer accepts each drafted token with probability {alpha}, whatever came before."
LEVIATHAN = "Leviathan et al. 2023, arXiv 2211.17192"
CS_DRAFTING = "Chen et al., CS Drafting, arXiv 2312.11462, section 4"


def generating(acceptance: Expression, length: Expression, at: Expression) -> Expression:
    """Generating function of a round's yield over a leaf draft: 1 + (x - 1)(1 - (a x)^(k+1)) / (1 - a x)."""
    return 1 + (at - 1) * (1 - (acceptance * at) ** (length + 1)) / (1 - acceptance * at)


def mean_yield(acceptance: Expression, length: Expression) -> Expression:
    """Expected yield over a leaf draft: (1 - a^(k+1)) / (1 - a); k + 1 at a = 1."""
    return (1 - acceptance ** (length + 1)) / (1 - acceptance)


def mean_yield_slope(acceptance: Expression, length: Expression) -> Expression:
    """Derivative of the expected yield in a: sum of j a^(j-1) = (1 - (k+1) a^k + k a^(k+1)) / (1 - a)^2."""
    numerator = 1 - (length + 1) * acceptance**length + length * acceptance ** (length + 1)
    return numerator / (1 - acceptance) ** 2


def _law(length: int) -> first_principles.Law:
    return first_principles.yield_law((Repeated("d", length),), "t", lambda r, d: alpha)


def _patterns(length: int) -> dict[int, Expression]:
    """Law of the yield by summing over all 2^k patterns of accepted (1) and rejected (0) tokens."""
    law: dict[int, Expression] = {}
    for pattern in product((1, 0), repeat=length):
        accepted = (*pattern, 0).index(0)
        probability = sympy.Mul(*(alpha if token else 1 - alpha for token in pattern))
        law[accepted + 1] = law.get(accepted + 1, 0) + probability
    return law


def yield_law() -> Theorem:
    """Law of a round's yield over k leaf tokens."""
    law = Piecewise(((1 - alpha) * alpha**i, i < k), (alpha**k, True))
    patterns = [
        vanishes(probability - ((1 - alpha) * alpha ** (count - 1) if count <= length else alpha**length))
        for length in range(7)
        for count, probability in _patterns(length).items()
    ]
    return Theorem(
        "yield-law",
        "Law of a round's yield",
        f"{LEVIATHAN}, section 3.1 (capped geometric law)",
        f"A round drafts {{k}} tokens. {IID}",
        (Line("The yield {R} (accepted tokens plus one) has the law, for {i} from 0 to {k},", _probability(law)),),
        (
            Line(
                "The yield is {i} + 1 with {i} below {k} when {i} tokens are accepted and the next is rejected; the "
                "reviewer's correction is the last token. Acceptances multiply,",
                (1 - alpha) * alpha**i,
            ),
            Line(
                "When all {k} tokens are accepted the reviewer adds a bonus token and the yield is {k} + 1,", alpha**k
            ),
        ),
        (
            by_induction(
                "The probabilities sum to 1.",
                lambda length: 1 - alpha**length + alpha**length,
                sympy.Integer(1),
                lambda length: (1 - alpha) * alpha**length + alpha ** (length + 1) - alpha**length,
                k,
            ),
            all_hold(
                "The law equals the sum over all patterns of accepted and rejected tokens.",
                patterns,
                "SymPy, symbolic alpha, k = 0..6",
            ),
        ),
    )


def _probability(law: Expression) -> Expression:
    return Eq(sympy.Function("P")(sympy.Eq(sympy.Symbol("R"), i + 1, evaluate=False)), law, evaluate=False)


def generating_function() -> Theorem:
    """Generating function of a round's yield."""
    published = generating(alpha, k, x)
    closed_sum = 1 + (x - 1) * Sum((alpha * x) ** i, (i, 0, k))
    coefficients = [
        vanishes(sum(p * x**r for r, p in _law(length).items()) - generating(alpha, sympy.Integer(length), x))
        for length in range(9)
    ]
    phi = sympy.Function("phi")
    return Theorem(
        "generating-function",
        "Generating function of a round's yield",
        CS_DRAFTING,
        f"A round drafts {{k}} tokens. {IID}",
        (Line("The probability generating function of the yield {R} is", Eq(phi(x), published, evaluate=False)),),
        (
            Line(
                "Any power is a telescoping sum, so that the mean of one is a sum of tail probabilities,",
                Eq(x**k, 1 + (x - 1) * Sum(x**i, (i, 0, k - 1)), evaluate=False),
            ),
            Line(
                "The yield exceeds {i} when the first {i} tokens are accepted, with probability {alpha} to the {i}, "
                "for {i} from 0 to {k}. Taking the mean of the identity at the exponent {R},",
                Eq(phi(x), closed_sum, evaluate=False),
            ),
            Line(
                "The geometric sum gives the published form. At {x} = 1 it is 1; at {alpha} {x} = 1 the sum is {k} + 1."
            ),
        ),
        (
            by_induction(
                "The published form is the mean of x^R under the law of the yield.",
                lambda length: generating(alpha, length, x),
                x,
                lambda length: (
                    (1 - alpha) * alpha**length * x ** (length + 1)
                    + alpha ** (length + 1) * x ** (length + 2)
                    - alpha**length * x ** (length + 1)
                ),
                k,
            ),
            all_hold(
                "Its coefficients are the probabilities of the yield.",
                coefficients,
                "SymPy, symbolic alpha and x, k = 0..8",
            ),
        ),
    )


def speculative() -> Theorem:
    """EWIF of speculative decoding."""
    published = mean_yield(alpha, k) / (1 + k * c)
    slope = sympy.diff(generating(alpha, k, x), x).subs(x, 1)
    at_one = [
        sympy.limit(mean_yield(alpha, sympy.Integer(length)), alpha, 1) == length + 1 for length in range(0, 13, 3)
    ]
    return Theorem(
        "speculative",
        "EWIF of speculative decoding",
        f"{LEVIATHAN}, Theorem 3.8",
        f"A drafter of cost {{c}} drafts {{k}} tokens and the target reviews them in one call of cost 1. {IID}",
        (Line("Tokens per cycle over cost per cycle are", Eq(ewif, published, evaluate=False)),),
        (
            Line("Cycles are independent and alike, so by renewal-reward the long-run gain is a ratio of means."),
            Line(
                "The mean yield is the slope of its generating function at 1,",
                Eq(sympy.Symbol("T"), Sum(alpha**i, (i, 0, k)), evaluate=False),
            ),
            Line("which is, and equals {k} + 1 at {alpha} = 1,", mean_yield(alpha, k)),
            Line("The cycle costs {k} drafter calls and one target call,", Eq(sympy.Symbol("C"), 1 + k * c)),
        ),
        (
            equal("The slope of the generating function at 1 is the mean yield.", slope, mean_yield(alpha, k)),
            by_induction(
                "The closed form is the geometric sum.",
                lambda length: mean_yield(alpha, length),
                sympy.Integer(1),
                lambda length: alpha ** (length + 1),
                k,
            ),
            all_hold("At alpha = 1 the mean yield is k + 1.", at_one, "SymPy limit, k = 0, 3, .., 12"),
        ),
    )


def gain_condition() -> Theorem:
    """Some draft length gains if and only if alpha > c."""
    shortfall = 1 + k * c - mean_yield(alpha, k)
    spare = sympy.Symbol("s", nonnegative=True)
    return Theorem(
        "gain-condition",
        "When speculative decoding can gain",
        f"{LEVIATHAN}, Corollary 3.9",
        f"As in speculative decoding, with {{alpha}} below 1. {IID}",
        (Line("Some {k} has EWIF above 1 if and only if", alpha > c),),
        (
            Line(
                "If {alpha} exceeds {c}, one drafted token gains already,",
                Eq(ewif - 1, (alpha - c) / (1 + c), evaluate=False),
            ),
            Line(
                "If not, the cost grows at least as fast as the tokens: each further token adds {c} to the cost and a "
                "power of {alpha}, at most {alpha}, to the tokens,",
                Eq(sympy.Symbol("C") - sympy.Symbol("T"), Sum(c - alpha**i, (i, 1, k)), evaluate=False),
            ),
        ),
        (
            equal("One token changes EWIF by (alpha - c) / (1 + c).", (1 + alpha) / (1 + c) - 1, (alpha - c) / (1 + c)),
            by_induction(
                "Cost minus tokens is the sum of c - alpha^i.",
                lambda length: shortfall.subs(k, length),
                sympy.Integer(0),
                lambda length: c - alpha ** (length + 1),
                k,
            ),
            equal(
                "With c = alpha + s each summand is s + alpha (1 - alpha^(i-1)), which is not negative.",
                (c - alpha ** (i + 1)).subs(c, alpha + spare),
                spare + alpha * (1 - alpha**i),
            ),
        ),
    )
