"""Acceptance processes: how acceptance departs from independent hazards, each a small object with its own witness."""

from __future__ import annotations

from collections.abc import Callable

from analysis.model.boundary.fields import inside, mapping, only_keys, reject
from simulate.processes.base import KernelPlan, Pair, Process
from simulate.processes.beta import Beta, read_beta
from simulate.processes.by_yield import ByYield, read_by_yield
from simulate.processes.independent import (
    Independent,
    from_mean_length,
    from_survival,
    geometric_survival,
    read_decay,
    with_acceptances,
)
from simulate.processes.markov import Markov, read_markov
from simulate.processes.recorded import Recorded, read_replay

__all__ = [
    "Beta",
    "ByYield",
    "Independent",
    "KernelPlan",
    "Markov",
    "Pair",
    "Process",
    "Recorded",
    "from_mean_length",
    "from_survival",
    "geometric_survival",
    "read_process",
    "with_acceptances",
]

_READERS: dict[str, Callable[[object], Process]] = {
    "beta": read_beta,
    "by_yield": read_by_yield,
    "decay": read_decay,
    "markov": read_markov,
    "replay": read_replay,
}


def read_process(value: object) -> Process:
    """Read a task's `process`: an object with exactly one key, the kind; None for independent acceptance.

    Raises:
        InputError: naming the field, its value and what is allowed.
    """
    if value is None:
        return Independent()
    fields = mapping(value, "")
    only_keys(fields, tuple(_READERS))
    if not fields:
        return Independent()
    if len(fields) != 1:
        reject("", sorted(fields), f"exactly one of {', '.join(_READERS)}")
    kind, content = next(iter(fields.items()))
    with inside(kind):
        return _READERS[kind](content)
