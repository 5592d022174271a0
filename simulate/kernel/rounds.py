"""Review rounds that a table of survivals decides, and runs of such rounds, of which nothing but lengths matters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulate.kernel.arrays import State
from simulate.kernel.compiled import inlined
from simulate.kernel.numbers import drawn
from simulate.kernel.program import GUIDE_BITS, ROUNDS, Ints, Program

Rows = NDArray[np.void]
Guides = NDArray[np.int16]
Lanes = NDArray[np.uint64]
GUIDE_SHIFT = 62 - GUIDE_BITS


@inlined
def prefix(thresholds: Ints, guides: NDArray[np.int16], table: int, node: int, number: int, drafted: int) -> int:
    """Tokens accepted of a draft: its longest prefix whose survival is above a uniform number.

    Args:
        thresholds: Survivals times 2^62 of all nodes.
        guides: Tokens that surely pass, by node and upper bits of the number.
        table: Index of the node's first threshold.
        node: Whose review it is.
        number: Uniform, 62 bits.
        drafted: Length of the draft.
    """
    passed = np.int64(guides[(node << GUIDE_BITS) + (number >> GUIDE_SHIFT)])
    while passed < drafted and number < thresholds[table + passed]:
        passed += 1
    return min(passed, drafted)


@inlined
def over_leaves(
    nodes: Rows,
    steps: Rows,
    thresholds: Ints,
    guides: Guides,
    tick_table: Ints,
    lanes: Lanes,
    uniforms: Ints,
    counters: Ints,
    inner: int,
    by_rounds: bool,
    count: int,
    length: int,
    room: int,
    ticks: int,
    index: int,
    fork: np.uint64,
    forked: bool,
) -> tuple[int, int, int, np.uint64]:
    """A step whose rounds review leaves: `count` rounds, or rounds until the draft holds `count` tokens.

    Args:
        program: The cascade.
        state: Random numbers.
        counters: Reviews by node and length, increased.
        inner: Node of the rounds.
        by_rounds: Whether rounds are counted, not tokens.
        count: How many.
        length: Tokens of the draft so far.
        room: Tokens it may hold.
        ticks: Cost so far.
        index: See `drawn`, and so `fork` and `forked`.

    Returns:
        (length, ticks, index, fork) behind the step.
    """
    full, table = nodes[inner].length, nodes[inner].table
    cost_row, count_row = nodes[inner].ticks, nodes[inner].counts
    done = 0
    while length < room and (done if by_rounds else length) < count:
        index, fork, number = drawn(lanes, uniforms, index, fork, forked)
        drafted = min(full, room - length - 1)
        length += prefix(thresholds, guides, table, inner, number, drafted) + 1
        done += 1
        ticks += tick_table[cost_row + drafted]
        counters[count_row + drafted] += 1
    return length, ticks, index, fork


@inlined
def over_rounds(
    nodes: Rows,
    steps: Rows,
    thresholds: Ints,
    guides: Guides,
    tick_table: Ints,
    lanes: Lanes,
    uniforms: Ints,
    counters: Ints,
    inner: int,
    by_rounds: bool,
    count: int,
    length: int,
    room: int,
    ticks: int,
    index: int,
    fork: np.uint64,
    forked: bool,
) -> tuple[int, int, int, np.uint64]:
    """A step whose rounds review one step over leaves: two levels, arguments and result as in `over_leaves`."""
    below = nodes[inner].first_step
    inner_by_rounds, enough = steps[below].kind == ROUNDS, steps[below].count
    leaf, table = steps[below].inner, nodes[inner].table
    cost_row, count_row = nodes[inner].ticks, nodes[inner].counts
    done = 0
    while length < room and (done if by_rounds else length) < count:
        index, fork, number = drawn(lanes, uniforms, index, fork, forked)
        drafted, ticks, index, fork = over_leaves(
            nodes, steps, thresholds, guides, tick_table, lanes, uniforms, counters, leaf, inner_by_rounds, enough, 0, room - length - 1, ticks, index, fork, forked
        )
        length += prefix(thresholds, guides, table, inner, number, drafted) + 1
        done += 1
        ticks += tick_table[cost_row + drafted]
        counters[count_row + drafted] += 1
    return length, ticks, index, fork
