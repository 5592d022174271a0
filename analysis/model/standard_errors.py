"""Reading the standard errors of a specification: `uncertainty`, in the shape of its acceptances and costs.

An object of errors may hold a ``correlation`` beside them: the symmetric matrix of correlations of its numbers, in the
order ``initial``, ``decay``, ``floor`` (those that have an error) or by index of the list. Without it errors are
independent.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from analysis.model.boundary.fields import InputError, inside, mapping, only_keys, read_number, reject, sequence
from analysis.model.cost import GREATEST

CORRELATION = "correlation"
ORDER = ("initial", "decay", "floor")
"""Order of a decaying hazard's numbers in a correlation matrix."""

_GREATEST_OF_PROBABILITY = 0.5
"""No random number in [0, 1] has a greater standard deviation."""
_ROUNDING = 1e-6


def read_uncertainty(value: object) -> dict[str, object]:
    """Check that every number below is a standard error; `cost` or `costs` by model is read as `models`.

    Raises:
        InputError: naming the number, or the matrix, that is none.
    """
    fields = dict(mapping(value, ""))
    for key in ("cost", "costs"):
        if key in fields and "models" not in fields:
            with inside(key):
                fields["models"] = {m: {"cost": error} for m, error in mapping(fields.pop(key), "").items()}
    only_keys(fields, ("acceptance", "models"))
    for key, most in (("acceptance", _GREATEST_OF_PROBABILITY), ("models", GREATEST)):
        if key in fields:
            with inside(key):
                for first, row in mapping(fields[key], "").items():
                    with inside(first):
                        for second, errors in mapping(row, "").items():
                            with inside(second):
                                _check_errors(errors, most)
    return fields


def error_entries(uncertainty: Mapping[str, object] | None) -> Iterator[tuple[tuple[str, str, str], object]]:
    """Every entry of an `uncertainty`, acceptances first: ((part, name, name), its standard errors).

    The names are reviewer and drafter in the part ``acceptance``, model and ``cost`` in the part ``models``.
    """
    for part in ("acceptance", "models"):
        for first, row in mapping((uncertainty or {}).get(part, {}), f"uncertainty.{part}").items():
            for second, errors in mapping(row, f"uncertainty.{part}.{first}").items():
                yield (part, first, second), errors


def _check_errors(value: object, most: float) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            with inside(key):
                if key == CORRELATION:
                    _check_correlation(item, _numbers(value))
                else:
                    _check_errors(item, GREATEST if key == "decay" else most)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            with inside(f"[{i}]"):
                _check_errors(item, most)
    else:
        read_number(value, "", 0, most)


def _numbers(errors: Mapping[str, object]) -> int:
    """How many numbers an object of errors has."""
    return sum(len(item) if isinstance(item, Sequence) else 1 for key, item in errors.items() if key != CORRELATION)


def _check_correlation(value: object, size: int) -> None:
    rows = [
        [read_number(item, f"[{i}][{j}]", -1, 1) for j, item in enumerate(sequence(row, f"[{i}]"))]
        for i, row in enumerate(sequence(value, ""))
    ]
    if len(rows) != size or any(len(row) != size for row in rows):
        raise InputError("", f"expected a matrix of {size} rows of {size} numbers, one for each error beside it")
    for i, j in itertools.combinations_with_replacement(range(size), 2):
        if abs(rows[i][j] - (rows[j][i] if i < j else 1.0)) > _ROUNDING:
            reject(f"[{i}][{j}]", rows[i][j], "a symmetric matrix with 1 on its diagonal")
    least = float(np.linalg.eigvalsh(np.array(rows)).min())
    if least < -_ROUNDING * size:
        raise InputError("", f"no numbers have these correlations: the matrix has the negative eigenvalue {least:.3g}")
