"""What was seen of one reviewer-drafter pair, and the JSON it is read from.

One JSON object with exactly one of these keys (and, optionally, `reviewer` and `drafter`, names kept for the reader):

- ``"rows"``: a list of ``{"examined": [n0, n1, ...], "accepted": [x0, x1, ...]}`` by position, each optionally with
  ``"prompt"`` (a string) and ``"type"`` ("accepted", the default, or "corrected": see the cascade specification).
  A token is examined where all tokens before it in its draft were accepted. Counts may be weighted, so not whole.
- ``"sequences"``: a list of ``{"offered": [k, k, ...], "accepted": [a0, a1, ...]}``, the cycles of one prompt in the
  order of the text, optionally with ``"prompt"``: tokens offered to the reviewer and tokens it accepted.
- ``"survival"``: ``[s0, s1, ...]``, s_j = P(the first j + 1 tokens are accepted), with optional ``"cycles"``.
- ``"mean_length"``: mean tokens of a cycle, with ``"draft_length"``, ``"bonus_counted"`` (whether the correction or
  bonus token that every cycle adds is counted) and optional ``"cycles"``.

Without ``"cycles"`` the last two give estimates without standard errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.summary import MOST_COUNT, MeanLength, read_mean_length
from analysis.model import MAX_DRAFT_LENGTH, InputError
from analysis.model.boundary.fields import inside, mapping, only_keys, read_name, read_number, reject, sequence

_KINDS = ("rows", "sequences", "survival", "mean_length")
_COMMON = ("reviewer", "drafter")


@dataclass(frozen=True)
class PromptCycles:
    """The cycles of one prompt in the order of the text.

    Attributes:
        offered: Tokens offered to the reviewer in each cycle, >= 0.
        accepted: Tokens it accepted, 0..offered.
    """

    offered: NDArray[np.intp]
    accepted: NDArray[np.intp]


@dataclass(frozen=True)
class Observations:
    """Counts in cells, one cell a prompt, type of token and position.

    Attributes:
        prompt: Index of the cell's prompt, shape (cells,).
        corrected: Whether its tokens are corrections or bonus tokens of an inner round.
        position: Position in the draft.
        examined: Tokens examined, > 0.
        accepted: Tokens accepted, 0..examined.
        prompts: Number of prompts, >= 1; 1 where prompts were not told apart.
        sequences: The cycles of every prompt in order, where known.
        counted: Whether the counts are real; False where only rates are known, so that nothing has a standard error.
    """

    prompt: NDArray[np.intp]
    corrected: NDArray[np.bool_]
    position: NDArray[np.intp]
    examined: NDArray[np.float64]
    accepted: NDArray[np.float64]
    prompts: int
    sequences: tuple[PromptCycles, ...] = ()
    counted: bool = True

    @property
    def positions(self) -> int:
        """Number of positions with any count."""
        return int(self.position.max()) + 1

    @property
    def is_typed(self) -> bool:
        """Whether both types of token were seen."""
        return bool(self.corrected.any() and not self.corrected.all())

    @property
    def first_excess(self) -> int | None:
        """First position with more tokens examined than were accepted one position before, None without any.

        So it is where the tokens before were another drafter's, and where a number of cycles was given for examined.
        """
        examined = np.bincount(self.position, weights=self.examined)
        accepted = np.bincount(self.position, weights=self.accepted)
        excess = np.flatnonzero(examined[1:] > accepted[:-1] * (1 + 1e-9))
        return int(excess[0]) + 1 if excess.size else None

    def by_prompt(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum a value a cell over the cells of each prompt."""
        return np.bincount(self.prompt, weights=values, minlength=self.prompts).astype(np.float64)


def read_observations(value: object) -> Observations | MeanLength:
    """Read the JSON of this module.

    Raises:
        InputError: naming the field, its value and what is allowed.
    """
    fields = mapping(value, "counts")
    kinds = [kind for kind in _KINDS if kind in fields]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        raise InputError("counts", f"got {found}, expected exactly one of {', '.join(_KINDS)}")
    for key in _COMMON:
        if key in fields:
            read_name(fields[key], key)
    if kinds == ["mean_length"]:
        only_keys(fields, (*_COMMON, "mean_length", "draft_length", "bonus_counted", "cycles"))
        return read_mean_length(fields)
    if kinds == ["survival"]:
        only_keys(fields, (*_COMMON, "survival", "cycles"))
        return _from_survival(fields)
    only_keys(fields, (*_COMMON, *kinds))
    items = sequence(fields[kinds[0]], kinds[0])
    with inside(kinds[0]):
        return _from_rows(items) if kinds == ["rows"] else _from_sequences(items)


