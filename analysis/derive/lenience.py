"""What lenience of a review does: acceptance never falls, and the law moves by just what is accepted beyond it."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import sympy
from sympy import Eq, Max, Min

from analysis.derive.proof import all_hold, vanishes
from analysis.derive.theorem import Line, Theorem
from analysis.derive.token_law import distance, quarter_laws, review


def lenience_bias() -> Theorem:
    """Lenience shifts the law by the acceptance that it gains."""
    p, q, lenience = sympy.symbols("p_v q_v l", nonnegative=True)
    small, excess, more = sympy.symbols("s d r", nonnegative=True)
    cases = [  # p, q, the accepted mass min(q, l p)
        (small + excess, small, small),
        (small, small + excess, small + excess),
        (small, small * (1 + more) + excess, small * (1 + more)),
    ]
    laws = quarter_laws(3)
    leniences = (Fraction(3, 2), Fraction(4))
    return Theorem(
        "lenience-bias",
        "What lenience does to a review",
        "The lossy variant of Leviathan et al. 2023, appendix A.5; its bias: stated here",
        "Token v of the draft law q is accepted with probability min(1, l p/q), l being at least 1, so that its "
        "accepted mass is m = min(q, l p); otherwise a token is drawn from the normalised max(0, p - m), or from p "
        "where that is zero.",
        (
            Line("Lenience never lowers the acceptance, token by token."),
            Line(
                "The law handed up is at a total variation distance from p that equals the acceptance gained: at the "
                "target, the bias of its text per token. Token v contributes",
                Eq(Max(0, Min(q, lenience * p) - p), Min(q, lenience * p) - Min(q, p), evaluate=False),
            ),
        ),
        (
            Line("The mass min(q, l p) rises with l."),
            Line(
                "Where q exceeds p the residual is zero and the law handed up is m, at least p. Elsewhere m = q and "
                "the residual adds at most p - q, because the rejected mass is no more than without lenience, which is "
                "the sum of p - q over these tokens. So the law exceeds p just where q does, by m - p, and the sum of "
                "what exceeds is the total variation."
            ),
            Line("If nothing is rejected the law handed up is q = m, and the same holds."),
        ),
        (
            all_hold(
                "max(0, m - p) = m - min(q, p), for q below p, from p to l p, and above l p.",
                [vanishes(Max(0, mass - law) - mass + Min(drafted, law)) for law, drafted, mass in cases],
                "SymPy, symbolic probabilities and lenience",
            ),
            all_hold(
                "Every outcome enumerated: the distance of the law handed up is the acceptance gained.",
                [
                    distance(review(law, draft, factor).handed_up, law)
                    == review(law, draft, factor).acceptance - review(law, draft).acceptance
                    for law, draft, factor in product(laws, laws, leniences)
                ],
                "exact rationals, three-token vocabularies in quarters",
            ),
        ),
    )
