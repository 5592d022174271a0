"""Reviews token by token, for acceptances that depend on the text: hidden states along it, recorded acceptances."""

# The compiler gives every whole number of this module one type, int64; NumPy's stubs tell them apart.
# mypy: disable-error-code="assignment, arg-type"

from __future__ import annotations

import numpy as np

from simulate.kernel.arrays import KNOWN, MARKOV, OF_TEXT, RECORDED, State, Text
from simulate.kernel.compiled import compiled, inlined
from simulate.kernel.numbers import GOLDEN, fraction, mixed
from simulate.kernel.program import Program


@inlined
def passed(
    program: Program,
    text: Text,
    state: State,
    trace: int,
    offset: int,
    pair: int,
    u: int,
    base: int,
    length: int,
    added: int,
    corrected: bool,
    survival: float,
) -> tuple[int, float, bool]:
    """How many tokens just added to a draft pass its review, given that all before them do.

    Args:
        program: The cascade.
        text: What hazards depend on.
        state: Hidden states of the text, drawn where they are not yet known.
        trace: See `hazard`, and so `offset` and `pair`.
        u: Uniform number of the review, 62 bits.
        base: Position in the text at which the draft begins.
        length: Tokens of the draft before these.
        added: Number of these tokens.
        corrected: Whether they are the yield of a round, whose last token is its reviewer's own.
        survival: Product of the hazards so far.

    Returns:
        (passed, survival, rejected): the tokens that pass, the product of the hazards, and whether one was rejected.
    """
    size = added if corrected else 1
    for i in range(added):
        is_last = corrected and i == added - 1
        survival *= hazard(program, text, state, trace, offset, pair, base + length + i, is_last, size, length + i)
        if fraction(u) >= survival:
            return i, survival, True
    return added, survival, False


@inlined
def hazard(
    program: Program,
    text: Text,
    state: State,
    trace: int,
    offset: int,
    pair: int,
    at: int,
    corrected: bool,
    size: int,
    position: int,
) -> float:
    """Probability that a token passes, given that all before it do.

    Args:
        program: The cascade.
        text: What it depends on.
        state: Hidden states of the text, drawn where they are not yet known.
        trace: Recorded acceptances of the block, if any.
        offset: Where in them the block begins.
        pair: Index of (reviewer, drafter).
        at: Position in the text.
        corrected: Whether the drafter's own draft ended before the token.
        size: Tokens of the yield it comes from; 1 where a leaf drafted it.
        position: Position in the draft.
    """
    if text.kind == RECORDED:
        return np.float64(text.recorded[pair, text.first[trace] + (offset + at) % text.length[trace]])
    hidden = hidden_state(text, state, at) if text.kind == MARKOV else 0
    pairs, sizes, positions = program.shape[1], program.shape[3], program.shape[4]
    column = (hidden * pairs + pair) * 2 + np.int64(corrected)
    return program.hazards[(column * sizes + min(size, sizes) - 1) * positions + position]


@compiled
def hidden_state(text: Text, state: State, at: int) -> int:
    """The hidden state at a position of the text; states up to there are drawn where they are not yet known."""
    mask = state.ring.size - 1
    for position in range(state.place[KNOWN], at + 1):
        chance = text.share
        if position > 0:
            chance = text.stay if state.ring[(position - 1) & mask] else text.enter
        state.streams[OF_TEXT] += GOLDEN
        state.ring[position & mask] = fraction(np.int64(mixed(state.streams[OF_TEXT]) >> np.uint64(2))) < chance
        state.place[KNOWN] = position + 1
    return np.int64(state.ring[at & mask])
