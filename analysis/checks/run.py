"""All checks of one traces file, in one order and with one seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from analysis.checks.constant_hazard import check_constant_hazard
from analysis.checks.heterogeneity import check_domains, check_prompts
from analysis.checks.inner_outer import check_inner_outer
from analysis.checks.serial import check_serial
from analysis.checks.traces import Traces
from analysis.checks.verdict import Check, Judged, judge
from analysis.model import progress

Task = Callable[[np.random.Generator], Check]


def run_checks(traces: Traces, seed: int) -> list[Judged]:
    """Every check of the pairs of the target, and of each inner pair's outcome against the target's.

    Args:
        traces: The recorded texts.
        seed: Root seed of bootstraps and permutations; every check has a stream of its own.
    """
    tasks: list[Task] = []
    for pair in traces.pairs:
        if pair[0] == traces.target:
            checks = (check_constant_hazard, check_prompts, check_domains, check_serial)
            tasks += [partial(check, traces, pair) for check in checks]
    tasks += [
        partial(check_inner_outer, traces, drafter, inner)
        for drafter, inner in traces.pairs
        if drafter != traces.target and (traces.target, drafter) in traces.pairs
    ]
    streams = np.random.SeedSequence(seed).spawn(len(tasks))
    bar = progress(zip(tasks, streams, strict=True), "checking assumptions", "check", total=len(tasks))
    return judge([task(np.random.default_rng(stream)) for task, stream in bar])
