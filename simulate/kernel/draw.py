"""The compiled kernel: every cycle of every cascade drawn one by one, from uniform numbers.

A review round takes one uniform number u. Its accepted tokens are the longest prefix of its draft whose survival (the
product of the hazards, given the draft that was itself just drawn) is above u, which is the law of rejecting token by
token. Where hazards depend on position alone the survival products are tabulated and the prefix is found in a guide
table (Chen and Asau, AIIE Transactions 6, 1974); elsewhere the products are formed token by token.

Resolution: u has 62 bits against tabulated survivals, 53 bits otherwise, and survivals are rounded to doubles. No
probability is off by more than the draft's length times 2^-52, below 1e-12 for the longest possible draft.
"""

from __future__ import annotations

from simulate.kernel.arrays import (
    AT,
    BLOCKS_OWN,
    CURSOR,
    KNOWN,
    OF_BLOCKS,
    OF_TEXT,
    Outcomes,
    Rule,
    State,
    Text,
)
from simulate.kernel.compiled import compiled, inlined
from simulate.kernel.generator import Lanes, fill
from simulate.kernel.numbers import GOLDEN, drawn, mixed
from simulate.kernel.program import LEAF_UNTIL, ROUNDS, UNTIL, Floats, Ints, Program
from simulate.kernel.rounds import over_leaves, over_rounds, prefix
from simulate.kernel.text import passed

UNLIMITED = 1 << 40
"""Room for tokens where nothing cuts a draft."""


@compiled
def count_passing(lanes: Lanes, uniforms: Ints, thresholds: Ints, cycles: int, passing: Ints) -> None:
    """Draw cycles of a draft that is always the same: one number each, compared with every threshold.

    Args:
        lanes: State of the generator, advanced in place.
        uniforms: Room for the numbers drawn at a time.
        thresholds: Survival by position times 2^62, non-increasing.
        cycles: Number of cycles.
        passing: ``passing[j]`` is increased by the number of cycles that accept more than j tokens.
    """
    for first in range(0, cycles, uniforms.size):
        fill(lanes, uniforms)
        size = min(uniforms.size, cycles - first)
        for j in range(thresholds.size):
            threshold = thresholds[j]
            count = 0
            for i in range(size):
                count += uniforms[i] < threshold
            passing[j] += count
            if count == 0:
                break


@compiled
def draw_blocks(
    program: Program, text: Text, rule: Rule, state: State, starts: Ints, constants: Floats, out: Outcomes
) -> None:
    """Draw blocks of cycles.

    Args:
        program: The cascade; hazards of `text.pairs` are overwritten.
        text: What acceptances depend on besides.
        rule: When a block ends.
        state: Random numbers and text, advanced in place.
        starts: (trace, offset) of every block of recorded acceptances, shape (blocks, 2); else unused.
        constants: Hazards of `text.pairs` in every block, shape (blocks, pairs).
        out: Where the blocks are written; its size is the number of blocks.
    """
    index, at = state.place[CURSOR], state.place[AT]
    for block in range(out.tokens.size):
        if rule.forked:
            state.streams[BLOCKS_OWN] = mixed(state.streams[OF_BLOCKS])
            state.streams[OF_BLOCKS] += GOLDEN
            index = 0
        if text.fresh:
            at = state.place[KNOWN] = 0
            if rule.forked:
                state.streams[OF_TEXT] = mixed(state.streams[BLOCKS_OWN])
        _set_constants(program, text.pairs, constants, block)
        trace, offset = starts[block, 0], starts[block, 1]
        tokens = ticks = cycles = 0
        while True:
            room = rule.tokens - tokens - 1 if rule.cut else UNLIMITED
            added, ticks, index = _cycle(
                program, text, state, out.counters, rule.forked, trace, offset, at, room, ticks, index
            )
            at += added
            tokens += added
            cycles += 1
            out.yields[added] += 1
            if cycles == rule.cycles or 0 < rule.tokens <= tokens:
                break
        out.tokens[block], out.ticks[block], out.cycles[block] = tokens, ticks, cycles
    state.place[CURSOR], state.place[AT] = index, at


@compiled
def _set_constants(program: Program, pairs: Ints, constants: Floats, block: int) -> None:
    """Give the hazards of some pairs the constant values of a block, in every state, type, yield and position."""
    columns = 2 * program.shape[3] * program.shape[4]
    for i in range(pairs.size):
        for hidden in range(program.shape[0]):
            first = (hidden * program.shape[1] + pairs[i]) * columns
            for j in range(columns):
                program.hazards[first + j] = constants[block, i]


