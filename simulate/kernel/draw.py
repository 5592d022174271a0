"""The compiled kernel: every cycle of every cascade drawn one by one, from uniform numbers.

A review round takes one uniform number u. Its accepted tokens are the longest prefix of its draft whose survival (the
product of the hazards, given the draft that was itself just drawn) is above u, which is the law of rejecting token by
token. Where hazards depend on position alone the survival products are tabulated and the prefix is found in a guide
table (Chen and Asau, AIIE Transactions 6, 1974); elsewhere the products are formed token by token.

Resolution: u has 62 bits against tabulated survivals, 53 bits otherwise, and survivals are rounded to doubles. No
probability is off by more than the draft's length times 2^-52, below 1e-12 for the longest possible draft.
"""

# The compiler gives every whole number of this package one type, int64; NumPy's stubs tell them apart.
# mypy: disable-error-code="assignment, arg-type"

from __future__ import annotations

import numpy as np

from simulate.kernel.arrays import AT, CURSOR, KNOWN, RECORDED, Outcomes, Rule, State, Text
from simulate.kernel.compiled import compiled
from simulate.kernel.generator import Lanes, fill
from simulate.kernel.numbers import GOLDEN, drawn, fraction, mixed
from simulate.kernel.program import LEAF_UNTIL, ROUNDS, UNTIL, Floats, Ints, Program
from simulate.kernel.rounds import over_leaves, over_rounds, prefix
from simulate.kernel.text import hazard, hidden_state

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
def hold(program: Program, pairs: Ints, constants: Floats, block: int) -> None:
    """Give the hazards of some pairs the constant values of a block, in every state, type, yield and position."""
    columns = 2 * program.shape[3] * program.shape[4]
    for i in range(pairs.size):
        for hidden in range(program.shape[0]):
            first = (hidden * program.shape[1] + pairs[i]) * columns
            for j in range(columns):
                program.hazards[first + j] = constants[block, i]


