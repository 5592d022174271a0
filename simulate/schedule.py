"""How large batches are and when a task has enough: functions of the task and its batches alone."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.model import longest
from simulate.estimate import Estimate
from simulate.sampler import Sampler

FIRST_BATCH = 1 << 14
LEAST_BATCH = 64
_FAST_BATCH = 1 << 31
_WORK = 1 << 26
"""Greatest batches take about a second: 2^31 cycles that are only counted, or 2^26 token positions."""


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
    """Blocks of a batch: each size twice, then twice the size, up to batches of about a second.

    Args:
        sampler: Draws the batch.
        batch: Its index.
        drawn: Cycles of all batches before it.
        max_cycles: Cycles after which to stop; the last batch is cut where blocks have equally many cycles.
    """
    if sampler.is_fast:
        most = _FAST_BATCH
    else:
        cycles = sampler.generation.tokens if sampler.generation else sampler.plan.cycles or sampler.plan.tokens
        most = max(LEAST_BATCH, _WORK // (cycles * (longest(sampler.cascade.draft) + 8)))
    blocks = min(FIRST_BATCH, most) << min(batch // 2, 40)
    blocks = min(blocks, most)
    if max_cycles is not None and sampler.cycles_in_block:
        blocks = min(blocks, max(1, -(-(max_cycles - drawn) // sampler.cycles_in_block)))
    return blocks
