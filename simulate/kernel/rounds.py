"""Review rounds that a table of survivals decides, and runs of such rounds, of which nothing but lengths matters."""

from __future__ import annotations

import numpy as np

from simulate.kernel.arrays import State
from simulate.kernel.compiled import compiled
from simulate.kernel.numbers import drawn
from simulate.kernel.program import GUIDE_BITS, ROUNDS, Ints, Program

GUIDE_SHIFT = 62 - GUIDE_BITS


@compiled
def prefix(program: Program, node: int, number: int, drafted: int) -> int:
    """Tokens accepted of a draft: its longest prefix whose survival is above a uniform number.

    Args:
        program: The cascade.
        node: Whose review it is.
        number: Uniform, 62 bits.
        drafted: Length of the draft.
    """
    table = program.nodes[node].table
    passed = np.int64(program.guides[(node << GUIDE_BITS) + (number >> GUIDE_SHIFT)])
    while passed < drafted and number < program.thresholds[table + passed]:
        passed += 1
    return min(passed, drafted)


@compiled
def over_leaves(
    program: Program,
    state: State,
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
    nodes = program.nodes
    full = nodes[inner].length
    cost_row, count_row = nodes[inner].ticks, nodes[inner].counts
    done = 0
    while length < room and (done if by_rounds else length) < count:
        index, fork, number = drawn(state, index, fork, forked)
        drafted = min(full, room - length - 1)
        length += prefix(program, inner, number, drafted) + 1
        done += 1
        ticks += program.ticks[cost_row + drafted]
        counters[count_row + drafted] += 1
    return length, ticks, index, fork


@compiled
def over_rounds(
    program: Program,
    state: State,
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
    nodes, steps = program.nodes, program.steps
    below = nodes[inner].first_step
    inner_by_rounds, enough = steps[below].kind == ROUNDS, steps[below].count
    leaf = steps[below].inner
    cost_row, count_row = nodes[inner].ticks, nodes[inner].counts
    done = 0
    while length < room and (done if by_rounds else length) < count:
        index, fork, number = drawn(state, index, fork, forked)
        drafted, ticks, index, fork = over_leaves(
            program, state, counters, leaf, inner_by_rounds, enough, 0, room - length - 1, ticks, index, fork, forked
        )
        length += prefix(program, inner, number, drafted) + 1
        done += 1
        ticks += program.ticks[cost_row + drafted]
        counters[count_row + drafted] += 1
    return length, ticks, index, fork
