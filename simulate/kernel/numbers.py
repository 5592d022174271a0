"""Uniform numbers of the kernel: from the batch's generator, or, where blocks are to share them, from SplitMix64."""

from __future__ import annotations

import numpy as np

from simulate.kernel.arrays import BLOCKS_OWN, BUFFER, State
from simulate.kernel.compiled import compiled
from simulate.kernel.generator import fill

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Step of SplitMix64 from state to state."""


@compiled
def mixed(x: np.uint64) -> np.uint64:
    """The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at state x."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def fraction(u: int) -> float:
    """The uniform number as a double in [0, 1): its upper 53 bits, so that it never rounds up to one."""
    return np.float64(u >> 9) * (1.0 / 9007199254740992.0)


@compiled
def drawn(state: State, forked: bool, index: int) -> tuple[int, int]:
    """The next uniform number, a whole number of 62 bits.

    Args:
        state: Holds the numbers drawn ahead, drawn anew where they are used up, and the stream of the block.
        forked: Whether to draw from that stream instead.
        index: How many of either are used.

    Returns:
        (index, number) with one more used.
    """
    if forked:
        return index + 1, np.int64(mixed(state.streams[BLOCKS_OWN] + np.uint64(index + 1) * GOLDEN) >> np.uint64(2))
    if index == BUFFER:
        fill(state.lanes, state.uniforms)
        index = 0
    return index + 1, state.uniforms[index]
