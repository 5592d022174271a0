"""The paper's K-matrix as a draft (CS Drafting, arXiv 2312.11462, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from analysis.model.boundary.fields import InputError, read_number, reject, sequence
from analysis.model.step import MAX_DRAFT_LENGTH, Draft, Step

MAX_GRAM_BLOCK = 10
"""Tokens that Max-Gram proposes at a time in the authors' code."""

Convention = Literal["cumulative", "increments"]


def draft_from_k_matrix(
    matrix: Sequence[Sequence[int]], drafters: Sequence[str], convention: Convention, block: int = MAX_GRAM_BLOCK
) -> Draft:
    """Read a K-matrix as nested `until` steps.

    Row r is the reviewer [target, d1, ...], column j the drafter [d1, ..., Max-Gram]; a drafter whose own row is
    all zero, the last one always, is a leaf, and the last one drafts in blocks.

    Args:
        matrix: Square, n x n whole numbers >= 0, zero below the diagonal (no drafter reviews a larger one's draft).
        drafters: The n drafter names from the largest to the statistical model.
        convention: "cumulative", the paper's: an entry is the draft length to reach; or "increments", the authors'
            code: the tokens to add to the entries before it. Zero skips the drafter in both.
        block: Tokens that the last drafter proposes at a time, >= 1.

    Returns:
        The draft. Example: increments [[5, 14, 10], [0, 1, 10], [0, 0, 10]] are d1 until 5, d2 until 19, Max-Gram
        until 29, with d1 reviewing d2 until 1 and Max-Gram until 11, and d2 reviewing Max-Gram until 10.

    Raises:
        InputError: naming the entry, its value and what is allowed.
    """
    if convention not in ("cumulative", "increments"):
        reject("convention", convention, "cumulative or increments")
    rows = [_read_row(row, r, len(drafters), convention) for r, row in enumerate(sequence(matrix, "k_matrix"))]
    if len(rows) != len(drafters):
        raise InputError("k_matrix", f"has {len(rows)} rows, expected one a drafter: {len(drafters)}")
    return _steps(rows, 0, drafters, block)


def _read_row(row: object, r: int, width: int, convention: Convention) -> list[int]:
    """One row as cumulative lengths; 0 where the drafter is skipped."""
    entries = sequence(row, f"k_matrix[{r}]")
    if len(entries) != width:
        raise InputError(f"k_matrix[{r}]", f"has {len(entries)} entries, expected one a drafter: {width}")
    values = []
    for j, entry in enumerate(entries):
        value = read_number(entry, f"k_matrix[{r}][{j}]", 0, MAX_DRAFT_LENGTH)
        if value != int(value) or (j < r and value):
            reject(f"k_matrix[{r}][{j}]", entry, "0" if j < r else f"a whole number in 0..{MAX_DRAFT_LENGTH}")
        values.append(int(value))
    if convention == "increments":
        return [total if value else 0 for total, value in zip(accumulate(values), values, strict=True)]
    return values


def _steps(rows: list[list[int]], reviewer: int, drafters: Sequence[str], block: int) -> Draft:
    steps: list[Step] = []
    for j, until in enumerate(rows[reviewer]):
        if until <= (steps[-1].until or 0 if steps else 0):
            continue
        inner = _steps(rows, j + 1, drafters, block) if j + 1 < len(drafters) else ()
        last = j + 1 == len(drafters)
        steps.append(Step(drafters[j], until=until, draft=inner, block=block if last else 1))
    return tuple(steps)
