"""Costs from a microbenchmark: times of the target's calls by their tokens, and of drafting by tokens drafted."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from analysis.engines.costs import DRAFTER, TARGET, EngineCosts
from analysis.model import Affine, ByDraft, InputError, Tabulated, inside_file, read_text
from analysis.model.boundary.fields import inside, read_number, reject

Times = Mapping[int, Sequence[float]]
"""Repeated times by number of tokens, in any one unit."""
Matrix = NDArray[np.float64]


def costs_of_times(verify: Times, draft: Times, source: str = "a microbenchmark") -> EngineCosts:
    """Costs of a target and a drafter from times of their calls.

    Between measured numbers of tokens times are taken to rise straight, and past the last as before it. Standard
    errors come from repeats. All costs have the target's call on one token below them; its error is in those of the
    target as a correlation, and in those of the drafter on their own, since a specification holds no correlation
    between two models.

    Args:
        verify: Times of a call of the target on q tokens, q = 1 among them.
        draft: Times of drafting k tokens in one go, k = 1 among them. Only k = 1: drafting goes token by token.
        source: Where they come from, in words.

    Raises:
        InputError: naming the times that are missing or out of range.

    Example:
        >>> found = costs_of_times({1: [10.0, 10.2], 4: [11.0, 11.1]}, {1: [1.0, 1.1]})
        >>> found.target.by_tokens[3] == 11.05 / 10.1, round(found.drafter.at(1), 4), round(found.errors["draft"], 4)
        (True, 0.104, 0.0051)
    """
    sizes, seconds, errors = _means("verify", verify)
    lengths, spent, drafting_errors = _means("draft", draft)
    one, one_error = seconds[0], errors[0]
    table = _table(sizes) @ seconds / one
    jacobian = _table(sizes) / one
    jacobian[:, 0] -= table / one
    covariance = (jacobian * errors**2) @ jacobian.T
    goes = _table(lengths) @ spent / one
    variance = ((_table(lengths) * drafting_errors) ** 2).sum(axis=1) / one**2 + (goes * one_error / one) ** 2
    found: dict[str, object] = {}
    if covariance.any():
        found[TARGET] = _as_errors(covariance)
    if variance.any():
        listed = np.sqrt(variance).tolist()
        found[DRAFTER] = listed[0] if len(lengths) == 1 else {"by_draft": listed}
    has_repeats = all(len(times) > 1 for times in (*verify.values(), *draft.values()))
    return EngineCosts(
        Tabulated(tuple(table.tolist()), "linear") if len(table) > 1 else Affine(1.0),
        Affine(float(goes[0])) if len(lengths) == 1 else ByDraft(tuple(goes.tolist()), "linear"),
        source,
        found,
        ("a step takes what its calls take: the engine does nothing else",),
        () if has_repeats else ("how far single times are off: some numbers of tokens were timed once",),
    )


def read_times(path: str | Path) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """(verify, draft) times of a CSV file with the columns ``part`` (verify or draft), ``tokens`` and ``time``.

    Rows of the same part and tokens are repeats; lines that begin with # are comments.

    Raises:
        InputError: naming the file, the row and the column that is wrong.
    """
    found: dict[str, dict[int, list[float]]] = {"verify": {}, "draft": {}}
    lines = [line for line in read_text(path).splitlines() if line.strip() and not line.startswith("#")]
    with inside_file(path):
        reader = csv.DictReader(lines)
        if list(reader.fieldnames or ()) != ["part", "tokens", "time"]:
            raise InputError("header", f"got {lines[0] if lines else 'nothing'}, expected part,tokens,time")
        for i, row in enumerate(reader, start=1):
            with inside(f"row {i}"):
                if row["part"] not in found:
                    reject("part", row["part"], "verify or draft")
                tokens = _number(row["tokens"], "tokens")
                if tokens != int(tokens):
                    reject("tokens", row["tokens"], "a whole number >= 1")
                found[row["part"]].setdefault(int(tokens), []).append(_number(row["time"], "time"))
    return found["verify"], found["draft"]


def _number(text: str | None, field: str) -> float:
    try:
        return float(text or "")
    except ValueError:
        reject(field, text, "a number")


def _means(field: str, times: Times) -> tuple[list[int], Matrix, Matrix]:
    """(numbers of tokens, mean times, their standard errors: 0 for single times)."""
    sizes = sorted(times)
    if not sizes or sizes[0] != 1:
        raise InputError(f"{field}.1", "missing, expected the time for one token")
    for size in sizes:
        if not times[size]:
            reject(f"{field}.{size}", [], "at least one time")
        for i, time in enumerate(times[size]):
            if read_number(time, f"{field}.{size}[{i}]", 0) == 0:
                reject(f"{field}.{size}[{i}]", time, "a time above 0")
    means = np.array([fmean(times[size]) for size in sizes])
    spread = [stdev(times[size]) / math.sqrt(len(times[size])) if len(times[size]) > 1 else 0.0 for size in sizes]
    return sizes, means, np.array(spread)


def _table(sizes: Sequence[int]) -> Matrix:
    """Weights of the measured times in those for 1, 2, ... tokens, shape (greatest size, sizes)."""
    weights = np.zeros((sizes[-1], len(sizes)))
    weights[0, 0] = 1.0
    for i, (low, high) in enumerate(pairwise(sizes)):
        for tokens in range(low + 1, high + 1):
            share = (tokens - low) / (high - low)
            weights[tokens - 1, i : i + 2] = 1 - share, share
    return weights


def _as_errors(covariance: Matrix) -> dict[str, object]:
    """A covariance matrix as standard errors and their correlation; what is certain correlates with nothing."""
    errors = np.sqrt(np.diag(covariance))
    below = np.where(errors > 0, errors, 1.0)
    correlation = covariance / np.outer(below, below)
    np.fill_diagonal(correlation, 1.0)
    return {"by_tokens": errors.tolist(), "correlation": np.clip(correlation, -1, 1).tolist()}
