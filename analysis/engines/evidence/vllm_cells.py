"""Runs of vLLM predicted with costs of other runs: another benchmark, another copier, another machine."""

from __future__ import annotations

import math

from analysis.engines.evidence.cells import IID, IID_COSTS, POSITIONS, Cell
from analysis.engines.evidence.constant import EAGLE_SHARE, alpha_of_counts
from analysis.engines.evidence.vllm_runs import Runs, VllmRun, known
from analysis.engines.hardware import published_costs
from analysis.model import Cost
from analysis.theory.closed_forms import expected_accepted

STUDY = "vLLM, costs from the other benchmark"
COPIERS_STUDY = "vLLM, costs from the other copier"
MACHINE_STUDY = "vLLM, costs from another machine"
FITTED_TARGET = "L31-8B-I"
"""Target of which a fit for another machine is published."""
PLAIN, NEURAL, COPYING = "autoregressive", ("eagle3",), ("ngram", "suffix")
WITHOUT_PROMPTS = "positions, prompts apart"
BEFORE_RUNNING = "acceptance too from the other"
PUBLISHED = "positions, published fit"
BY_FED, BY_MIXED = "by tokens fed", "by steps with a draft"


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
    yields = 1 + expected_accepted(alpha_of_counts(known(run.counters.drafts), by_position), len(by_position))
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
        drafting = known(run.counters.drafts) / run.steps
        length = known(run.counters.drafted) / known(run.counters.drafts)
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
    return 1 + known(run.counters.accepted) / known(run.counters.drafts)


def _facts(run: VllmRun, plain: VllmRun) -> dict[str, float | None]:
    return {
        "batch": run.batch,
        "tokens_per_step": run.tokens_per_step,
        "drafting_share": known(run.counters.drafts) / run.steps,
        "batches_with_a_draft": run.mixed,
        "fed_per_step": run.fed,
        "step_ms": 1000 * run.step,
        "plain_step_ms": 1000 * plain.step,
        "step_without_prompts_ms": 1000 * run.step_without_prompts,
        "plain_step_without_prompts_ms": 1000 * plain.step_without_prompts,
    }
