"""Runs of several files brought to one speed: a machine is not always as fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.model import InputError
from analysis.model.records.runs import MeasuredRun
from analysis.paper.swi.costs import family


def at_one_speed(runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """The runs as if all had been timed at the first file's speed, by each file's autoregressive seconds a token.

    Runs of one file stay as they are. The scale is taken as certain: intervals do not count its error.

    Raises:
        InputError: where a file has a prompt without an autoregressive run to hold the others against.
    """
    seconds: dict[int, float] = {}
    tokens: dict[int, int] = {}
    held = set()
    for run in runs:
        if family(run) == "autoregressive":
            seconds[run.file] = seconds.get(run.file, 0.0) + run.seconds
            tokens[run.file] = tokens.get(run.file, 0) + run.tokens
            held.add((run.file, run.prompt))
    files = list(dict.fromkeys(run.file for run in runs))
    if len(files) < 2:
        return list(runs)
    for run in runs:
        if (run.file, run.prompt) not in held:
            raise InputError(
                "measured", f"no autoregressive row of prompt {run.prompt!r} in the file with {run.method!r}"
            )
    first = seconds[files[0]] / tokens[files[0]]
    factors = {file: first / (seconds[file] / tokens[file]) for file in files}
    return [_timed(run, factors[run.file]) for run in runs]


def _timed(run: MeasuredRun, factor: float) -> MeasuredRun:
    """The run with all its times multiplied."""
    return replace(
        run,
        seconds=factor * run.seconds,
        prefill_seconds=factor * run.prefill_seconds,
        call_seconds={model: factor * s for model, s in run.call_seconds.items()},
        cycles=[(made, factor * took) for made, took in run.cycles],
    )
