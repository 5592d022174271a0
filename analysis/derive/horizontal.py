"""Several drafters in one draft: the horizontal cascade, the order of its steps, and the worth of one more token."""

from __future__ import annotations

import sympy
from sympy import Eq, Product, Sum

from analysis.derive import first_principles
from analysis.derive.affine import AffineMap, Repeated
from analysis.derive.notation import alpha, alpha2, c, c1, c2, cost, ewif, g, k, l, survival, tokens
from analysis.derive.proof import Expression, all_hold, by_induction, equal, vanishes
from analysis.derive.speculative import CS_DRAFTING, mean_yield
from analysis.derive.theorem import Line, Theorem

_index, _inner = sympy.symbols("j i", integer=True, positive=True)
_length = sympy.Symbol("m", integer=True, positive=True)
_acceptances = sympy.Function("alpha")
_costs = sympy.Function("c")


def two_blocks(first: Expression, second: Expression, length: Expression, further: Expression) -> Expression:
    """Tokens per cycle of k tokens with acceptance a, then l with b: the mean yield of k, plus a^k b (1-b^l)/(1-b)."""
    return mean_yield(first, length) + first**length * second * (1 - second**further) / (1 - second)


def _tail_sum(count: int) -> bool:
    """Whether 1 + sum of products equals the mean over every outcome, for `count` different leaf tokens."""
    shares = sympy.symbols(f"a1:{count + 1}", positive=True)
    law = first_principles.yield_law(tuple(Repeated(str(j), 1) for j in range(count)), "t", lambda r, d: shares[int(d)])
    return vanishes(first_principles.mean(law) - 1 - sum(sympy.prod(shares[: j + 1]) for j in range(count)))


def horizontal() -> Theorem:
    """EWIF of the horizontal cascade."""
    product = Product(_acceptances(_inner), (_inner, 1, _index))
    total = 1 + Sum(product, (_index, 1, _length))
    price = 1 + Sum(_costs(_inner), (_inner, 1, _length))
    return Theorem(
        "horizontal",
        "EWIF of the horizontal cascade",
        CS_DRAFTING,
        "The draft holds {m} leaf tokens; the target accepts the i-th with probability alpha(i), whatever came "
        "before, and it cost c(i) to draft.",
        (
            Line("For any drafters in any order", Eq(ewif, total / price, evaluate=False)),
            Line(
                "For {k} tokens of one drafter, then {l} of another,",
                Eq(ewif, two_blocks(alpha, alpha2, k, l) / (1 + k * c1 + l * c2), evaluate=False),
            ),
        ),
        (
            Line("The yield exceeds j when the first j tokens are accepted,", product),
            Line("and a mean is the sum of the tail probabilities,", Eq(tokens, total, evaluate=False)),
            Line("Two geometric sums, the second behind {k} accepted tokens, give the form for two drafters."),
        ),
        (
            equal(
                "A token appended at survival P adds P alpha to the mean yield (so by induction the sum, for every m).",
                survival * alpha * (_length + 2) + survival * (1 - alpha) * (_length + 1) - survival * (_length + 1),
                survival * alpha,
            ),
            all_hold(
                "The sum equals the mean over every outcome.",
                [_tail_sum(count) for count in range(7)],
                "SymPy, symbolic acceptances all different, m = 0..6",
            ),
            by_induction(
                "The form for two drafters is their sum.",
                lambda further: two_blocks(alpha, alpha2, k, further),
                mean_yield(alpha, k),
                lambda further: alpha**k * alpha2 ** (further + 1),
                l,
            ),
        ),
    )


def order() -> Theorem:
    """The best order of the steps of one draft."""
    first, second = sympy.symbols("B_1 B_2", nonnegative=True)
    maps = [AffineMap(share * (1 - slope) / (1 - share), slope) for share, slope in ((alpha, first), (alpha2, second))]
    swap = maps[0](maps[1](g)) - maps[1](maps[0](g))
    factored = (1 - first) * (1 - second) * (alpha - alpha2) / ((1 - alpha) * (1 - alpha2))
    leaf_swap = alpha * (1 + alpha2 * (1 + g)) - alpha2 * (1 + alpha * (1 + g))
    return Theorem(
        "order",
        "Order of the steps",
        "Leaf tokens: CS Drafting, section 4; steps over any inner drafts: stated here",
        "Constant acceptances; every step of one draft, a leaf or rounds over any inner draft, holds tokens that the "
        "draft's reviewer accepts with the acceptance of its drafter. Costs do not depend on the order.",
        (
            Line(
                "For a fixed multiset of steps the order of falling acceptance by the draft's reviewer gives the "
                "draft's greatest gain, and, if the reviewer is the target, the greatest EWIF, whatever the steps cost "
                "and whatever their inner drafts are. Swapping two neighbours changes the gain by",
                factored,
            ),
        ),
        (
            Line(
                "A step with acceptance {alpha} maps the gain {g} of what follows to A + B {g}, where B is the chance "
                "that all its tokens are accepted and A a geometric sum,",
                Eq(sympy.Symbol("A"), alpha * (1 - sympy.Symbol("B")) / (1 - alpha), evaluate=False),
            ),
            Line("The two orders of neighbours differ, and {g} cancels, by", factored),
            Line(
                "so sorting by falling acceptance never lowers the gain. What precedes multiplies the difference by "
                "its survival. Two leaf tokens are the case B = {alpha}, also at acceptance 1,",
                Eq(leaf_swap, alpha - alpha2, evaluate=False),
            ),
        ),
        (
            equal("The difference of the two orders factors as stated.", swap, factored),
            equal("For leaf tokens it is the difference of the acceptances.", leaf_swap, alpha - alpha2),
            equal("A leaf token is the case B = alpha.", alpha * (1 - alpha) / (1 - alpha), alpha),
        ),
    )


def marginal_token() -> Theorem:
    """When one more token pays."""
    longer = (tokens + survival * alpha) / (cost + c)
    return Theorem(
        "marginal-token",
        "Worth of one more token",
        "Stated here (the rule behind any greedy choice of draft lengths)",
        "A draft yields {T} tokens at cost {C} and survives whole with probability {P}. A token with acceptance "
        "{alpha} and cost {c} is appended; reviewing one token more costs nothing more.",
        (
            Line("The longer draft has the greater EWIF if and only if", survival * alpha > c * ewif),
            Line("A free token with {P} {alpha} > 0 always gains."),
        ),
        (
            Line("The longer draft has {P} {alpha} more tokens at {c} more cost,", Eq(ewif, longer, evaluate=False)),
            Line(
                "A ratio rises when the ratio of the additions exceeds it,",
                (survival * alpha - c * ewif) / (cost + c),
            ),
        ),
        (
            equal(
                "The change of EWIF is (P alpha - c EWIF) / (C + c).",
                longer - tokens / cost,
                (survival * alpha - c * tokens / cost) / (cost + c),
            ),
        ),
    )