@inlined
def _cycle(
    program: Program,
    text: Text,
    state: State,
    counters: Ints,
    forked: bool,
    trace: int,
    offset: int,
    at: int,
    room: int,
    ticks: int,
    index: int,
) -> tuple[int, int, int]:
    """Draw one cycle.

    One pass of the loop either adds leaf tokens to the draft at hand, begins an inner round, runs a whole step of
    tabulated rounds, or holds a review, whose yield is added to the draft around it. The round being drafted lives in
    local variables; those around it wait in `state.frames`. Tokens just added are reviewed at once where hazards are
    not tabulated, since a round's uniform number is drawn before its draft.

    Args:
        program: The cascade.
        text: What acceptances depend on besides.
        state: Random numbers and text, advanced in place.
        counters: Reviews by node and length, and leaf steps by how many tokens they drafted, increased.
        forked: Whether the block draws from its own stream.
        trace: Recorded acceptances of the block, if any.
        offset: Where in them the block begins.
        at: Position in the text.
        room: Tokens that the draft may hold.
        ticks: Cost so far.
        index: Random numbers used so far.

    Returns:
        (tokens, ticks, index): the cycle's yield, and cost and numbers used including it.
    """
    nodes, steps, frames = program.nodes, program.steps, state.frames
    node = depth = repeats = accepted = 0
    step = nodes[0].first_step
    length = min(nodes[0].length, room) if nodes[0].leaves_only else 0
    survival, rejected = 1.0, False
    index, u = drawn(state, forked, index)
    while True:
        reviewed, drafted, number, added = -1, length, u, 0
        if step == nodes[node].end_step:
            reviewed = node
        else:
            kind, count, inner = steps[step].kind, steps[step].count, steps[step].inner
            if length >= room or (length >= count and kind in (UNTIL, LEAF_UNTIL)):
                step += 1
                repeats = 0
                continue
            if kind <= LEAF_UNTIL:
                if kind == LEAF_UNTIL:
                    at_a_time = steps[step].at_a_time
                    count = (count - length + at_a_time - 1) // at_a_time * at_a_time
                added = min(count, room - length)
                ticks += program.ticks[steps[step].leaf_ticks + added]
                counters[steps[step].leaf_count + added] += 1
            elif nodes[node].by_table and nodes[inner].single:
                length, ticks, index = over_rounds(program, state, counters, forked, step, length, room, ticks, index)
                step += 1
                continue
            elif nodes[node].by_table and nodes[inner].leaves_only:
                length, ticks, index = over_leaves(program, state, counters, forked, step, length, room, ticks, index)
                step += 1
                continue
            elif nodes[inner].leaves_only:
                reviewed, drafted = inner, min(nodes[inner].length, room - length - 1)
                index, number = drawn(state, forked, index)
            else:
                frames[depth].node, frames[depth].step, frames[depth].repeats = node, step, repeats
                frames[depth].length, frames[depth].room, frames[depth].accepted = length, room, accepted
                frames[depth].rejected, frames[depth].u, frames[depth].survival = rejected, u, survival
                depth += 1
                at += length
                room -= length + 1
                node, step, repeats, length, accepted = inner, nodes[inner].first_step, 0, 0, 0
                survival, rejected = 1.0, False
                index, u = drawn(state, forked, index)
                continue
        if reviewed >= 0:
            added = 1 + (prefix(program, reviewed, number, drafted) if nodes[reviewed].by_table else accepted)
            ticks += program.ticks[nodes[reviewed].ticks + drafted]
            counters[nodes[reviewed].counts + drafted] += 1
            if reviewed == node:
                if depth == 0:
                    return added, ticks, index
                depth -= 1
                node, step, repeats = frames[depth].node, frames[depth].step, frames[depth].repeats
                length, room, accepted = frames[depth].length, frames[depth].room, frames[depth].accepted
                rejected, u, survival = frames[depth].rejected != 0, frames[depth].u, frames[depth].survival
                at -= length
            repeats += 1
        if not nodes[node].by_table and not rejected:
            pair, corrected = steps[step].pair, reviewed >= 0
            more, survival, rejected = passed(
                program, text, state, trace, offset, pair, u, at, length, added, corrected, survival
            )
            accepted += more
        length += added
        if reviewed < 0 or (repeats if steps[step].kind == ROUNDS else length) >= steps[step].count:
            step += 1
            repeats = 0
