"""One acceptance for all positions, as the textbook has it."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.optimize import brentq

from analysis.theory.closed_forms import expected_accepted

EAGLE_SHARE = 0.07
"""Cost of a drafted EAGLE-3 token in plain steps, where nothing else is known: .066 to .072 was measured under vLLM
(pramodjella/speculative-decoding-draft-length-audit)."""


def alpha_of_mean(accepted: float, k: int) -> float:
    """The constant acceptance with this mean number of accepted tokens in drafts of k.

    Args:
        accepted: In [0, k].
        k: Drafted tokens, >= 1.

    Example:
        >>> round(alpha_of_mean(0.8 + 0.64, 2), 6)
        0.8
    """
    if accepted <= 0 or accepted >= k:
        return float(accepted > 0)
    return float(brentq(lambda alpha: expected_accepted(alpha, k) - accepted, 0.0, 1.0, xtol=1e-12))


def alpha_of_counts(drafts: float, accepted_by_position: Sequence[float]) -> float:
    """The likeliest constant acceptance given survival counts: accepted tokens over examined ones.

    Example:
        >>> alpha_of_counts(100, [80, 64])
        0.8
    """
    examined = drafts + sum(accepted_by_position[:-1])
    return sum(accepted_by_position) / examined