@compiled
def draw_blocks(
    program: Program, text: Text, rule: Rule, state: State, starts: Ints, constants: Floats, out: Outcomes
) -> None:
    """Draw blocks of cycles.

    One pass of the inner loop either adds leaf tokens to the draft at hand, begins an inner round, runs a whole step
    of tabulated rounds, or holds a review, whose yield is added to the draft around it. The round being drafted lives
    in local variables; those around it wait in `state.frames`. Tokens just added are reviewed at once where hazards
    are not tabulated, since a round's uniform number is drawn before its draft.

    Args:
        program: The cascade; hazards of `text.pairs` are overwritten.
        text: What acceptances depend on besides.
        rule: When a block ends.
        state: Random numbers and text, advanced in place.
        starts: (trace, offset) of every block of recorded acceptances, shape (blocks, 2); else unused.
        constants: Hazards of `text.pairs` in every block, shape (blocks, pairs).
        out: Where the blocks are written; its size is the number of blocks.
    """
    nodes, steps, frames, counters = program.nodes, program.steps, state.frames, out.counters
    forked = rule.forked
    index = state.place[CURSOR]
    text_at, known = state.place[AT], state.place[KNOWN]
    trace_from = trace_size = offset = 0
    fork = np.uint64(0)
    text_stream = state.streams[0]
    for block in range(out.tokens.size):
        if forked:
            fork = mixed(state.streams[1])
            state.streams[1] += GOLDEN
        if text.fresh:
            text_at = known = 0
            if forked:
                text_stream = mixed(fork)
        if text.kind == RECORDED:
            trace_from, trace_size = text.first[starts[block, 0]], text.length[starts[block, 0]]
            offset = starts[block, 1]
        hold(program, text.pairs, constants, block)
        tokens = ticks = cycles = 0
        node = -1
        step = depth = repeats = length = accepted = room = base = u = 0
        survival = 1.0
        rejected = False
        while True:
            added = 0
            reviewed = -1
            if node < 0:  # a new cycle
                node = depth = repeats = length = accepted = 0
                step = nodes[0].first_step
                room = rule.tokens - tokens - 1 if rule.cut else UNLIMITED
                base = text_at
                survival = 1.0
                rejected = False
                index, fork, u = drawn(state, index, fork, forked)
                if nodes[0].leaves_only:
                    length = min(nodes[0].length, room)
                    reviewed = 0
            number = u
            drafted = length
            if reviewed < 0 and step == nodes[node].end_step:
                reviewed = node
            elif reviewed < 0:
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
                    ticks += added * steps[step].leaf_ticks
                    counters[steps[step].leaf_count] += added
                elif nodes[node].by_table and (nodes[inner].single or nodes[inner].leaves_only):
                    if nodes[inner].single:
                        length, ticks, index, fork = over_rounds(
                            program,
                            state,
                            counters,
                            inner,
                            kind == ROUNDS,
                            count,
                            length,
                            room,
                            ticks,
                            index,
                            fork,
                            forked,
                        )
                    else:
                        length, ticks, index, fork = over_leaves(
                            program,
                            state,
                            counters,
                            inner,
                            kind == ROUNDS,
                            count,
                            length,
                            room,
                            ticks,
                            index,
                            fork,
                            forked,
                        )
                    step += 1
                    if step < nodes[node].end_step:
                        continue
                    reviewed = node
                    drafted = length
                elif nodes[inner].leaves_only:
                    reviewed = inner
                    drafted = min(nodes[inner].length, room - length - 1)
                    index, fork, number = drawn(state, index, fork, forked)
                else:
                    frames[depth].node, frames[depth].step, frames[depth].repeats = node, step, repeats
                    frames[depth].length, frames[depth].room, frames[depth].accepted = length, room, accepted
                    frames[depth].rejected, frames[depth].u, frames[depth].survival = rejected, u, survival
                    depth += 1
                    base += length
                    room = room - length - 1
                    node, step, repeats, length, accepted = inner, nodes[inner].first_step, 0, 0, 0
                    survival = 1.0
                    rejected = False
                    index, fork, u = drawn(state, index, fork, forked)
                    continue
            size = 1
            corrected = 0
            if reviewed >= 0:
                passed = accepted
                if nodes[reviewed].by_table:
                    passed = prefix(program, reviewed, number, drafted)
                ticks += program.ticks[nodes[reviewed].ticks + drafted]
                counters[nodes[reviewed].counts + drafted] += 1
                added = size = passed + 1
                corrected = 1
                if reviewed == node:
                    if depth == 0:
                        tokens += added
                        cycles += 1
                        out.yields[added] += 1
                        text_at += added
                        node = -1
                        if cycles == rule.cycles or (rule.tokens > 0 and tokens >= rule.tokens):
                            break
                        continue
                    depth -= 1
                    node, step, repeats = frames[depth].node, frames[depth].step, frames[depth].repeats
                    length, room, accepted = frames[depth].length, frames[depth].room, frames[depth].accepted
                    rejected, u, survival = frames[depth].rejected != 0, frames[depth].u, frames[depth].survival
                    base -= length
                repeats += 1
            if not nodes[node].by_table and not rejected:
                pair = steps[step].pair
                for i in range(added):
                    position = base + length + i
                    if text.kind == RECORDED:
                        survival *= text.recorded[pair, trace_from + (offset + position) % trace_size]
                    else:
                        known, text_stream, hidden = hidden_state(text, state.ring, known, text_stream, position)
                        is_last = corrected if i == added - 1 else 0
                        survival *= hazard(program, hidden, pair, is_last, size, length + i)
                    if fraction(u) >= survival:
                        rejected = True
                        break
                    accepted += 1
            length += added
            if corrected == 0 or (repeats if steps[step].kind == ROUNDS else length) >= steps[step].count:
                step += 1
                repeats = 0
        out.tokens[block], out.ticks[block], out.cycles[block] = tokens, ticks, cycles
    state.place[CURSOR], state.place[AT], state.place[KNOWN] = index, text_at, known
    state.streams[0] = text_stream
