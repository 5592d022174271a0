"""EWIF formulas of the papers in floating point: constant acceptance, constant costs, no nesting beyond one level.

`analysis.theory.exact` evaluates any cascade; these are what the papers print, kept as a further witness and for
reading. Costs are in one-token target calls. All are regular at alpha = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def expected_accepted(alpha: float, k: int) -> float:
    """Expected accepted tokens of k drafted ones, alpha + ... + alpha^k = alpha (1 - alpha^k) / (1 - alpha).

    From alpha = 1/2 on, 1 - alpha is exact, and 1 - alpha^k is taken from it without cancellation.

    Args:
        alpha: Acceptance, in [0, 1].
        k: Drafted tokens, >= 0; the limit at alpha = 1 is k.
    """
    if alpha == 1:
        return float(k)
    rest = 1 - alpha
    lost = -math.expm1(k * math.log1p(-rest)) if alpha >= 0.5 else 1 - alpha**k
    return alpha * lost / rest


def speculative_ewif(alpha: float, c: float, k: int) -> float:
    """EWIF of speculative decoding, (1 - alpha^(k+1)) / ((1 - alpha)(1 + k c)): Leviathan et al., Theorem 3.8.

    Args:
        alpha: Acceptance, in [0, 1]; alpha = 1 gives (k + 1) / (1 + k c).
        c: Cost of one drafter call, >= 0.
        k: Drafted tokens, >= 0.
    """
    return (1 + expected_accepted(alpha, k)) / (1 + k * c)


def round_yield_pgf(x: float, alpha: float, k: int) -> float:
    """Generating function E[x^R] of a round's yield R: 1 + (x - 1)(1 - (alpha x)^(k+1)) / (1 - alpha x).

    Args:
        x: In [0, 1].
        alpha: The reviewer's acceptance of the drafter, in [0, 1].
        k: Drafted tokens, >= 0.
    """
    return 1 + (x - 1) * (1 + expected_accepted(alpha * x, k))


def vertical_ewif(alpha: float, inner: float, c1: float, c2: float, rounds: int, k: int) -> float:
    """EWIF of a vertical cascade, (1 - alpha phi^n) / ((1 - alpha)(1 + n c1 + n k c2)): CS Drafting, section 4.

    Args:
        alpha: The target's acceptance of the reviewing drafter, in [0, 1].
        inner: That drafter's acceptance of the smaller one, in [0, 1]; phi is its round's generating function at alpha.
        c1: Cost of one review by the drafter, >= 0.
        c2: Cost of one call of the smaller drafter, >= 0.
        rounds: Review rounds n, >= 1.
        k: Tokens the smaller drafter drafts a round, >= 1.
    """
    accepted_a_round = alpha * (1 + expected_accepted(inner * alpha, k))
    phi = round_yield_pgf(alpha, inner, k)
    accepted = accepted_a_round * sum(phi**i for i in range(rounds))
    return (1 + accepted) / (1 + rounds * (c1 + k * c2))


def horizontal_ewif(steps: Sequence[tuple[float, float, int]]) -> float:
    """EWIF of a horizontal cascade: 1 + sum_j prod_{i<=j} alpha_i over 1 + sum_i c_i, i over all drafted tokens.

    Args:
        steps: (alpha, c, k) of each leaf step in drafting order.
    """
    tokens, cost, survival = 1.0, 1.0, 1.0
    for alpha, c, k in steps:
        tokens += survival * expected_accepted(alpha, k)
        cost += k * c
        survival *= alpha**k
    return tokens / cost
