"""The paper's tables of results, laid out over measured rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

from analysis.model import walk
from analysis.model.records.runs import MeasuredRun
from analysis.paper.swi.costs import Expenses, family

Measure = Callable[[MeasuredRun], tuple[int, float]]
"""Tokens and seconds of a run."""

LIMITS = (16, 32, 64, 96, 128)
"""Limits of the generation's length, in tokens."""


def label(run: MeasuredRun) -> str:
    """What kind of method it is, in the words of the paper's tables."""
    used = dict.fromkeys(step.by for _, _, step in walk(run.draft, run.target))
    match family(run):
        case "autoregressive":
            return "autoregressive"
        case "maxgram":
            return "Max-Gram alone"
        case "speculative":
            return f"speculative, {next(iter(used))}"
        case _:
            return f"cascade, {' + '.join(sorted(used))}"


def by_kind(runs: Sequence[MeasuredRun], found: Mapping[str, Expenses]) -> list[dict[str, object]]:
    """Layout of Table 2: one row a kind of method, with its best improvement by each measure and the draft of it.

    Args:
        runs: All runs.
        found: Totals by measure.
    """
    labels = {run.method: label(run) for run in runs}
    drafts = {run.method: [step.to_json() for step in run.draft] for run in runs}
    rows = []
    for kind in dict.fromkeys(labels.values()):
        row: dict[str, object] = {"method": kind}
        for measure, totals in found.items():
            rate = dict(zip(totals.methods, totals.per_token(), strict=True))
            base = min(rate[method] for method, name in labels.items() if name == "autoregressive")
            best = min((m for m in labels if labels[m] == kind), key=rate.__getitem__)
            row[measure] = {"improvement": float(base / rate[best]), "name": best, "draft": drafts[best]}
        rows.append(row)
    return rows


def tokens_per_second(runs: Sequence[MeasuredRun]) -> list[dict[str, object]]:
    """Layout of Table 3: tokens a second of the fastest method of each kind, the prompt's reading included."""
    return _fastest(runs, {run.method: label(run) for run in runs}, lambda run: (run.tokens, _whole(run)))


def by_limit(runs: Sequence[MeasuredRun], limits: Iterable[int] = LIMITS) -> list[dict[str, object]]:
    """Layout of Table 4: tokens a second of the fastest method of each kind, cut after so many tokens.

    A greedy text cut earlier is the beginning of the same text, so cycles up to the limit tell what a shorter run
    would have taken; only the last cycle could have drafted a little less. Texts that end before the limit count whole.
    Runs without a log of their cycles are left out.
    """
    logged = [run for run in runs if run.cycles]
    longest = max((run.tokens for run in logged), default=0)
    labels = {run.method: label(run) for run in logged}
    rows: dict[str, dict[str, object]] = {kind: {"method": kind} for kind in labels.values()}
    for limit in (limit for limit in limits if limit <= longest):
        for row in _fastest(logged, labels, functools.partial(_until, limit=limit)):
            rows[str(row["method"])][str(limit)] = row["tokens_per_second"]
    return list(rows.values())


def _fastest(runs: Sequence[MeasuredRun], labels: Mapping[str, str], measure: Measure) -> list[dict[str, object]]:
    sums: dict[str, list[float]] = {}
    for run in runs:
        tokens, seconds = measure(run)
        total = sums.setdefault(run.method, [0.0, 0.0])
        total[0] += tokens
        total[1] += seconds
    rates = {method: tokens / seconds for method, (tokens, seconds) in sums.items()}
    rows = []
    for kind in dict.fromkeys(labels.values()):
        best = max((m for m in rates if labels[m] == kind), key=rates.__getitem__)
        rows.append({"method": kind, "name": best, "tokens_per_second": rates[best]})
    return rows


def _whole(run: MeasuredRun) -> float:
    return run.seconds + run.prefill_seconds


def _until(run: MeasuredRun, limit: int) -> tuple[int, float]:
    tokens, seconds = 0, run.prefill_seconds
    for made, took in run.cycles:
        tokens, seconds = tokens + made, seconds + took
        if tokens >= limit:
            break
    return min(tokens, limit, run.tokens), seconds
