"""Runs of vLLM on a machine, as the pages that it served at their ends tell them.

Pages of AltriaSetsuna/speculative-decoding-empirical: vLLM 0.12, four targets from 8 to 70 billion parameters, at most
8 sequences at a time, EAGLE-3 with three tokens, n-gram and suffix copiers. Everything is read from the page that the
engine served at the end of each run: tokens and steps of all requests, those that were not finished too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from analysis.engines.evidence.cells import read_columns
from analysis.engines.readers.prometheus import read_page
from analysis.engines.readers.vllm_page import PREFIX, read
from analysis.model import InputError, read_text
from analysis.model.records.engine_counters import EngineCounters

FILE, FOLDER = "vllm_cells.csv", "vllm"


@dataclass(frozen=True)
class VllmRun:
    """What one page tells.

    Attributes:
        counters: Of its steps.
        prompts_seconds: What calls on prompts took, summed over requests.
    """

    counters: EngineCounters
    prompts_seconds: float

    @property
    def rate(self) -> float:
        """Tokens of one sequence in a second of decoding."""
        return known(self.counters.tokens_per_second)

    @property
    def step(self) -> float:
        """Seconds of one sequence's step."""
        return known(self.counters.seconds_per_step)

    @property
    def tokens_per_step(self) -> float:
        """Accepted tokens and the target's own, over all steps."""
        return 1 + known(self.counters.accepted) / self.steps

    @property
    def steps(self) -> float:
        """Steps of all sequences."""
        return known(self.counters.steps)

    @property
    def batch(self) -> float:
        """Sequences in a batch."""
        return known(self.counters.concurrency)

    @property
    def fed(self) -> float:
        """Tokens of a step that the target is fed."""
        return 1 + known(self.counters.drafted) / self.steps

    @property
    def mixed(self) -> float:
        """Share of the batches in which at least one sequence has a draft, if they draft independently."""
        silent = 1 - known(self.counters.drafts) / self.steps
        return float(1 - silent**self.batch)

    @property
    def prompts_added(self) -> float:
        """Seconds that prompts add to the steps in which they are read: a request's first call but for a plain step."""
        return max(0.0, self.prompts_seconds - known(self.counters.requests) * self.step)

    @property
    def step_without_prompts(self) -> float:
        """Seconds of a step but for what the prompts of other requests, read meanwhile, hold it up."""
        return self.step - (self.batch - 1) * self.prompts_added / self.steps


Runs = dict[tuple[str, str, str], VllmRun]


def read_runs(folder: Path) -> tuple[Runs, list[str]]:
    """The runs of a folder by (benchmark, target, method), and what was left out and why.

    Raises:
        InputError: where the list of runs lacks a column or names a page that cannot be read.
    """
    found: Runs = {}
    left_out = []
    seen: dict[str, str] = {}
    rows = read_columns(folder / FILE, ("benchmark", "model", "method", "metrics_file"))
    for row in sorted(rows, key=lambda row: len(row["method"])):  # of "eagle3" and "eagle3-copy" the first stays
        name = f"{row['benchmark']}, {row['model']}, {row['method']}"
        text = read_text(folder / FOLDER / row["metrics_file"])
        if text in seen:
            left_out.append(f"{name}: the same page as {seen[text]}")
            continue
        seen[text] = name
        try:
            found[row["benchmark"], row["model"], row["method"]] = _run(text)
        except InputError as error:
            left_out.append(f"{name}: {error}")
    return found, left_out


def _run(text: str) -> VllmRun:
    """The run of a page.

    Raises:
        InputError: where the page lacks what a prediction needs.
    """
    page, _ = read_page(text, PREFIX, "model_name")
    run = VllmRun(read(text), known(page.total("request_prefill_time_seconds_sum")))
    for value in (run.counters.tokens_per_second, run.counters.concurrency, run.counters.drafted):
        known(value)
    return run


def known(value: float | None) -> float:
    """A counter that the page has.

    Raises:
        InputError: where it is missing.
    """
    if value is None or not math.isfinite(value):
        raise InputError("", "the page lacks a counter of vLLM's V1 engine")
    return value
