"""The compiled kernel: every cycle of every cascade drawn one by one, from uniform numbers.

A review round takes one uniform number u. Its accepted tokens are the longest prefix of its draft whose survival (the
product of the hazards, given the draft that was itself just drawn) is above u, which is the law of rejecting token by
token. Where hazards depend on position alone the survival products are tabulated and the prefix is found in a guide
table (Chen and Asau, AIIE Transactions 6, 1974); elsewhere the products are formed token by token.

Resolution: u has 62 bits against tabulated survivals, 53 bits otherwise, and survivals are rounded to doubles. No
probability is off by more than the draft's length times 2^-52, below 1e-12 for the longest possible draft.
"""

# The compiler gives every whole number of this module one type, int64; NumPy's stubs tell them apart.
# mypy: disable-error-code="assignment, arg-type"

from __future__ import annotations

import numpy as np

from simulate.kernel.arrays import AT, BUFFER, CURSOR, KNOWN, MARKOV, RECORDED, Outcomes, Rule, State, Text
from simulate.kernel.compiled import compiled
from simulate.kernel.generator import BLOCK, Lanes, fill
from simulate.kernel.program import (
    AT_A_TIME,
    BY_TABLE,
    COUNT,
    COUNTS,
    END_STEP,
    FIRST_STEP,
    GUIDE_BITS,
    INNER,
    KIND,
    LEAF_COUNT,
    LEAF_TICKS,
    LEAF_UNTIL,
    LEAVES_ONLY,
    LENGTH,
    PAIR,
    ROUNDS,
    SINGLE,
    TABLE,
    TICKS,
    UNTIL,
    Floats,
    Ints,
    Program,
)

GUIDE_SHIFT = 62 - GUIDE_BITS
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Step of SplitMix64 from state to state."""

UNLIMITED = 1 << 40
"""Room for tokens where nothing cuts a draft."""


@compiled
def count_passing(lanes: Lanes, thresholds: Ints, cycles: int, passing: Ints) -> None:
    """Draw cycles of a draft that is always the same: one number each, compared with every threshold.

    Args:
        lanes: State of the generator, advanced in place.
        thresholds: Survival by position times 2^62, non-increasing.
        cycles: Number of cycles.
        passing: ``passing[j]`` is increased by the number of cycles that accept more than j tokens.
    """
    uniforms = np.empty(2 * BLOCK, np.int64)
    for first in range(0, cycles, 2 * BLOCK):
        fill(lanes, uniforms)
        size = min(2 * BLOCK, cycles - first)
        for j in range(thresholds.size):
            threshold = thresholds[j]
            count = 0
            for i in range(size):
                count += uniforms[i] < threshold
            passing[j] += count
            if count == 0:
                break


@compiled
def mixed(x: np.uint64) -> np.uint64:
    """The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at state x."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def _fraction(u: int) -> float:
    """The uniform number as a double in [0, 1): its upper 53 bits, so that it never rounds up to one."""
    return np.float64(u >> 9) * (1.0 / 9007199254740992.0)


