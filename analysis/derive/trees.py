"""Several candidates for one place: two in turn, and trees of drafted tokens."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any, TypeAlias

import sympy
from sympy import Eq

from analysis.derive.notation import alpha, tokens
from analysis.derive.proof import Expression, all_hold, equal, vanishes
from analysis.derive.theorem import Line, Theorem
from analysis.derive.token_law import TokenLaw, quarter_laws, review

Tree: TypeAlias = tuple[tuple[Any, Any], ...]
"""Children as (acceptance given that the path to the parent is accepted, their own children)."""


def two_candidates_review(reviewer: TokenLaw, draft: TokenLaw) -> tuple[Fraction, TokenLaw]:
    """Acceptance of one of two independent candidates of law `draft` tried in turn, and the law of the token written.

    The second is reviewed with the residual of the first as the reviewer's law.
    """
    first = review(reviewer, draft)
    second = review(first.residual, draft)
    rejected = 1 - first.acceptance
    written = tuple(
        share * accept + rejected * after
        for share, accept, after in zip(draft, first.accept, second.handed_up, strict=True)
    )
    return first.acceptance + rejected * second.acceptance, written


def two_candidates() -> Theorem:
    """Two candidates are accepted at least as often as one, and lose nothing."""
    again = sympy.Symbol("a", nonnegative=True)
    laws = quarter_laws(3)
    return Theorem(
        "two-candidates",
        "Two candidates for one place",
        "SpecInfer (Miao et al. 2023), multi-step speculative sampling",
        "Two tokens are drawn independently from the draft law. The first is reviewed without loss; if it is rejected, "
        "the second is reviewed with the residual of the first as the reviewer's law. The first is accepted with "
        "probability {alpha}, the second after a rejection with probability $a$.",
        (
            Line("One of them is accepted with probability", alpha + (1 - alpha) * again),
            Line("which is at least that of one candidate, and the law of the token written is the reviewer's own."),
        ),
        (
            Line(
                "What the first review needs of its correction is that it has the residual's law, and a lossless "
                "review of the second candidate by that law hands up just that."
            ),
        ),
        (
            equal(
                "The gain is (1 - alpha) a, which is not negative.",
                alpha + (1 - alpha) * again - alpha,
                (1 - alpha) * again,
            ),
            all_hold(
                "Every outcome enumerated: at least the acceptance of one, and the reviewer's law.",
                [
                    two_candidates_review(law, draft)[0] >= review(law, draft).acceptance
                    and two_candidates_review(law, draft)[1] == law
                    for law, draft in product(laws, repeat=2)
                ],
                "exact rationals, three-token vocabularies in quarters",
            ),
        ),
    )


def path_products(tree: Tree, before: Expression = 1) -> Expression:
    """Sum over the nodes of the product of the acceptances on their path."""
    return sum(before * share + path_products(below, before * share) for share, below in tree)


def accepted_depth(tree: Tree, depth: int = 0, mass: Expression = 1) -> Expression:
    """Mean length of the accepted path, outcome by outcome: it goes on to one child, or ends."""
    ends = mass * (1 - sum(share for share, _ in tree))
    return depth * ends + sum(accepted_depth(below, depth + 1, mass * share) for share, below in tree)


def chain(shares: Sequence[Expression]) -> Tree:
    """A tree without branches."""
    return ((shares[0], chain(shares[1:])),) if shares else ()


def _trees() -> list[Tree]:
    a, b, c, d, e = sympy.symbols("a1:6", nonnegative=True)
    return [
        ((a, ()),),
        chain((a, b, c, d)),
        ((a, ()), (b, ()), (c, ())),
        ((a, ((b, ()), (c, ()))), (d, ((e, ()),))),
        ((a, ((b, ((c, ()), (d, ()))),)), (e, ())),
    ]


def tree_gain() -> Theorem:
    """A tree's gain is the sum of its path products."""
    above, below = sympy.symbols("b d", nonnegative=True)
    node = sympy.Symbol("v", integer=True)
    return Theorem(
        "tree-gain",
        "Gain of a tree of drafted tokens",
        "Used by SpecInfer (Miao et al. 2023) and Sequoia (Chen et al. 2024)",
        "The draft is a tree of V nodes. Given that the path to a node is accepted, at most one of its children is, "
        "child v with probability a_v; the longest accepted path and one more token are written.",
        (
            Line(
                "The tokens of a cycle are, with pi(v) the product of the acceptances along the path to v,",
                Eq(tokens, 1 + sympy.Sum(sympy.Function("pi")(node), (node, 1, sympy.Symbol("V"))), evaluate=False),
            ),
            Line(
                "A chain is the horizontal cascade. A further node that leaves the others as they are never lowers it."
            ),
        ),
        (
            Line("The accepted path is as long as it has nodes, and node v lies on it with probability pi(v)."),
            Line("Means add up, and every term is a product of probabilities."),
        ),
        (
            all_hold(
                "The mean length of the accepted path, outcome by outcome, is the sum of path products.",
                [vanishes(accepted_depth(tree) - path_products(tree)) for tree in _trees()],
                "SymPy, symbolic acceptances, trees of up to 5 nodes",
            ),
            equal(
                "A node below v adds pi(v) times its acceptance.",
                path_products(((above, ((below, ()),)),)) - path_products(((above, ()),)),
                above * below,
            ),
            all_hold(
                "A chain has the horizontal cascade's sum of products.",
                [
                    vanishes(path_products(chain(shares)) - sum(sympy.prod(shares[: j + 1]) for j in range(count)))
                    for count in range(1, 5)
                    for shares in [sympy.symbols(f"a1:{count + 1}")]
                ],
                "SymPy, 1 to 4 tokens",
            ),
        ),
    )
