"""Tasks of a sweep: a cascade, its acceptance process and a strong id."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias, cast

from analysis.model import Cascade, InputError, parse_json, read_text, with_beyond
from analysis.model.boundary.fields import count, inside, mapping, only_keys, read_name, read_number, reject
from simulate.processes import Independent, Process, read_process
from simulate.sampler import Generation, Sampler
from simulate.sweep.drawing_code import DRAWS

MAX_GENERATION = 10**6
MAX_SEED = 2**63 - 1
_OWN_KEYS = ("name", "process", "generation", "parameters")
_SHORT = 12

Scalar: TypeAlias = bool | int | float | str

RESULT_COLUMNS = (
    *("name", "ewif", "low", "high", "standard_error", "tokens_per_cycle", "cost_per_cycle"),
    *("cycles", "blocks", "batches", "task_id"),
)
"""Columns that every result has beside the task's parameters (see `simulate.results.Run`)."""


@dataclass(frozen=True)
class Task:
    """What is estimated.

    Attributes:
        cascade: The cascade.
        process: How acceptance departs from its hazards.
        generation: Whole generations of this kind; None for stationary cycles.
        label: The name given to the task; may be empty, and is no part of its identity.
        parameters: What the sweep varies, by name: numbers, strings, true or false. They become columns of the
            results, and are no part of the task's identity.
    """

    cascade: Cascade
    process: Process = field(default_factory=Independent)
    generation: Generation | None = None
    label: str = ""
    parameters: Mapping[str, Scalar] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: object) -> Task:
        """Read a cascade specification with the optional keys `name`, `parameters`, `process` and `generation`.

        Raises:
            InputError: naming the field, its value and what is allowed; also where the process does not fit.
        """
        fields = mapping(value, "task")
        cascade = Cascade.from_json({key: item for key, item in fields.items() if key not in _OWN_KEYS})
        with inside("process"):
            process = read_process(fields.get("process"))
        generation = None
        if fields.get("generation") is not None:
            with inside("generation"):
                generation = _read_generation(fields["generation"])
        label = ""
        if fields.get("name") is not None:
            label = _read_label(fields["name"])
        parameters = _read_parameters(fields.get("parameters"))
        task = cls(cascade, process, generation, label, parameters)
        with inside("process"):
            task.process.plan(cascade)
        return task

    @classmethod
    def from_canonical(cls, value: object) -> Task:
        """Read what `canonical` wrote. Its tables hold on past their ends: whoever gave the task has been told."""
        task = cls.from_json(value)
        return replace(task, cascade=with_beyond(task.cascade, hazards="last", costs="last"))

    @cached_property
    def canonical(self) -> str:
        """What is estimated as one line of JSON; equal for equal tasks, without what does not decide the draws.

        That is `name`, `parameters`, `meta` and `uncertainty`.
        """
        spec = self.cascade.law_json()
        process = self.process.to_json()
        if process:
            spec["process"] = process
        if self.generation is not None:
            spec["generation"] = {"tokens": self.generation.tokens, "prefill": self.generation.prefill}
        return json.dumps(spec, sort_keys=True, allow_nan=False, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """SHA-256 of everything that decides the law of the draws, in hexadecimal."""
        return hashlib.sha256(f"draws {DRAWS}\n{self.canonical}".encode()).hexdigest()

    @property
    def name(self) -> str:
        """The label, or the beginning of the id."""
        return self.label or self.id[:_SHORT]

    def named(self, label: object) -> Task:
        """The same task under another name.

        Raises:
            InputError: where that is no string of printable characters.
        """
        return replace(self, label=_read_label(label))

    def sampler(self) -> Sampler:
        """A sampler for this task.

        Raises:
            InputError: where a cost or an acceptance is missing.
        """
        return Sampler(self.cascade, self.process, self.generation)


def _read_label(value: object) -> str:
    label = read_name(value, "name")
    if not label.isprintable():
        reject("name", label, "a string of printable characters")
    return label


def _read_parameters(value: object) -> dict[str, Scalar]:
    parameters: dict[str, Scalar] = {}
    with inside("parameters"):
        for key, item in mapping({} if value is None else value, "").items():
            if key in RESULT_COLUMNS or not key or not key.isprintable():
                reject("", key, f"names of other columns than the results have ({', '.join(RESULT_COLUMNS)})")
            finite = isinstance(item, (bool, int, float)) and abs(item) <= sys.float_info.max
            if not finite and not (isinstance(item, str) and item.isprintable()):
                reject(key, item, "a finite number, a string of printable characters, true or false")
            parameters[key] = cast(Scalar, item)
    return parameters


def _read_generation(value: object) -> Generation:
    fields = mapping(value, "")
    only_keys(fields, ("tokens", "prefill"), required=("tokens",))
    return Generation(
        count(fields["tokens"], "tokens", MAX_GENERATION), read_number(fields.get("prefill", 0.0), "prefill", 0)
    )


def read_tasks(path: str) -> list[Task]:
    """Read a file of one task a line; empty lines are skipped.

    Raises:
        InputError: naming the line and field that is wrong, or the lines of a task or a name given twice.
    """
    tasks: list[Task] = []
    lines: dict[str, int] = {}
    named: dict[str, int] = {}
    for number_of_line, text in enumerate(read_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        value = parse_json(text, path, number_of_line)
        with inside(f"{path} line {number_of_line}"):
            task = Task.from_json(value)
            task.sampler()
            if task.id in lines:
                raise InputError("", f"the same task as in line {lines[task.id]}")
            if task.name in named:
                raise InputError("name", f"got {task.name!r}, the name of another task in line {named[task.name]}")
        lines[task.id] = named[task.name] = number_of_line
        tasks.append(task)
    return tasks