@compiled
def draw_blocks(
    program: Program, text: Text, rule: Rule, state: State, starts: Ints, constants: Floats, out: Outcomes
) -> None:
    """Draw blocks of cycles.

    One pass of the inner loop either adds leaf tokens to the draft at hand, begins an inner round, or holds a review,
    whose yield is added to the draft around it. The round being drafted lives in local variables; those around it
    wait in `state.frames`. Tokens just added are reviewed at once where hazards are not tabulated, since a round's
    uniform number is drawn before its draft. Draws and look-ups stand in line here rather than in functions: every
    call with arrays counts their references, which takes longer than a review round.

    Args:
        program: The cascade; hazards of `text.pairs` are overwritten.
        text: What acceptances depend on besides.
        rule: When a block ends.
        state: Random numbers and text, advanced in place.
        starts: (trace, offset) of every block of recorded acceptances, shape (blocks, 2); else unused.
        constants: Hazards of `text.pairs` in every block, shape (blocks, pairs).
        out: Where the blocks are written; its size is the number of blocks.
    """
    nodes, steps, hazards, shape = program.nodes, program.steps, program.hazards, program.shape
    thresholds, guides, table_ticks = program.thresholds, program.guides, program.ticks
    lanes, uniforms, ring, place = state.lanes, state.uniforms, state.ring, state.place
    frames, survivals = state.frames, state.survivals
    recorded, trace_first, trace_length, drawn_pairs = text.recorded, text.first, text.length, text.pairs
    block_tokens, block_ticks, block_cycles = out.tokens, out.ticks, out.cycles
    yields, counters = out.yields, out.counters
    forked = rule.forked
    advance = 0 if forked else 1
    n_pairs, n_rows, n_positions = shape[1], shape[3], shape[4]
    ring_mask = ring.size - 1
    index = place[CURSOR]
    text_at, known = place[AT], place[KNOWN]
    trace_from = trace_size = offset = 0
    fork = np.uint64(0)
    text_stream = state.streams[0]
    for block in range(block_tokens.size):
        if forked:
            fork = mixed(state.streams[1])
            state.streams[1] += GOLDEN
        if text.fresh:
            text_at = known = 0
            if forked:
                text_stream = mixed(fork)
        if text.kind == RECORDED:
            trace_from, trace_size, offset = (
                trace_first[starts[block, 0]],
                trace_length[starts[block, 0]],
                starts[block, 1],
            )
        for i in range(drawn_pairs.size):
            for hidden in range(shape[0]):
                first = (hidden * n_pairs + drawn_pairs[i]) * 2 * n_rows * n_positions
                for j in range(2 * n_rows * n_positions):
                    hazards[first + j] = constants[block, i]
        tokens = ticks = cycles = 0
        node = -1
        step = depth = repeats = length = accepted = room = base = u = 0
        survival = 1.0
        rejected = False
        while True:
            if index == BUFFER:
                fill(lanes, uniforms)
                index = 0
            fresh = np.int64(mixed(fork + GOLDEN) >> np.uint64(2)) if forked else uniforms[index]
            added = 0
            reviewed = -1
            if node < 0:  # a new cycle
                node = depth = repeats = length = accepted = 0
                step = nodes[0, FIRST_STEP]
                room = rule.tokens - tokens - 1 if rule.cut else UNLIMITED
                base = text_at
                survival = 1.0
                rejected = False
                u = fresh
                index += advance
                fork += GOLDEN
                if nodes[0, LEAVES_ONLY]:
                    length = min(nodes[0, LENGTH], room)
                    reviewed = 0
                else:
                    if index == BUFFER:
                        fill(lanes, uniforms)
                        index = 0
                    fresh = np.int64(mixed(fork + GOLDEN) >> np.uint64(2)) if forked else uniforms[index]
            number = u
            drafted = length
            if reviewed < 0:
                if step == nodes[node, END_STEP]:
                    reviewed = node
                else:
                    kind, count = steps[step, KIND], steps[step, COUNT]
                    reached = length >= count and kind in (UNTIL, LEAF_UNTIL)
                    if reached or length >= room:
                        step += 1
                        repeats = 0
                        continue
                    if kind <= LEAF_UNTIL:
                        if kind == LEAF_UNTIL:
                            at_a_time = steps[step, AT_A_TIME]
                            count = (count - length + at_a_time - 1) // at_a_time * at_a_time
                        added = min(count, room - length)
                        ticks += added * steps[step, LEAF_TICKS]
                        counters[steps[step, LEAF_COUNT]] += added
                    else:
                        inner = steps[step, INNER]
                        index += advance
                        fork += GOLDEN
                        if nodes[node, BY_TABLE] and nodes[inner, SINGLE]:  # two levels without a frame
                            below = nodes[inner, FIRST_STEP]
                            by_rounds, enough = steps[below, KIND] == ROUNDS, steps[below, COUNT]
                            leaf = steps[below, INNER]
                            full, table, guide = nodes[leaf, LENGTH], nodes[leaf, TABLE], leaf << GUIDE_BITS
                            cost_row, count_row = nodes[leaf, TICKS], nodes[leaf, COUNTS]
                            outer_table, outer_guide = nodes[inner, TABLE], inner << GUIDE_BITS
                            outer_cost, outer_count = nodes[inner, TICKS], nodes[inner, COUNTS]
                            while True:
                                number = fresh
                                inside = room - length - 1
                                drafted = done = 0
                                while drafted < inside and (done if by_rounds else drafted) < enough:
                                    if index == BUFFER:
                                        fill(lanes, uniforms)
                                        index = 0
                                    if forked:
                                        fresh = np.int64(mixed(fork + GOLDEN) >> np.uint64(2))
                                    else:
                                        fresh = uniforms[index]
                                    index += advance
                                    fork += GOLDEN
                                    size = min(full, inside - drafted - 1)
                                    passed = np.int64(guides[guide + (fresh >> GUIDE_SHIFT)])
                                    while passed < size and fresh < thresholds[table + passed]:
                                        passed += 1
                                    drafted += min(passed, size) + 1
                                    done += 1
                                    ticks += table_ticks[cost_row + size]
                                    counters[count_row + size] += 1
                                passed = np.int64(guides[outer_guide + (number >> GUIDE_SHIFT)])
                                while passed < drafted and number < thresholds[outer_table + passed]:
                                    passed += 1
                                passed = min(passed, drafted)
                                length += passed + 1
                                repeats += 1
                                ticks += table_ticks[outer_cost + drafted]
                                counters[outer_count + drafted] += 1
                                if (repeats if kind == ROUNDS else length) >= count or length >= room:
                                    step += 1
                                    repeats = 0
                                    break
                                if index == BUFFER:
                                    fill(lanes, uniforms)
                                    index = 0
                                fresh = np.int64(mixed(fork + GOLDEN) >> np.uint64(2)) if forked else uniforms[index]
                                index += advance
                                fork += GOLDEN
                            if step < nodes[node, END_STEP]:
                                continue
                            reviewed = node
                            number = u
                            drafted = length
                        elif not nodes[inner, LEAVES_ONLY]:
                            frames[depth, 0], frames[depth, 1], frames[depth, 2] = node, step, repeats
                            frames[depth, 3], frames[depth, 4], frames[depth, 5] = length, room, accepted
                            frames[depth, 6], frames[depth, 7] = rejected, u
                            survivals[depth] = survival
                            depth += 1
                            base += length
                            room = room - length - 1
                            node, step, repeats, length, accepted = inner, nodes[inner, FIRST_STEP], 0, 0, 0
                            survival = 1.0
                            rejected = False
                            u = fresh
                            continue
                        elif nodes[node, BY_TABLE]:  # nothing but lengths matters until this draft's own review
                            full = nodes[inner, LENGTH]
                            table = nodes[inner, TABLE]
                            guide = inner << GUIDE_BITS
                            cost_row = nodes[inner, TICKS]
                            count_row = nodes[inner, COUNTS]
                            while True:
                                drafted = min(full, room - length - 1)
                                passed = np.int64(guides[guide + (fresh >> GUIDE_SHIFT)])
                                while passed < drafted and fresh < thresholds[table + passed]:
                                    passed += 1
                                length += min(passed, drafted) + 1
                                repeats += 1
                                ticks += table_ticks[cost_row + drafted]
                                counters[count_row + drafted] += 1
                                if (repeats if kind == ROUNDS else length) >= count or length >= room:
                                    step += 1
                                    repeats = 0
                                    break
                                if index == BUFFER:
                                    fill(lanes, uniforms)
                                    index = 0
                                fresh = np.int64(mixed(fork + GOLDEN) >> np.uint64(2)) if forked else uniforms[index]
                                index += advance
                                fork += GOLDEN
                            if step < nodes[node, END_STEP]:
                                continue
                            reviewed = node
                            number = u
                            drafted = length
                        else:
                            reviewed = inner
                            drafted = min(nodes[inner, LENGTH], room - length - 1)
                            number = fresh
            size = 1
            corrected = 0
            if reviewed >= 0:
                passed = accepted
                if nodes[reviewed, BY_TABLE]:
                    table = nodes[reviewed, TABLE]
                    passed = np.int64(guides[(reviewed << GUIDE_BITS) + (number >> GUIDE_SHIFT)])
                    while passed < drafted and number < thresholds[table + passed]:
                        passed += 1
                    passed = min(passed, drafted)
                ticks += table_ticks[nodes[reviewed, TICKS] + drafted]
                counters[nodes[reviewed, COUNTS] + drafted] += 1
                added = size = passed + 1
                corrected = 1
                if reviewed == node:
                    if depth == 0:
                        tokens += added
                        cycles += 1
                        yields[added] += 1
                        text_at += added
                        node = -1
                        if cycles == rule.cycles or (rule.tokens > 0 and tokens >= rule.tokens):
                            break
                        continue
                    depth -= 1
                    node, step, repeats = frames[depth, 0], frames[depth, 1], frames[depth, 2]
                    length, room, accepted = frames[depth, 3], frames[depth, 4], frames[depth, 5]
                    rejected, u = frames[depth, 6] != 0, frames[depth, 7]
                    survival = survivals[depth]
                    base -= length
                repeats += 1
            if not nodes[node, BY_TABLE] and not rejected:
                pair = steps[step, PAIR]
                for i in range(added):
                    position = base + length + i
                    if text.kind == RECORDED:
                        survival *= recorded[pair, trace_from + (offset + position) % trace_size]
                    else:
                        hidden = 0
                        if text.kind == MARKOV:
                            while known <= position:
                                chance = text.share
                                if known > 0:
                                    chance = text.stay if ring[(known - 1) & ring_mask] else text.enter
                                text_stream += GOLDEN
                                ring[known & ring_mask] = (
                                    _fraction(np.int64(mixed(text_stream) >> np.uint64(2))) < chance
                                )
                                known += 1
                            hidden = np.int64(ring[position & ring_mask])
                        column = (hidden * n_pairs + pair) * 2 + (corrected if i == added - 1 else 0)
                        row = min(size, n_rows) - 1
                        survival *= hazards[(column * n_rows + row) * n_positions + length + i]
                    if _fraction(u) >= survival:
                        rejected = True
                        break
                    accepted += 1
            length += added
            if corrected == 0 or (repeats if steps[step, KIND] == ROUNDS else length) >= steps[step, COUNT]:
                step += 1
                repeats = 0
        block_tokens[block] = tokens
        block_ticks[block] = ticks
        block_cycles[block] = cycles
    place[CURSOR], place[AT], place[KNOWN] = index, text_at, known
    state.streams[0] = text_stream
