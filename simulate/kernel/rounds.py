"""Reviews that a table of survivals decides, and runs of such rounds, of which nothing but lengths matters."""

# The compiler gives every whole number of this module one type, int64; NumPy's stubs tell them apart.
# mypy: disable-error-code="assignment, arg-type"

from __future__ import annotations

import numpy as np

from simulate.kernel.arrays import State
from simulate.kernel.compiled import inlined
from simulate.kernel.generator import UNIFORM_BITS
from simulate.kernel.numbers import drawn
from simulate.kernel.program import GUIDE_BITS, ROUNDS, Ints, Program

_GUIDE_SHIFT = UNIFORM_BITS - GUIDE_BITS


@inlined
def prefix(program: Program, node: int, number: int, drafted: int) -> int:
    """Tokens accepted of a draft: its longest prefix whose survival is above a uniform number.

    Args:
        program: The cascade.
        node: Whose review it is.
        number: Uniform, 62 bits.
        drafted: Length of the draft.
    """
    table = program.nodes[node].table
    accepted = np.int64(program.guides[(node << GUIDE_BITS) + (number >> _GUIDE_SHIFT)])
    while accepted < drafted and number < program.thresholds[table + accepted]:
        accepted += 1
    return min(accepted, drafted)


@inlined
def over_leaves(
    program: Program,
    state: State,
    counters: Ints,
    forked: bool,
    step: int,
    length: int,
    room: int,
    ticks: int,
    index: int,
) -> tuple[int, int, int]:
    """A step whose rounds review leaves: a number of rounds, or rounds until the draft is long enough.

    Args:
        program: The cascade.
        state: Random numbers.
        counters: Reviews by node and length, increased.
        forked: Whether the block draws from its own stream.
        step: Which step.
        length: Tokens of the draft so far.
        room: Tokens it may hold.
        ticks: Cost so far.
        index: Random numbers used so far.

    Returns:
        (length, ticks, index) behind the step.
    """
    nodes, steps = program.nodes, program.steps
    by_rounds, count, inner = steps[step].kind == ROUNDS, steps[step].count, steps[step].inner
    greatest, first_cost, first_counter = nodes[inner].length, nodes[inner].ticks, nodes[inner].counts
    done = 0
    while length < room and (done if by_rounds else length) < count:
        index, number = drawn(state, forked, index)
        drafted = min(greatest, room - length - 1)
        length += prefix(program, inner, number, drafted) + 1
        done += 1
        ticks += program.ticks[first_cost + drafted]
        counters[first_counter + drafted] += 1
    return length, ticks, index


@inlined
def over_rounds(
    program: Program,
    state: State,
    counters: Ints,
    forked: bool,
    step: int,
    length: int,
    room: int,
    ticks: int,
    index: int,
) -> tuple[int, int, int]:
    """A step whose rounds review one step over leaves: two levels, arguments and result as in `over_leaves`."""
    nodes, steps = program.nodes, program.steps
    by_rounds, count, inner = steps[step].kind == ROUNDS, steps[step].count, steps[step].inner
    below, first_cost, first_counter = nodes[inner].first_step, nodes[inner].ticks, nodes[inner].counts
    done = 0
    while length < room and (done if by_rounds else length) < count:
        index, number = drawn(state, forked, index)
        drafted, ticks, index = over_leaves(program, state, counters, forked, below, 0, room - length - 1, ticks, index)
        length += prefix(program, inner, number, drafted) + 1
        done += 1
        ticks += program.ticks[first_cost + drafted]
        counters[first_counter + drafted] += 1
    return length, ticks, index
