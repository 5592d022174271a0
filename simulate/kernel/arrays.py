"""What the compiled kernel is given and what it writes: tuples of arrays, the only structures it can take."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulate.kernel.generator import BLOCK, Lanes
from simulate.kernel.program import Ints, Program

Bits: TypeAlias = NDArray[np.uint8]

BUFFER = 4 * BLOCK
"""Uniform numbers drawn at a time; they stay in the first cache."""

FRAME = np.dtype(
    [(name, np.int64) for name in ("node", "step", "repeats", "length", "room", "accepted", "rejected", "u")]
    + [("survival", np.float64)]
)
"""A round that waits for an inner one."""

# Entries of `State.place`.
CURSOR, AT, KNOWN = range(3)

# Entries of `State.streams`.
OF_TEXT, OF_BLOCKS, BLOCKS_OWN = range(3)

# What decides the hazards besides position, type and yield.
PLAIN, MARKOV, RECORDED = range(3)


class Text(NamedTuple):
    """The text that acceptances depend on.

    Attributes:
        kind: PLAIN (not at all), MARKOV (a hidden state at every text position) or RECORDED (known acceptances).
        share: Stationary probability of state 1.
        enter: Probability of state 1 after state 0.
        stay: Probability of state 1 after state 1.
        recorded: Recorded acceptances, shape (pairs, positions of all traces).
        first: First position of every trace.
        length: Number of positions of every trace.
        pairs: Pairs whose hazards are drawn anew, as constants, for every block.
        fresh: Whether every block is a new text; otherwise the text goes on.
    """

    kind: int
    share: float
    enter: float
    stay: float
    recorded: Bits
    first: Ints
    length: Ints
    pairs: Ints
    fresh: bool


class Rule(NamedTuple):
    """When a block of cycles ends.

    Attributes:
        cycles: After this many cycles; 0 for no limit.
        tokens: Once it holds at least this many tokens; 0 for no limit.
        cut: Whether a draft offers the target at most one token fewer than remain, so that blocks hold `tokens`.
        forked: Whether every block draws from its own stream, so that two cascades can share random numbers.
    """

    cycles: int
    tokens: int
    cut: bool
    forked: bool


class State(NamedTuple):
    """What goes on from block to block; one instance a thread.

    Attributes:
        lanes: State of the generator.
        uniforms: Numbers drawn ahead.
        place: Number of them that are used, position in the text and number of known hidden states, shape (3,).
        streams: SplitMix64 states, shape (3,): that of the hidden states, the one that seeds the blocks' own streams,
            and the block's own at its start.
        ring: Hidden states by text position modulo the size, a power of two.
        frames: A `FRAME` for every outer round that waits for an inner one.
    """

    lanes: Lanes
    uniforms: Ints
    place: Ints
    streams: NDArray[np.uint64]
    ring: Bits
    frames: NDArray[np.void]


class Outcomes(NamedTuple):
    """Where blocks are written.

    Attributes:
        tokens: Tokens by block.
        ticks: Cost in ticks by block.
        cycles: Cycles by block.
        yields: ``yields[n]`` counts the cycles of n tokens.
        counters: What `Layout.calls` reads.
    """

    tokens: Ints
    ticks: Ints
    cycles: Ints
    yields: Ints
    counters: Ints


def new_state(program: Program, lanes: Lanes) -> State:
    """A state at the start of a batch."""
    ring = 1 << (2 * program.reach + 2).bit_length()
    return State(
        lanes,
        np.empty(BUFFER, dtype=np.int64),
        np.array([BUFFER, 0, 0]),
        np.append(lanes[:2, 0] ^ lanes[2:, 1], np.uint64(0)),
        np.zeros(ring, dtype=np.uint8),
        np.zeros(program.depth, dtype=FRAME),
    )
