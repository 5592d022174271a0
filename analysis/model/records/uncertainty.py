"""Standard errors beside the numbers they belong to: one reading of `uncertainty` for all who use it.

Errors of one entry are independent, or have the correlation that the specification gives beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, InputError
from analysis.model.boundary.fields import mapping, read_number, reject
from analysis.model.standard_errors import CORRELATION, ORDER, error_entries

Path = tuple[str | int, ...]

_MOST_RELATIVE = 100.0
"""Greatest standard error of a cost, over the cost."""


@dataclass(frozen=True)
class Entry:
    """An acceptance or a cost and its standard errors, written out in the same shape.

    Attributes:
        keys: Where the specification has it: ("acceptance", reviewer, drafter) or ("models", model, "cost").
        value: The entry: numbers, objects and lists as in a specification.
        errors: The same with a standard error for every number, None for a number, or a part, that has none; an object
            whose errors hang together has their `correlation` too, as a matrix in their order.
    """

    keys: tuple[str, ...]
    value: object
    errors: object

    def covariance(self) -> tuple[list[Path], NDArray[np.float64]]:
        """(keys below the entry of every number with an error, their covariance matrix)."""
        found = list(_covariances((), self.errors))
        paths = [path for block, _ in found for path in block]
        result = np.zeros((len(paths), len(paths)))
        at = 0
        for block, matrix in found:
            result[at : at + len(block), at : at + len(block)] = matrix
            at += len(block)
        return paths, result

    def drawn(self, generator: np.random.Generator, ranges: Mapping[str, float], high: float) -> object:
        """The entry with normal noise of its errors added, every number clipped to [0, `high`].

        Clipping moves probability to the ends of the range, so the mean of a number near an end is biased inwards.

        Args:
            generator: Of random numbers.
            ranges: Greatest values of numbers under certain keys, where they are not `high`.
            high: Greatest value of the others.
        """
        paths, covariance = self.covariance()
        noise = generator.standard_normal(len(paths))
        if np.count_nonzero(covariance - np.diag(np.diag(covariance))):
            values, vectors = np.linalg.eigh(covariance)
            noise = vectors @ (np.sqrt(np.maximum(values, 0.0)) * noise)
        else:
            noise = np.sqrt(np.diag(covariance)) * noise
        moved = dict(zip(paths, noise.tolist(), strict=True))
        return _moved(self.value, (), moved, ranges, high)


def uncertain_entries(cascade: Cascade) -> Iterator[Entry]:
    """Every entry of a cascade that has standard errors, acceptances first.

    Raises:
        InputError: where errors have no entry to belong to, or another shape than it.
    """
    spec = cascade.to_json()
    for (part, first, second), error in error_entries(cascade.uncertainty):
        where = f"uncertainty.{part}.{first}.{second}"
        entries = mapping(mapping(spec[part], part).get(first, {}), where)
        if second not in entries or (part == "models" and second != "cost"):
            raise InputError(where, "no such cost in `models`" if part == "models" else "no such `acceptance`")
        yield Entry((part, first, second), *_in_one_shape(entries[second], error, where))


def cost_error(uncertainty: Mapping[str, object] | None, model: str, q: int) -> float:
    """Standard error of the cost of a model's call on q tokens; past the end of a list its last, 0 where none is given.

    Args:
        uncertainty: Standard errors as a specification has them.
        model: Its name.
        q: Tokens fed, or drafted in one go where the cost is by draft, >= 1.
    """
    given = dict(error_entries(uncertainty)).get(("models", model, "cost"), 0.0)
    if isinstance(given, (int, float)):
        return float(given)
    key = "by_draft" if isinstance(given, Mapping) and "by_draft" in given else "by_tokens"
    listed = given.get(key) if isinstance(given, Mapping) else given
    if isinstance(listed, Sequence) and listed:
        return read_number(listed[min(q, len(listed)) - 1], f"uncertainty.models.{model}.cost.{key}", 0)
    weights: dict[Path, float] = {("fixed",): 1.0, ("per_token",): float(q)}
    variance = 0.0
    for paths, covariance in _covariances((), given):
        slope = np.array([weights.get(path, 0.0) for path in paths])
        variance += float(slope @ covariance @ slope)
    return float(np.sqrt(variance))


def relative_cost_error(
    cascade: Cascade, model: str, sizes: Iterable[int] | None = None, uncertainty: Mapping[str, object] | None = None
) -> float:
    """Root mean square of the relative standard errors of a model's costs; 0 where none are given.

    The target's cost of a call on one token is 1 whatever was measured: it does not count.

    Args:
        cascade: Has the costs.
        model: Its name.
        sizes: Tokens of the calls that count, those that cost something; by default all that are tabulated.
        uncertainty: The standard errors, where they are not the cascade's own.

    Raises:
        InputError: where a cost is 0, or next to nothing beside its error; with `sizes` a cost of 0 is left out.
    """
    given = cascade.uncertainty if uncertainty is None else uncertainty
    if sizes is None:
        sizes = range(1, (cascade.cost(model).end or 1) + 1) if cascade.models[model].cost else ()
    else:
        sizes = [q for q in sizes if cascade.cost(model).at(q) > 0]
    counted = [q for q in sizes if q > 1 or model != cascade.target]
    shares = [_relative(cascade, model, q, cost_error(given, model, q)) for q in counted]
    return math.sqrt(sum(share**2 for share in shares) / len(shares)) if shares else 0.0


def _relative(cascade: Cascade, model: str, q: int, error: float) -> float:
    cost = cascade.cost(model).at(q)
    if error == 0:
        return 0.0
    if error > _MOST_RELATIVE * cost:
        expected = f"at least {1 / _MOST_RELATIVE:g} of its standard error, {error:g}"
        raise InputError(f"models.{model}.cost", f"got {cost:g} for a call on {q} tokens, expected {expected}")
    return error / cost


def _in_one_shape(value: object, error: object, where: str) -> tuple[object, object]:
    """A value and its errors, the shorter of two lists written out and what canonical form left away put back."""
    if isinstance(value, (int, float)) and isinstance(error, (int, float)):
        return float(value), float(error)
    if isinstance(error, Mapping):
        given = {key: item for key, item in error.items() if key != CORRELATION}
        whole = _written_out(value, given)
        if isinstance(whole, Mapping) and given and set(given) <= set(whole):
            pairs = {
                key: _in_one_shape(item, given[key], f"{where}.{key}") if key in given else (item, None)
                for key, item in whole.items()
            }
            errors: dict[str, object] = {key: pair[1] for key, pair in pairs.items()}
            if CORRELATION in error:
                errors[CORRELATION] = _written_out_matrix(error[CORRELATION], errors, f"{where}.{CORRELATION}")
            return {key: pair[0] for key, pair in pairs.items()}, errors
    if not (isinstance(value, Sequence) and isinstance(error, Sequence) and value and error):
        reject(where, error, "standard errors in the shape of the entry they belong to")
    items = [
        _in_one_shape(value[min(i, len(value) - 1)], error[min(i, len(error) - 1)], f"{where}[{i}]")
        for i in range(max(len(value), len(error)))
    ]
    return [item for item, _ in items], [item for _, item in items]


def _written_out(value: object, error: Mapping[str, object]) -> object:
    """A value that canonical form has shortened, with the keys that its errors have."""
    if set(error) <= {"accepted", "corrected"} and not (isinstance(value, Mapping) and "accepted" in value):
        return {"accepted": value, "corrected": value}
    for key in ("per_position", "by_tokens"):
        if set(error) == {key} and isinstance(value, (int, float)):
            return {key: [value], "beyond": "last"}
    if set(error) <= {"fixed", "per_token"} and isinstance(value, (int, float)):
        return {"fixed": value, "per_token": 0.0}
    if {"initial", "decay"} <= set(error) <= set(ORDER) and isinstance(value, (int, float)):
        return {"initial": value, "decay": 1.0, "floor": 0.0}
    if isinstance(value, Mapping) and "initial" in value:
        return {key: value.get(key, 0.0) for key in ORDER}
    return value


def _written_out_matrix(correlation: object, errors: Mapping[str, object], where: str) -> NDArray[np.float64]:
    """The correlation of numbers written out: a last error that was repeated moves with itself."""
    matrix = np.asarray(correlation, dtype=np.float64)
    paths = list(_paths((), errors))
    index = np.minimum(np.arange(len(paths)), len(matrix) - 1)
    if matrix.shape != (len(matrix), len(matrix)) or len(matrix) > len(paths):
        reject(where, f"{len(matrix)} rows", f"a matrix of {len(paths)} rows and columns")
    result: NDArray[np.float64] = matrix[np.ix_(index, index)]
    return result


def _paths(prefix: Path, errors: object) -> Iterator[tuple[Path, float]]:
    """(keys, standard error) of every number that has one, in order."""
    if isinstance(errors, Mapping):
        for key, item in errors.items():
            if key != CORRELATION:
                yield from _paths((*prefix, key), item)
    elif isinstance(errors, Sequence) and not isinstance(errors, str):
        for i, item in enumerate(errors):
            yield from _paths((*prefix, i), item)
    elif isinstance(errors, (int, float)):
        yield prefix, float(errors)


def _covariances(prefix: Path, errors: object) -> Iterator[tuple[list[Path], NDArray[np.float64]]]:
    """Blocks of numbers whose errors hang together: (their keys, their covariance)."""
    if isinstance(errors, Mapping) and CORRELATION not in errors:
        for key, item in errors.items():
            yield from _covariances((*prefix, key), item)
        return
    found = list(_paths(prefix, errors))
    scale = np.array([error for _, error in found])
    correlation = errors[CORRELATION] if isinstance(errors, Mapping) else np.eye(scale.size)
    yield [path for path, _ in found], scale[:, None] * correlation * scale[None, :]


def _moved(value: object, path: Path, noise: Mapping[Path, float], ranges: Mapping[str, float], high: float) -> object:
    if isinstance(value, Mapping):
        return {key: _moved(item, (*path, key), noise, ranges, ranges.get(key, high)) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_moved(item, (*path, i), noise, ranges, high) for i, item in enumerate(value)]
    if path not in noise:
        return value
    assert isinstance(value, (int, float))
    return float(np.clip(value + noise[path], 0.0, high))
