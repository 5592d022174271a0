"""What stands between the products of a model in 8-bit integers, token by token, compiled by Numba.

In torch these steps are some sixty small operations a layer, each of which costs microseconds whatever it computes; on
one token that is as long as all products together. Each function here is one pass over the rows of some tokens. Rows
are never mixed, so that what a token gets does not depend on the tokens beside it.

Arrays are float32 and contiguous in their last axis. `unit` are rows divided by their greatest absolute entry, `peaks`
that entry, `scales` what a product of unit rows is to be multiplied with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LEVELS = 255
"""Queries, keys and values are whole numbers in -255..255 of their steps: 255 * 255 * 256 < 2^24."""

WIDEST_HEAD = 256
LONGEST = 60_000
"""So many tokens keep the sum of rounded probabilities times 255 below 2^24."""

ONE = 2.0**15
"""Probabilities are multiples of its inverse."""

_SMALLEST = np.float32(1e-30)
_MAGNITUDE = np.int32(0x7FFFFFFF)
Function = TypeVar("Function", bound=Callable[..., object])


def _compiled(function: Function) -> Function:
    """A function as Numba compiles it when it is first called; the machine code is kept for later processes.

    It is not kept where neither the package's folder nor the user's cache can be written. Sums may be taken in an order
    that the processor's vectors suggest, which depends on the width of a row alone.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract"}}
    try:
        compiled: Any = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to keep it in
        compiled = numba.njit(**options)(function)
    return cast(Function, compiled)


@_compiled
def _peak(row: Floats) -> np.float32:
    """Greatest absolute entry, by the order of bits; not a number where an entry is none."""
    bits = row.view(np.int32)
    most = np.int32(0)
    for j in range(len(bits)):
        most = max(most, bits[j] & _MAGNITUDE)
    held = np.empty(1, np.int32)
    held[0] = most
    found = held.view(np.float32)[0]
    return _SMALLEST if found == 0 else found


@_compiled
def normed(states: Floats, gain: Floats, epsilon: np.float32, unit: Floats, scales: Floats) -> None:
    """Unit rows of a root-mean-square norm of states, and their scales.

    Args:
        states: Shape (tokens, width).
        gain: Weight of the norm, shape (width,).
        epsilon: Of the norm.
        unit: Written, shape (tokens, width).
        scales: Written, shape (tokens, 1).
    """
    width = states.shape[1]
    for i in range(len(states)):
        row, out = states[i], unit[i]
        total = np.float32(0)
        for j in range(width):
            total += row[j] * row[j]
        for j in range(width):
            out[j] = row[j] * gain[j]
        peak = _peak(out)
        for j in range(width):
            out[j] = out[j] / peak
        scales[i, 0] = peak / np.sqrt(total / np.float32(width) + epsilon)


@_compiled
def added(states: Floats, products: Floats, peaks: Floats, bias: Floats) -> None:
    """Add a layer's result to states: products of unit rows times their peaks, and a bias, which may be empty."""
    for i in range(len(states)):
        row, product, peak = states[i], products[i], peaks[i, 0]
        for j in range(len(row)):
            row[j] += product[j] * peak
        for j in range(len(bias)):
            row[j] += bias[j]


