"""Progress of a sweep: how much of all its work is done, as a bar on a terminal and nothing elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from analysis.model import progress_bar
from simulate.estimation import Estimate
from simulate.sweep.schedule import Stop

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


def share_done(estimate: Estimate | None, stop: Stop) -> float:
    """How much of a task's work is done, in [0, 1]: errors fall with the square root of the cycles."""
    if estimate is None:
        return 0.0
    if stop.reached(estimate):
        return 1.0
    shares = [0.0]
    if stop.max_cycles is not None:
        shares.append(estimate.cycles / stop.max_cycles)
    if stop.target_error is not None:
        shares.append((stop.target_error * estimate.ewif / estimate.half_width) ** 2)
    return min(1.0, max(shares))


class Bar:
    """A bar over the work of all tasks, or over the time they have, whichever is further.

    Args:
        tasks: How many there are.
        stop: When they are finished.
        shown: Whether to show it; None for on a terminal only.
    """

    def __init__(self, tasks: int, stop: Stop, shown: bool | None) -> None:
        self._tasks = tasks
        self._stop = stop
        self._started = time.monotonic()
        self._done = 0.0
        self._finished = 0
        self._bar = progress_bar(f"0/{tasks} tasks", total=1.0, form=_FORMAT, shown=shown)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    @property
    def share(self) -> float:
        """How much of the sweep is done, in [0, 1]."""
        shares = [self._done / self._tasks if self._tasks else 1.0]
        if self._stop.max_seconds is not None:
            shares.append((time.monotonic() - self._started) / self._stop.max_seconds)
        return min(1.0, max(shares))

    def advance(self, name: str, before: Estimate | None, after: Estimate) -> None:
        """Take in that a task's estimate became better."""
        share = share_done(after, self._stop)
        self._done += share - share_done(before, self._stop)
        self._finished += share == 1
        self._bar.set_description_str(f"{self._finished}/{self._tasks} tasks", refresh=False)
        text = f"{name}: EWIF {after.ewif:.5g} ± {after.half_width:.1g}, {after.cycles:.2g} cycles"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(self.share - self._bar.n)
