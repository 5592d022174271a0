"""Where a second drafter pays beside a first: regions of its acceptance and cost, with their exact boundaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.theory.grid import accepted, flat_ewif, leaves_ewif

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """Where a second drafter pays beside a first one at its best draft length.

    Attributes:
        alpha: Acceptance of the first drafter by the target.
        c1: Its cost, in one-token target calls.
        inner: Grid of the second drafter's acceptance: by the first drafter (vertical) or the target (horizontal).
        c2: Grid of the second drafter's cost.
        gain: ``gain[i, j]`` = best EWIF with both drafters over the best of the first alone (vertical) or of the better
            one alone (horizontal), at ``c2[i]`` and ``inner[j]``.
        boundary: Greatest c2 at which both together beat the first alone, for every value of `inner`.
        lower: Greatest c2 at which the second alone is at least as good as both together, for every value of
            `inner`; empty where the second cannot draft alone.
        longest: Greatest rounds (or tokens) of the first and greatest tokens of the second that were considered.
    """

    alpha: float
    c1: float
    inner: Vector
    c2: Vector
    gain: Vector
    boundary: Vector
    lower: Vector
    longest: tuple[int, int]


def vertical_region(alpha: float, c1: float, longest: tuple[int, int] = (30, 30), resolution: int = 161) -> Region:
    """Where the first drafter gains from reviewing rounds of a second instead of drafting alone.

    The first drafter runs n rounds over k tokens of the second; acceptance of its tokens by the target is alpha in
    (0, 1) throughout. With E the best EWIF of the first alone and tokens T(n, k), both together beat it iff
    T > E (1 + n c1 + n k c2) for some n, k, that is iff c2 < max over n, k of (T / E - 1 - n c1) / (n k): the
    boundary is this closed form, not a contour of the map.
    """
    inner, c2 = np.linspace(0, 1, resolution), np.linspace(0, c1, resolution)
    n, k = np.arange(1, longest[0] + 1)[:, None, None], np.arange(1, longest[1] + 1)[:, None]
    # phi = E[alpha^R] of a round's yield R: 1 + (alpha - 1) times the gain series of inner * alpha, up to k.
    phi = 1 + (alpha - 1) * (1 + accepted(inner * alpha, k))
    yielded = (1 - alpha * phi**n) / (1 - alpha)
    alone = _best_alone(alpha, c1)
    boundary = ((yielded / alone - 1 - n * c1) / (n * k)).max(axis=(0, 1))
    gain = np.array([(yielded / (1 + n * c1 + n * k * c)).max(axis=(0, 1)) for c in c2]) / alone
    return Region(alpha, c1, inner, c2, gain, np.maximum(boundary, 0.0), np.empty(0), longest)


def horizontal_region(alpha: float, c1: float, longest: tuple[int, int] = (60, 60), resolution: int = 161) -> Region:
    """Where tokens of a second drafter after the first one's (both lengths best) beat either drafter alone.

    The second one's acceptance by the target ranges up to the first one's, so it drafts last. The upper boundary is
    the closed form max over k1, k2 >= 1 of (T / E - 1 - k1 c1) / k2, with E the best EWIF of the first alone; the
    lower one, below which the second alone is at least as good, is found by bisection to 1e-12.
    """
    inner, c2 = np.linspace(0, alpha, resolution), np.linspace(0, c1, resolution)
    k1, k2 = np.arange(1, longest[0] + 1)[:, None], np.arange(1, longest[1] + 1)
    lengths = np.stack(np.broadcast_arrays(k1, k2), axis=-1)
    alone = _best_alone(alpha, c1)
    gain = np.empty((resolution, resolution))
    boundary, lower = np.empty(resolution), np.empty(resolution)
    for j, second in enumerate(inner):
        # At no cost EWIF is the expected tokens of a cycle.
        both = leaves_ewif([alpha, second], 0.0, lengths)
        single = flat_ewif(second, 0.0, k2)
        boundary[j] = max(float(((both / alone - 1 - k1 * c1) / k2).max()), 0.0)

        def best_of_both(c: float, both: Vector = both) -> float:
            return float((both / (1 + k1 * c1 + k2 * c)).max())

        def best_of_second(c: float, single: Vector = single) -> float:
            return float((single / (1 + k2 * c)).max())

        lower[j] = _crossing(best_of_second, best_of_both, boundary[j])
        gain[:, j] = [best_of_both(c) / max(alone, best_of_second(c)) for c in c2]
    return Region(alpha, c1, inner, c2, gain, boundary, lower, longest)


def _best_alone(alpha: float, c: float, greatest_k: int = 1000) -> float:
    """Greatest EWIF of one drafter at any draft length."""
    return float(flat_ewif(alpha, c, np.arange(greatest_k + 1)).max())


def _crossing(falling: Callable[[float], float], other: Callable[[float], float], high: float) -> float:
    """The cost in [0, high] up to which `falling` is at least the other; 0 where it is less from the start."""
    low = 0.0
    if falling(low) < other(low):
        return low
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) >= other(middle) else (low, middle)
    return low