@_compiled
def split(
    products: Floats,
    scales: Floats,
    bias: Floats,
    gains: Floats,
    epsilon: np.float32,
    turns: Floats,
    start: int,
    queries: Floats,
    query_steps: Floats,
    states: Floats,
    steps: Floats,
    tops: Floats,
) -> None:
    """Turn and round the heads of some tokens: queries for a product, keys and values for the cache.

    Args:
        products: Of unit rows, queries, keys and values side by side, shape (tokens, heads * width).
        scales: Of the products, shape (tokens, 1).
        bias: Shape (heads * width,), or empty.
        gains: Weights of a norm over each query and key head, shape (query and key heads, width), or empty.
        epsilon: Of these norms.
        turns: Cosines and sines of each position, shape (2, positions, width / 2).
        start: Position of the first token.
        queries: Written, shape (key heads, groups * tokens, width), the tokens of a head one after the other.
        query_steps: Written, shape (key heads, groups * tokens).
        states: The layer's keys and values, shape (room, 2 * key heads, width); rows of these tokens are written.
        steps: Their steps, shape (2 * key heads, room); columns of these tokens are written.
        tops: Greatest step of values up to each token, over 2^15, shape (room, key heads).
    """
    count, keys, width = len(products), queries.shape[0], queries.shape[2]
    groups = queries.shape[1] // count
    asked, half = keys * groups, width // 2
    head = np.empty(width, np.float32)
    for i in range(count):
        place, scale = start + i, scales[i, 0]
        cosines, sines = turns[0, place], turns[1, place]
        for h in range(asked + 2 * keys):
            product = products[i, h * width : (h + 1) * width]
            for j in range(width):
                head[j] = product[j] * scale
            if len(bias):
                for j in range(width):
                    head[j] += bias[h * width + j]
            if h < asked + keys:
                if len(gains):
                    total = np.float32(0)
                    for j in range(width):
                        total += head[j] * head[j]
                    factor = np.float32(1) / np.sqrt(total / np.float32(width) + epsilon)
                    for j in range(width):
                        head[j] *= factor * gains[h, j]
                for j in range(half):
                    left, right = head[j], head[j + half]
                    head[j] = left * cosines[j] - right * sines[j]
                    head[j + half] = right * cosines[j] + left * sines[j]
            step = _peak(head) / np.float32(LEVELS)
            if h < asked:
                row = (h % groups) * count + i
                out = queries[h // groups, row]
                query_steps[h // groups, row] = step
            else:
                out = states[place, h - asked]
                steps[h - asked, place] = step
            is_finite = np.isfinite(step)
            for j in range(width):
                out[j] = np.rint(head[j] / step) if is_finite else np.float32(0)
            if h >= asked + keys:
                top = step / np.float32(ONE)
                before = tops[place - 1, h - asked - keys] if place else np.float32(0)
                tops[place, h - asked - keys] = max(top, before)


@_compiled
def scored(scores: Floats, query_steps: Floats, steps: Floats, start: int, count: int, window: int) -> None:
    """Scale products of queries and keys to scores, minus infinity where a token does not see another.

    Args:
        scores: Shape (key heads, groups * tokens, held); written over.
        query_steps: Shape (key heads, groups * tokens).
        steps: Shape (2 * key heads, room).
        start: Position of the first token.
        count: Number of tokens.
        window: How many tokens, itself included, a token sees; 0 for all before it.
    """
    hidden = np.float32(-np.inf)
    held = scores.shape[2]
    for k in range(len(scores)):
        by_key = steps[k]
        for r in range(scores.shape[1]):
            row, step = scores[k, r], query_steps[k, r]
            end = start + r % count + 1
            first = max(0, end - window) if window else 0
            for j in range(end):
                row[j] *= by_key[j] * step
            for j in range(first):
                row[j] = hidden
            for j in range(end, held):
                row[j] = hidden


@_compiled
def rounded(weights: Floats, steps: Floats, tops: Floats, start: int, count: int, window: int) -> None:
    """Take steps of values into probabilities and round them to whole numbers, whose sum is 2^15 at most.

    What a token does not see keeps its probability of 0, whatever its step: a value that is not a number is held as 0
    with such a step, and reaches those alone that see it.

    Args:
        weights: Probabilities, shape (key heads, groups * tokens, held); written over.
        steps: Shape (2 * key heads, room).
        tops: Shape (room, key heads).
        start: Position of the first token.
        count: Number of tokens.
        window: As for `scored`.
    """
    keys = len(weights)
    for k in range(keys):
        by_value = steps[keys + k]
        for r in range(weights.shape[1]):
            row, inverse = weights[k, r], np.float32(1) / tops[start + r % count, k]
            end = start + r % count + 1
            for j in range(max(0, end - window) if window else 0, end):
                row[j] = np.rint(row[j] * (by_value[j] * inverse))


@_compiled
def merged(read: Floats, tops: Floats, start: int, unit: Floats, peaks: Floats) -> None:
    """Unit rows of what the heads have read.

    Args:
        read: Shape (key heads, groups * tokens, width).
        tops: Shape (room, key heads).
        start: Position of the first token.
        unit: Written, shape (tokens, query heads * width).
        peaks: Written, shape (tokens, 1).
    """
    keys, rows, width = read.shape
    count = len(unit)
    groups = rows // count
    for i in range(count):
        out = unit[i]
        for k in range(keys):
            top = tops[start + i, k]
            for g in range(groups):
                part = read[k, g * count + i]
                first = (k * groups + g) * width
                for j in range(width):
                    out[first + j] = part[j] * top
        peak = _peak(out)
        peaks[i, 0] = peak
        for j in range(len(out)):
            out[j] = out[j] / peak


@_compiled
def gated(gates: Floats, products: Floats, scales: Floats, bias: Floats, unit: Floats, peaks: Floats) -> None:
    """Unit rows of gates times what they gate.

    Args:
        gates: After their activation, shape (tokens, width).
        products: Of unit rows, those of gates and gated side by side, shape (tokens, 2 * width).
        scales: Of the products, shape (tokens, 1).
        bias: Of both, or empty.
        unit: Written, shape (tokens, width).
        peaks: Written, shape (tokens, 1).
    """
    width = unit.shape[1]
    for i in range(len(unit)):
        gate, product, out, scale = gates[i], products[i, width:], unit[i], scales[i, 0]
        if len(bias):
            for j in range(width):
                out[j] = gate[j] * (product[j] * scale + bias[width + j])
        else:
            for j in range(width):
                out[j] = gate[j] * (product[j] * scale)
        peak = _peak(out)
        peaks[i, 0] = peak
        for j in range(width):
            out[j] = out[j] / peak
