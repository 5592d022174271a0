"""Shares of questions with their intervals, and differences of two shares over the same questions."""

from __future__ import annotations

import math

_Z95 = 1.959963984540054
_HALVINGS = 50


def wilson_95(right: int, questions: int) -> tuple[float, float]:
    """95 % interval of a share, which holds for few questions too (Wilson 1927).

    Args:
        right: Number of right answers, 0..questions.
        questions: Their number, >= 1.

    Example:
        >>> low, high = wilson_95(0, 40)
        >>> round(low, 3), round(high, 3)
        (0.0, 0.088)
    """
    share, z2 = right / questions, _Z95**2
    middle = (share + z2 / (2 * questions)) / (1 + z2 / questions)
    half = _Z95 * math.sqrt(share * (1 - share) / questions + z2 / (4 * questions**2)) / (1 + z2 / questions)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired_difference_95(gained: int, lost: int, questions: int) -> tuple[float, float]:
    """95 % score interval of the difference of two shares over the same questions (Tango 1998).

    It has a width where no answer changed too, and holds where all changes go one way.

    Args:
        gained: Number of questions that only the second got right.
        lost: Number of questions that only the first got right.
        questions: All questions, >= 1, >= gained + lost.

    Example:
        >>> low, high = paired_difference_95(0, 0, 171)
        >>> round(low, 3), round(high, 3)
        (-0.022, 0.022)
    """
    found = (gained - lost) / questions

    def is_inside(difference: float) -> bool:
        loss = _share_lost(difference, gained, lost, questions)
        variance = questions * (2 * loss + difference * (1 - difference))
        return (gained - lost - questions * difference) ** 2 <= _Z95**2 * variance

    ends = []
    for inside, outside in ((found, -1.0), (found, 1.0)):
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if is_inside(middle) else (inside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def _share_lost(difference: float, gained: int, lost: int, questions: int) -> float:
    """Likeliest share of questions that only the first gets right, where the difference is the given one."""
    linear = (2 * questions - gained + lost) * difference - gained - lost
    constant = -lost * difference * (1 - difference)
    return (math.sqrt(max(0.0, linear**2 - 8 * questions * constant)) - linear) / (4 * questions)


def mcnemar_p(gained: int, lost: int) -> float:
    """Two-sided p-value of McNemar's exact test that gains and losses are equally likely.

    Example:
        >>> mcnemar_p(5, 0)
        0.0625
    """
    discordant, fewer = gained + lost, min(gained, lost)
    tail = sum(math.comb(discordant, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << discordant))
