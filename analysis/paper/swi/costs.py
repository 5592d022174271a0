"""Standardised walltime improvement (SWI) of measured generations.

SWI (CS Drafting, arXiv 2312.11462, section 5) gives every call of a model one fixed cost from a table and compares the
sum with one target call a token. Two conventions: the authors' code counts reviews only, so that what a leaf step of a
neural model drafts is free (in their programs every neural model reviews Max-Gram, so nothing is lost there; plain
speculative decoding would cost its target's reviews alone); ``all`` counts every call of a neural model. Max-Gram is
free in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError, walk
from analysis.model.records.named import family_of
from analysis.model.records.runs import MeasuredRun, PromptId
from analysis.paper.published import read_rows

Costs = Mapping[str, float]
"""Cost of a call by model, in any unit."""
Expense = Callable[[MeasuredRun], float]
"""What a generation costs in some unit: calls by a table, or seconds."""


def cost_tables(parameters: Mapping[str, float], target: str, measured: Costs | None = None) -> dict[str, Costs]:
    """Cost tables by name.

    Args:
        parameters: Number of parameters by neural model.
        target: The target.
        measured: Seconds or costs of one-token calls, where they are known.

    Returns:
        ``MS`` the parameters; ``MS, target x10`` the same with the slip of the authors' table for LLaMA-7B; ``PW``
        the costs that prior work measured for T5 drafters of the same share of their target's parameters; ``c``
        the measured costs.
    """
    share = {model: n / parameters[target] for model, n in parameters.items()}
    found: dict[str, Costs] = {
        "MS": share,
        "MS, target x10": {model: c / (1 if model == target else 10) for model, c in share.items()},
        "PW": {model: 1.0 if model == target else prior_work_cost(c) for model, c in share.items()},
    }
    if measured is not None:
        found["c"] = {model: measured[model] / measured[target] for model in parameters}
    return found


def prior_work_cost(share: float) -> float:
    """Cost of a drafter with that share of its target's parameters, by Leviathan et al.'s T5 on a TPU-v4.

    They measured three drafters; between them, and on to the target itself, the logarithm of the cost is taken to be
    linear in that of the share, and below the smallest likewise.
    """
    rows = [row for row in read_rows("swi_costs.csv") if row["previous_work"]]
    whole = max(float(row["model_parameters"]) for row in rows)
    points = sorted((math.log(float(r["model_parameters"]) / whole), math.log(float(r["previous_work"]))) for r in rows)
    if share <= 0:
        return 0.0
    x = math.log(share)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1 or x1 == points[-1][0]:
            return math.exp(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
    raise AssertionError("there are two points at least")


def standardised(costs: Costs, convention: str) -> Expense:
    """The cost of a generation's calls, in target calls.

    Args:
        costs: Of a call, by neural model.
        convention: ``reviews``, the authors', or ``all``.
    """

    def expense(run: MeasuredRun) -> float:
        counts = run.reviews if convention == "reviews" else run.calls
        for model in counts:
            if model not in costs:
                raise InputError("parameters", f"missing for {model!r}, which {run.method!r} calls")
        return sum(n * costs[model] for model, n in counts.items()) / costs[run.target]

    return expense


def wall_clock(run: MeasuredRun) -> float:
    """Seconds of decoding."""
    return run.seconds


@dataclass(frozen=True)
class Expenses:
    """Expense and tokens of every method on every prompt.

    Attributes:
        methods: Names.
        prompts: Ids.
        expense: ``expense[method, prompt]``, summed over repeats.
        tokens: ``tokens[method, prompt]``.
    """

    methods: tuple[str, ...]
    prompts: tuple[PromptId, ...]
    expense: NDArray[np.float64]
    tokens: NDArray[np.float64]

    def per_token(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Expense a token by method, all tokens alike, with prompts weighted, shape (..., methods)."""
        if weights is None:
            weights = np.ones(len(self.prompts))
        result: NDArray[np.float64] = (weights @ self.expense.T) / (weights @ self.tokens.T)
        return result


def totals(runs: Sequence[MeasuredRun], expense: Expense, prompts: Collection[PromptId]) -> Expenses:
    """Add up the runs of some prompts, those that every method ran.

    Raises:
        InputError: where there is none.
    """
    methods = tuple(dict.fromkeys(run.method for run in runs))
    by: dict[tuple[str, PromptId], tuple[float, float]] = {}
    for run in runs:
        if run.prompt in prompts:
            cost, tokens = by.get((run.method, run.prompt), (0.0, 0.0))
            by[run.method, run.prompt] = cost + expense(run), tokens + run.tokens
    ids = tuple(dict.fromkeys(run.prompt for run in runs if run.prompt in prompts))
    common = tuple(key for key in ids if all((method, key) in by for method in methods))
    if not common:
        raise InputError("measured", "no prompt was run by every method")
    table = np.array([[by[method, key] for key in common] for method in methods])
    return Expenses(methods, common, table[:, :, 0], table[:, :, 1])


def family(run: MeasuredRun) -> str:
    """What a run's networks do: ``autoregressive``, ``speculative``, ``cascade``, or ``maxgram``, without any drafting.

    `speculative` is one leaf step, as `records.named.family_of` has it; all shapes beyond it are a cascade.
    """
    if run.draft and {step.by for _, _, step in walk(run.draft, run.target)} <= run.statistical:
        return "maxgram"
    found = family_of(run.draft, run.statistical)
    return found if found in ("autoregressive", "speculative") else "cascade"
