"""How large batches are and when a task has enough: functions of the task and its batches alone."""

from __future__ import annotations

from dataclasses import dataclass

from simulate.bounds import greatest_work
from simulate.estimation import Estimate
from simulate.sampler import Sampler

FIRST_BATCH = 1 << 14
FAST_BATCH = 1 << 30
WORK = 1 << 26
"""Greatest batches, each about a second at most: 2^30 cycles that are only counted, or blocks of at most 2^26 rounds
and tokens. A batch has at least one block, though, and a single block can hold more than that."""


@dataclass(frozen=True)
class Stop:
    """When a task is finished: as soon as any of these holds.

    Attributes:
        target_error: Half width of the 95 % interval over EWIF is at most this; None for no such limit.
        max_cycles: That many cycles are drawn; None for no limit.
        max_seconds: The sweep has run that long; None for no limit. Results then depend on the machine.
    """

    target_error: float | None = None
    max_cycles: int | None = None
    max_seconds: float | None = None

    def reached(self, estimate: Estimate) -> bool:
        """Whether a task with this estimate is finished, time aside."""
        if self.max_cycles is not None and estimate.cycles >= self.max_cycles:
            return True
        return self.target_error is not None and estimate.half_width <= self.target_error * estimate.ewif


def blocks_of_batch(sampler: Sampler, batch: int, drawn: int, max_cycles: int | None) -> int:
    """Blocks of a batch: each size twice, then twice the size, up to the greatest.

    Args:
        sampler: Draws the batch.
        batch: Its index.
        drawn: Cycles of all batches before it.
        max_cycles: Cycles after which to stop; the last batch is cut where blocks have equally many cycles.
    """
    if sampler.is_fast:
        most = FAST_BATCH
    else:
        cycles = sampler.generation.tokens if sampler.generation else sampler.plan.cycles or sampler.plan.tokens
        most = max(1, WORK // (cycles * greatest_work(sampler.cascade)))
    blocks = min(FIRST_BATCH, most) << min(batch // 2, 40)
    blocks = min(blocks, most)
    if max_cycles is not None and sampler.cycles_in_block:
        blocks = min(blocks, max(1, -(-(max_cycles - drawn) // sampler.cycles_in_block)))
    return blocks
