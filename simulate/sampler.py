"""Draws blocks of cycles of one cascade under one acceptance process, stationary or as whole generations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.model import Cascade, check_reach
from analysis.model.boundary.fields import reject
from simulate.bounds import greatest_work, is_certain
from simulate.kernel.arrays import Outcomes, Rule, State, Text, new_state
from simulate.kernel.draw import count_passing, draw_blocks
from simulate.kernel.generator import BLOCK, lanes_for
from simulate.kernel.goes import Calls, calls_of
from simulate.kernel.program import Floats, Ints, Program, laid_out
from simulate.kernel.totals import MAX_CHUNK, Totals, block_moments, totals_of_constant_cost
from simulate.processes import Independent, KernelPlan, Process
from simulate.processes.base import PLAIN

FLAT_LIMIT = 64
"""Drafts up to this length are compared with all thresholds; longer ones look their yield up."""

MAX_BLOCK_TOKENS = 1 << 23
"""Greatest possible tokens of a block, so that sums of its squares stay exact."""

_PIECE = (1 << 16) * 2 * BLOCK
"""Cycles counted in one call of the kernel, which nothing can interrupt: a multiple of what it draws at a time."""

_CHUNK_WORK = 1 << 27
"""Greatest possible rounds and leaf tokens of one call of the kernel."""


@dataclass(frozen=True)
class Generation:
    """Whole generations instead of stationary cycles.

    A cycle offers the target at most one token fewer than remain; inner rounds and leaf steps are cut to the room
    that is left, so that a generation holds exactly `tokens`.

    Attributes:
        tokens: Tokens of a generation, >= 1.
        prefill: Cost of reading the prompt, in one-token target calls, >= 0; autoregressive decoding pays it too.
    """

    tokens: int
    prefill: float = 0.0


@dataclass(frozen=True)
class Sample:
    """Blocks drawn, one entry a block.

    Attributes:
        tokens: Tokens of the block.
        ticks: Cost of the block in ticks.
        cycles: Cycles of the block.
        tick: The cost, in one-token target calls, that one tick stands for.
        prefill: Cost of reading the prompt of every block, in one-token target calls.
    """

    tokens: Ints
    ticks: Ints
    cycles: Ints
    tick: float
    prefill: float

    @property
    def costs(self) -> Floats:
        """Cost of the block without the prefill, in one-token target calls."""
        return self.ticks * np.float64(self.tick)

    @property
    def ratio_terms(self) -> Floats:
        """Rows whose ratio of means is EWIF: tokens and costs, the prefill in both."""
        return np.stack([self.tokens, self.costs]) + self.prefill


class Sampler:
    """Draws blocks.

    Args:
        cascade: The cascade; all costs and acceptances its draft uses must be given.
        process: How acceptance departs from the cascade's hazards.
        generation: Whole generations of this kind; None for stationary cycles.

    Raises:
        InputError: where a cost or an acceptance is missing, the draft reads past the end of a table that refuses, or
            the process does not fit the cascade.
    """

    def __init__(self, cascade: Cascade, process: Process | None = None, generation: Generation | None = None) -> None:
        check_reach(cascade)
        self.process = process or Independent()
        self.plan: KernelPlan = self.process.plan(cascade)
        self.generation = generation
        self.cascade = self.plan.cascade
        cycles_in_block = generation.tokens if generation else self.plan.cycles or self.plan.tokens
        self.layout = laid_out(self.cascade, self.plan.tables, cycles_in_block=cycles_in_block)
        tokens = generation.tokens if generation else self.plan.tokens
        greatest = tokens + self.layout.greatest_yield if tokens else self.plan.cycles * self.layout.greatest_yield
        if greatest > MAX_BLOCK_TOKENS:
            reject("process", greatest, f"at most {MAX_BLOCK_TOKENS} possible tokens in a block (prompt, generation)")
        self.greatest_tokens = generation.tokens if generation else greatest
        work = greatest_work(self.cascade) * cycles_in_block
        self._chunk = max(1, min(MAX_CHUNK, (1 << 62) // greatest**2, _CHUNK_WORK // work))
        self._fresh = self.plan.fresh or generation is not None

    @property
    def is_fast(self) -> bool:
        """Whether cycles differ in their target review alone, and are counted rather than listed."""
        return (
            self.layout.is_flat
            and self.plan.independent
            and self.generation is None
            and self.layout.program.nodes[0]["length"] <= FLAT_LIMIT
        )

    @property
    def is_certain(self) -> bool:
        """Whether all blocks are the same, whatever is drawn."""
        rows = self.plan.tables.variants if self.plan.tables else [[self.cascade]]
        random = self.plan.kind != PLAIN or bool(self.plan.constants)
        return not random and all(is_certain(cascade) for row in rows for cascade in row)

    @property
    def prefill(self) -> float:
        """Cost of reading the prompt of a block, in one-token target calls; 0 for stationary cycles."""
        return self.generation.prefill if self.generation else 0.0

    @property
    def cycles_in_block(self) -> int:
        """Cycles of a block where all have equally many, else 0."""
        return 0 if self.generation else self.plan.cycles

    def blocks_for(self, cycles: int) -> int:
        """Blocks that hold at least that many cycles; at least two."""
        in_block = self.plan.cycles
        if not in_block or self.generation is not None:
            tokens = self.generation.tokens if self.generation else self.plan.tokens
            in_block = max(1, tokens // self.layout.greatest_yield)
        return max(2, -(-cycles // in_block))

    def draw(self, key: tuple[object, ...], blocks: int) -> Totals:
        """Draw blocks and sum them up; equal keys give equal totals.

        Args:
            key: Names the random numbers, for example root seed, task id and batch index.
            blocks: Number of blocks, >= 1; any number in constant memory.
        """
        if self.is_fast:
            return self._count(key, blocks)
        totals = Totals()
        for out in self._chunks(key, blocks, self._rule(forked=False)):
            tokens, ticks, tokens_squared, ticks_squared, tokens_ticks = block_moments(out.tokens, out.ticks)
            totals += Totals(
                blocks=out.tokens.size,
                cycles=int(out.cycles.sum()),
                tokens=tokens,
                ticks=ticks,
                tokens_squared=tokens_squared,
                ticks_squared=ticks_squared,
                tokens_ticks=tokens_ticks,
                yields=_counts(out.yields),
                calls=self.layout.calls(out.counters),
            )
        return totals

    def sample(self, key: tuple[object, ...], blocks: int, *, forked: bool = False) -> Sample:
        """Draw blocks and list them.

        Args:
            key: Names the random numbers.
            blocks: Number of blocks, >= 1; memory grows with it.
            forked: Whether each block draws from its own stream, so that block i of another cascade drawn with the
                same key shares its random numbers.
        """
        chunks = [(out.tokens, out.ticks, out.cycles) for out in self._chunks(key, blocks, self._rule(forked))]
        tokens, ticks, cycles = (np.concatenate(part) for part in zip(*chunks, strict=True))
        return Sample(tokens, ticks, cycles, self.layout.tick, self.prefill)

    def _count(self, key: tuple[object, ...], cycles: int) -> Totals:
        program = self.layout.program
        length = int(program.nodes[0]["length"])
        passing = np.zeros(length, dtype=np.int64)
        lanes, uniforms = lanes_for(*key), np.empty(2 * BLOCK, dtype=np.int64)
        for first in range(0, cycles, _PIECE):
            count_passing(lanes, uniforms, program.thresholds, min(_PIECE, cycles - first), passing)
        at_least = [cycles, *passing.tolist(), 0]
        yields = Counter({j + 1: at_least[j] - at_least[j + 1] for j in range(length + 1)})
        calls: Calls = Counter({(self.cascade.target, length + 1): cycles})
        for call, number in calls_of(self.layout.orders[0] or (), length).items():
            calls[call] += number * cycles
        return totals_of_constant_cost(+yields, int(program.ticks[length]), calls)

    def _rule(self, forked: bool) -> Rule:
        if self.generation is not None:
            return Rule(0, self.generation.tokens, True, forked)
        return Rule(self.plan.cycles, self.plan.tokens, False, forked)

    def _chunks(self, key: tuple[object, ...], blocks: int, rule: Rule) -> Iterator[Outcomes]:
        program = self.layout.program
        if self.plan.constants:  # overwritten block by block, and other threads may be drawing
            program = program._replace(hazards=program.hazards.copy())
        state = new_state(program, lanes_for(*key))
        generator = np.random.Generator(np.random.PCG64(lanes_for(*key, "process")[:, 0].tolist()))
        text = self._text()
        if not self._fresh:  # a first block, not counted, brings the text to its stationary law
            self._draw_chunk(program, 1, text, rule, state, generator)
        for first in range(0, blocks, self._chunk):
            yield self._draw_chunk(program, min(self._chunk, blocks - first), text, rule, state, generator)

    def _draw_chunk(
        self, program: Program, blocks: int, text: Text, rule: Rule, state: State, generator: np.random.Generator
    ) -> Outcomes:
        out = Outcomes(
            np.zeros(blocks, dtype=np.int64),
            np.zeros(blocks, dtype=np.int64),
            np.zeros(blocks, dtype=np.int64),
            np.zeros(self.layout.greatest_yield + 1, dtype=np.int64),
            np.zeros(self.layout.counters, dtype=np.int64),
        )
        starts, constants = self._drawn(blocks, generator)
        draw_blocks(program, text, rule, state, starts, constants, out)
        return out

    def _text(self) -> Text:
        plan, pairs = self.plan, self.layout.pairs
        lengths = [len(next(iter(trace.values()))) for trace in plan.traces]
        recorded = np.zeros((max(1, len(pairs)), max(1, sum(lengths))), dtype=np.uint8)
        first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        for trace, at in zip(plan.traces, first, strict=False):
            for pair, index in pairs.items():
                recorded[index, at : at + trace[pair].size] = trace[pair]
        return Text(
            plan.kind,
            plan.share,
            plan.share * (1 - plan.autocorrelation),
            plan.share + plan.autocorrelation * (1 - plan.share),
            recorded,
            first[:-1],
            np.array(lengths, dtype=np.int64),
            np.array([pairs[pair] for pair in plan.constants if pair in pairs], dtype=np.int64),
            self._fresh,
        )

    def _drawn(self, blocks: int, generator: np.random.Generator) -> tuple[Ints, Floats]:
        """What the process draws once a block: (trace, offset) and constant hazards."""
        starts = np.zeros((blocks, 2), dtype=np.int64)
        if self.plan.traces:
            lengths = np.array([len(next(iter(trace.values()))) for trace in self.plan.traces])
            starts[:, 0] = generator.integers(lengths.size, size=blocks)
            starts[:, 1] = generator.integers(lengths[starts[:, 0]])
        laws = [law for pair, law in self.plan.constants.items() if pair in self.layout.pairs]
        constants = np.empty((blocks, len(laws)))
        for i, (a, b) in enumerate(laws):
            constants[:, i] = generator.beta(a, b, size=blocks)
        return starts, constants


def _counts(histogram: Ints) -> Counter[int]:
    occupied = np.flatnonzero(histogram)
    return Counter(dict(zip(occupied.tolist(), histogram[occupied].tolist(), strict=True)))
