"""Rows of call times of architectures, read into curves by condition and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from analysis.model import Cost, InputError, Tabulated, parse_json, read_text
from analysis.model.boundary.fields import inside, mapping, read_name, read_number

LONGEST_REVIEW = 64
"""Greatest q of a tabulated cost."""

Curve = Mapping[int, float]
"""Median seconds of a call by q."""


@dataclass(frozen=True)
class Condition:
    """What call times were measured under.

    Attributes:
        device_name: The processor.
        dtype: Of the weights.
        mode: ``eager`` or ``compiled``.
        caches: ``warm`` or ``cold``.
        context: Tokens held before the call.
    """

    device_name: str
    dtype: str
    mode: str
    caches: str
    context: int


@dataclass(frozen=True)
class MeasuredShape:
    """An architecture's call times under one condition.

    Attributes:
        parameters: Number of its parameters.
        curve: Median seconds by q; 1 is among them.
    """

    parameters: int
    curve: Curve


def read_shapes(*paths: str | Path) -> dict[Condition, dict[str, MeasuredShape]]:
    """Read the rows of ``cascade-ewif shapes``, by condition and shape.

    Raises:
        InputError: naming the line and field that are wrong, what is measured twice, or a curve without q = 1.
    """
    curves: dict[tuple[Condition, str], dict[int, float]] = {}
    parameters: dict[str, int] = {}
    lines = [(path, i, line) for path in paths for i, line in enumerate(read_text(path).splitlines(), start=1)]
    for path, i, line in lines:
        with inside(f"{path}, line {i}"):
            row = mapping(parse_json(line, "", first_line=i), "")
            device, dtype, mode, caches = (read_name(row.get(k), k) for k in ("device_name", "dtype", "mode", "caches"))
            condition = Condition(device, dtype, mode, caches, int(read_number(row.get("context"), "context", 1)))
            shape = read_name(row.get("shape"), "shape")
            parameters[shape] = int(read_number(row.get("parameters"), "parameters", 1))
            q = int(read_number(row.get("q"), "q", 1))
            if q in curves.setdefault((condition, shape), {}):
                raise InputError("q", f"got {q} for {shape} a second time under the same condition")
            curves[condition, shape][q] = read_number(row.get("median"), "median", 1e-12)
    found: dict[Condition, dict[str, MeasuredShape]] = {}
    for (condition, shape), curve in curves.items():
        if 1 not in curve:
            raise InputError(shape, f"has no call on 1 token at context {condition.context}, expected one")
        found.setdefault(condition, {})[shape] = MeasuredShape(parameters[shape], dict(sorted(curve.items())))
    return found


def tabulated(curve: Curve, unit: float) -> Cost:
    """A curve as a cost: in units, linear between measured sizes, the last one for all beyond."""
    sizes = sorted(curve)
    table = [curve[sizes[0]]] * sizes[0]
    for low, high in pairwise(sizes):
        table += [curve[low] + (curve[high] - curve[low]) * (q - low) / (high - low) for q in range(low + 1, high + 1)]
    return Tabulated(tuple(t / unit for t in table[:LONGEST_REVIEW]), "last")
