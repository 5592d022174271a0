"""Acceptances that depend on the text: hidden states along it, recorded acceptances, and hazards by state."""

from __future__ import annotations

import numpy as np

from simulate.kernel.arrays import MARKOV, Bits, Text
from simulate.kernel.compiled import compiled
from simulate.kernel.numbers import GOLDEN, fraction, mixed
from simulate.kernel.program import Program


@compiled
def hidden_state(text: Text, ring: Bits, known: int, stream: np.uint64, position: int) -> tuple[int, np.uint64, int]:
    """The hidden state at a position of the text; states up to there are drawn where they are not yet known.

    Args:
        text: The law of the states.
        ring: States by position modulo its size, a power of two.
        known: Number of positions whose states are known.
        stream: SplitMix64 state of the states' own numbers.
        position: In the text, >= 0.

    Returns:
        (known, stream, state); state 0 where the text has no hidden states.
    """
    state = 0
    if text.kind == MARKOV:
        mask = ring.size - 1
        while known <= position:
            chance = text.share
            if known > 0:
                chance = text.stay if ring[(known - 1) & mask] else text.enter
            stream += GOLDEN
            ring[known & mask] = fraction(np.int64(mixed(stream) >> np.uint64(2))) < chance
            known += 1
        state = np.int64(ring[position & mask])
    return known, stream, state


@compiled
def hazard(program: Program, state: int, pair: int, corrected: int, size: int, position: int) -> float:
    """Hazard of a token in a state of the text, by pair, type, size of the yield it comes from, and position."""
    pairs, sizes, positions = program.shape[1], program.shape[3], program.shape[4]
    column = (state * pairs + pair) * 2 + corrected
    return program.hazards[(column * sizes + min(size, sizes) - 1) * positions + position]