def _from_rows(items: Sequence[object]) -> Observations:
    cells: dict[tuple[int, bool, int], list[float]] = {}
    prompts: dict[str, int] = {}
    for i, item in enumerate(items):
        with inside(f"[{i}]"):
            row = mapping(item, "")
            only_keys(row, ("prompt", "type", "examined", "accepted"), required=("examined", "accepted"))
            prompt = prompts.setdefault(read_name(row.get("prompt", "all"), "prompt"), len(prompts))
            kind = row.get("type", "accepted")
            if kind not in ("accepted", "corrected"):
                reject("type", kind, "accepted or corrected")
            examined = [
                read_number(n, f"examined[{j}]", 0, MOST_COUNT)
                for j, n in enumerate(sequence(row["examined"], "examined"))
            ]
            accepted = sequence(row["accepted"], "accepted")
            if not 1 <= len(examined) == len(accepted) <= MAX_DRAFT_LENGTH:
                raise InputError(
                    "accepted",
                    f"got {len(accepted)} positions beside {len(examined)} of examined, "
                    f"expected as many, 1..{MAX_DRAFT_LENGTH}",
                )
            for j, n in enumerate(examined):
                x = read_number(accepted[j], f"accepted[{j}]", 0, n)
                cell = cells.setdefault((prompt, kind == "corrected", j), [0.0, 0.0])
                cell[0] += n
                cell[1] += x
    return _observations(cells, max(len(prompts), 1))


def _from_sequences(items: Sequence[object]) -> Observations:
    cells: dict[tuple[int, bool, int], list[float]] = {}
    found = []
    for i, item in enumerate(items):
        with inside(f"[{i}]"):
            row = mapping(item, "")
            only_keys(row, ("prompt", "offered", "accepted"), required=("offered", "accepted"))
            listed = sequence(row["offered"], "offered")
            yielded = sequence(row["accepted"], "accepted")
            if len(yielded) != len(listed):
                raise InputError(
                    "accepted", f"got {len(yielded)} cycles, expected as many as in offered: {len(listed)}"
                )
            offered = _whole_numbers(listed, "offered", repeat(MAX_DRAFT_LENGTH))
            accepted = _whole_numbers(yielded, "accepted", offered)
            for k, a in zip(offered, accepted, strict=True):
                for j in range(min(a + 1, k)):
                    cell = cells.setdefault((i, False, j), [0.0, 0.0])
                    cell[0] += 1
                    cell[1] += j < a
            found.append(PromptCycles(np.array(offered, dtype=np.intp), np.array(accepted, dtype=np.intp)))
    return _observations(cells, max(len(found), 1), tuple(found))


def _whole_numbers(items: Sequence[object], field: str, greatest: Iterable[int]) -> list[int]:
    """Read whole numbers, each in 0..its own greatest value."""
    result = []
    for j, (item, high) in enumerate(zip(items, greatest, strict=False)):
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not 0 <= item <= high or item != int(item):
            reject(f"{field}[{j}]", item, f"a whole number in 0..{high}")
        result.append(int(item))
    return result


def _from_survival(fields: Mapping[str, object]) -> Observations:
    listed = sequence(fields["survival"], "survival")
    if not 1 <= len(listed) <= MAX_DRAFT_LENGTH:
        reject(
            "survival", f"{len(listed)} numbers", f"a list of 1..{MAX_DRAFT_LENGTH} numbers in [0, 1] that never rise"
        )
    survival = [1.0]
    for j, item in enumerate(listed):
        if isinstance(item, (int, float)) and survival[-1] < item <= 1:
            never = f"a number in [0, {survival[-1]:g}]: survival never rises (acceptances given those before may)"
            reject(f"survival[{j}]", item, never)
        survival.append(read_number(item, f"survival[{j}]", 0, survival[-1]))
    cycles = read_number(fields["cycles"], "cycles", 1, MOST_COUNT) if "cycles" in fields else 1.0
    cells = {(0, False, j): [cycles * survival[j], cycles * survival[j + 1]] for j in range(len(listed))}
    return _observations(cells, 1, counted="cycles" in fields)


def _observations(
    cells: Mapping[tuple[int, bool, int], Sequence[float]],
    prompts: int,
    sequences: tuple[PromptCycles, ...] = (),
    counted: bool = True,
) -> Observations:
    seen = sorted((key, counts) for key, counts in cells.items() if counts[0] > 0)
    if not seen:
        raise InputError("", "no token was examined, expected at least one count > 0")
    return Observations(
        np.array([key[0] for key, _ in seen], dtype=np.intp),
        np.array([key[1] for key, _ in seen], dtype=np.bool_),
        np.array([key[2] for key, _ in seen], dtype=np.intp),
        np.array([counts[0] for _, counts in seen], dtype=np.float64),
        np.array([counts[1] for _, counts in seen], dtype=np.float64),
        prompts,
        sequences,
        counted,
    )
