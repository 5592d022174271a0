"""What a lossless inner review leaves unchanged."""

from __future__ import annotations

from itertools import product

import sympy
from sympy import Eq, Max, Min

from analysis.derive.proof import Expression, all_hold, vanishes
from analysis.derive.theorem import Line, Theorem
from analysis.derive.token_law import handed_up_sequences, mean_tokens, quarter_laws, review


def _pointwise(reviewer: Expression, draft: Expression) -> bool:
    return vanishes(Min(reviewer, draft) + Max(0, reviewer - draft) - reviewer)


def lossless_review() -> Theorem:
    """A lossless review hands up tokens with the reviewer's own law."""
    small, excess = sympy.symbols("s d", nonnegative=True)
    p, q = sympy.symbols("p_v q_v", nonnegative=True)
    laws = quarter_laws(3)
    return Theorem(
        "lossless-review",
        "What a lossless inner review leaves unchanged",
        "Law of a token: Leviathan et al. 2023, appendix A.1; length of the draft: stated here",
        "A token drawn from the draft law q is accepted by a reviewer of law p with probability min(1, p/q), and "
        "otherwise replaced by one from the normalised residual max(0, p - q).",
        (
            Line(
                "The token v handed up has the reviewer's law, for any vocabulary and any q,",
                Eq(Min(p, q) + Max(0, p - q), p, evaluate=False),
            ),
            Line(
                "So {n} rounds over any inner draft give the target at least as many tokens as {n} autoregressive "
                "tokens of the reviewer, whether or not acceptance depends on the yields."
            ),
        ),
        (
            Line("A token v is drafted and accepted with probability", Min(p, q)),
            Line(
                "The residual's mass is 1 less the sum of these, which is the probability of a rejection, so v is the "
                "correction with probability",
                Max(0, p - q),
            ),
            Line("The two add up to p. Given what was handed up before, the next token always has law p."),
            Line(
                "{n} rounds hand up at least {n} tokens, and the first {n} have the law of {n} autoregressive ones, "
                "so the target accepts as many of them; further tokens only add."
            ),
        ),
        (
            all_hold(
                "min(p, q) + max(0, p - q) = p, both where p = q + d and where q = p + d.",
                [_pointwise(small + excess, small), _pointwise(small, small + excess)],
                "SymPy, symbolic probabilities",
            ),
            all_hold(
                "Every outcome enumerated gives the reviewer's law.",
                [review(law, draft).handed_up == law for law, draft in product(laws, repeat=2)],
                "exact rationals, three-token vocabularies in quarters",
            ),
            all_hold(
                "Rounds over an inner draft never yield fewer tokens than autoregressive drafting.",
                [
                    mean_tokens(target, middle, handed_up_sequences(middle, inner, 1, 2))
                    >= mean_tokens(target, middle, handed_up_sequences(middle, inner, 0, 2))
                    for target, middle, inner in product(laws[::2], repeat=3)
                ],
                "exact rationals, three-token vocabularies in quarters, 2 rounds over 1 token",
            ),
        ),
    )
