"""Runs of vLLM on a machine, two benchmarks: costs measured on one, speedups predicted on the other.

Pages of AltriaSetsuna/speculative-decoding-empirical: vLLM 0.12, four targets from 8 to 70 billion parameters, at most
8 sequences at a time, EAGLE-3 with three tokens, n-gram and suffix copiers. Everything is read from the page that the
engine served at the end of each run: tokens and steps of all requests, those that were not finished too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from analysis.engines.evidence.cells import IID, IID_COSTS, POSITIONS, Cell, read_columns
from analysis.engines.evidence.constant import EAGLE_SHARE, alpha_of_counts
from analysis.engines.hardware import published_costs
from analysis.engines.readers.prometheus import read_page
from analysis.engines.readers.vllm_page import PREFIX, read
from analysis.model import Cost, InputError, read_text
from analysis.model.records.engine_counters import EngineCounters
from analysis.theory.closed_forms import expected_accepted

STUDY = "vLLM, costs from the other benchmark"
COPIERS_STUDY = "vLLM, costs from the other copier"
MACHINE_STUDY = "vLLM, costs from another machine"
FILE, FOLDER = "vllm_cells.csv", "vllm"
FITTED_TARGET = "L31-8B-I"
"""Target of which a fit for another machine is published."""
PLAIN, NEURAL, COPYING = "autoregressive", ("eagle3",), ("ngram", "suffix")
WITHOUT_PROMPTS = "positions, prompts apart"
BEFORE_RUNNING = "acceptance too from the other"
PUBLISHED = "positions, published fit"
BY_FED, BY_MIXED = "by tokens fed", "by steps with a draft"


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
        return _known(self.counters.tokens_per_second)

    @property
    def step(self) -> float:
        """Seconds of one sequence's step."""
        return _known(self.counters.seconds_per_step)

    @property
    def tokens_per_step(self) -> float:
        """Accepted tokens and the target's own, over all steps."""
        return 1 + _known(self.counters.accepted) / self.steps

    @property
    def steps(self) -> float:
        """Steps of all sequences."""
        return _known(self.counters.steps)

    @property
    def batch(self) -> float:
        """Sequences in a batch."""
        return _known(self.counters.concurrency)

    @property
    def fed(self) -> float:
        """Tokens of a step that the target is fed."""
        return 1 + _known(self.counters.drafted) / self.steps

    @property
    def mixed(self) -> float:
        """Share of the batches in which at least one sequence has a draft, if they draft independently."""
        silent = 1 - _known(self.counters.drafts) / self.steps
        return float(1 - silent**self.batch)

    @property
    def prompts_added(self) -> float:
        """Seconds that prompts add to the steps in which they are read: a request's first call but for a plain step."""
        return max(0.0, self.prompts_seconds - _known(self.counters.requests) * self.step)

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
            counters = read(text)
        except InputError as error:
            left_out.append(f"{name}: {error}")
            continue
        page, _ = read_page(text, PREFIX, "model_name")
        prompts = page.total("request_prefill_time_seconds_sum")
        found[row["benchmark"], row["model"], row["method"]] = VllmRun(counters, _known(prompts))
    return found, left_out


def across_benchmarks(runs: Runs) -> list[Cell]:
    """Cells of methods that ran on two benchmarks with the same target, both ways."""
    cells = []
    for (benchmark, target, method), run in runs.items():
        if method not in NEURAL:
            continue
        for other in dict.fromkeys(name for name, *_ in runs if name != benchmark):
            there = [runs.get((other, target, each)) for each in (PLAIN, method)]
            plain = runs.get((benchmark, target, PLAIN))
            if plain and there[0] and there[1]:
                name = f"{target} {method}, {other} to {benchmark}"
                cells.append(_transferred(name, run, plain, there[0], there[1]))
    return cells


def _transferred(name: str, run: VllmRun, plain: VllmRun, other_plain: VllmRun, other: VllmRun) -> Cell:
    ratio = other.step / other_plain.step
    apart = other.step_without_prompts / other_plain.step_without_prompts
    by_position = run.counters.accepted_by_position
    yields = 1 + expected_accepted(alpha_of_counts(_known(run.counters.drafts), by_position), len(by_position))
    predicted = {
        IID: yields / (1 + len(by_position) * EAGLE_SHARE),
        IID_COSTS: yields / ratio,
        POSITIONS: run.tokens_per_step / ratio,
        WITHOUT_PROMPTS: run.tokens_per_step / _with_prompts(run, plain, apart),
        BEFORE_RUNNING: other.tokens_per_step / ratio,
    }
    return Cell(STUDY, name, run.rate / plain.rate, predicted, None, _facts(run, plain))


def _with_prompts(run: VllmRun, plain: VllmRun, apart: float) -> float:
    """Step over plain step where the prompts hold up decoding as long as they do without drafts, in fewer steps."""
    held_up = (run.batch - 1) * plain.prompts_added / run.steps
    return (apart * plain.step_without_prompts + held_up) / plain.step


def across_copiers(runs: Runs) -> list[Cell]:
    """Cells of copiers whose step is predicted from that of the other copier of the same target and benchmark."""
    cells = []
    for (benchmark, target, method), run in runs.items():
        for other in COPYING:
            there, plain = runs.get((benchmark, target, other)), runs.get((benchmark, target, PLAIN))
            if method not in COPYING or other == method or not there or not plain:
                continue
            more = there.step - plain.step
            by_fed = plain.step + more * (run.fed - 1) / (there.fed - 1)
            by_mixed = plain.step + more * run.mixed / there.mixed
            predicted = {
                IID: _textbook(run),
                BY_FED: run.tokens_per_step * plain.step / by_fed,
                BY_MIXED: run.tokens_per_step * plain.step / by_mixed,
            }
            name = f"{target} {benchmark}, {other} to {method}"
            cells.append(Cell(COPIERS_STUDY, name, run.rate / plain.rate, predicted, None, _facts(run, plain)))
    return cells


def from_another_machine(runs: Runs) -> list[Cell]:
    """Cells of the target whose costs on an H100 are published, predicted from those."""
    cells = []
    for (benchmark, target, method), run in runs.items():
        plain = runs.get((benchmark, target, PLAIN))
        if target != FITTED_TARGET or method == PLAIN or not plain:
            continue
        costs = published_costs("copying" if method in COPYING else "eagle3", batch=round(run.batch))
        drafting = _known(run.counters.drafts) / run.steps
        length = _known(run.counters.drafted) / _known(run.counters.drafts)
        step = _between(costs.target, run.fed) + drafting * costs.drafter.drafting(round(length))
        predicted = {PUBLISHED: run.tokens_per_step * costs.target.at(1) / step}
        cells.append(
            Cell(
                MACHINE_STUDY,
                f"{target} {benchmark}, {method}",
                run.rate / plain.rate,
                predicted,
                None,
                _facts(run, plain),
            )
        )
    return cells


def _between(cost: Cost, tokens: float) -> float:
    """Cost of calls on so many tokens in the mean, linear between whole numbers."""
    whole = math.floor(tokens)
    return cost.at(whole) + (tokens - whole) * (cost.at(whole + 1) - cost.at(whole))


def _textbook(run: VllmRun) -> float:
    """Tokens of a step with a draft, as the engine's own mean acceptance length has them, copying being free."""
    return 1 + _known(run.counters.accepted) / _known(run.counters.drafts)


def _facts(run: VllmRun, plain: VllmRun) -> dict[str, float | None]:
    return {
        "batch": run.batch,
        "tokens_per_step": run.tokens_per_step,
        "drafting_share": _known(run.counters.drafts) / run.steps,
        "batches_with_a_draft": run.mixed,
        "fed_per_step": run.fed,
        "step_ms": 1000 * run.step,
        "plain_step_ms": 1000 * plain.step,
        "step_without_prompts_ms": 1000 * run.step_without_prompts,
        "plain_step_without_prompts_ms": 1000 * plain.step_without_prompts,
    }


def _known(value: float | None) -> float:
    if value is None or not math.isfinite(value):
        raise InputError("", "the page lacks a counter of vLLM's V1 engine")
    return value
