"""Calibration files: a specification, and what real runs of its models measured beyond it; read and written here.

The file is a specification without a draft (acceptances, costs, standard errors) with ``meta.calibration`` beside it.
Two numbers in it are not the same: *alpha* (acceptances, hazards, `Calibration.iid`) counts tokens of drafts that begin
where cycles begin; *agreement at every place* (`Calibration.by_prompt`; ``first_position`` and ``by_category`` of the
notes) counts a draft's first token as if drafts began at every place of a text, so that long copies weigh by their
length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from analysis.model.boundary.fields import InputError, count, inside, mapping, read_number, reject, sequence
from analysis.model.boundary.outputs import whole_file
from analysis.model.boundary.reading import inside_file
from analysis.model.cascade import Cascade
from analysis.model.cost import ByDraft
from analysis.model.file import read_cascade
from analysis.model.reach import with_beyond
from analysis.model.records.calibration_parts import (
    LoopSeconds,
    MatchLaw,
    PromptCounts,
    TracesFile,
    TypedAcceptance,
    read_pairs,
)
from analysis.model.records.call_tables import CallTables, SmoothedTimes
from analysis.model.records.call_times import CallTimes
from analysis.model.records.machine_rates import MachineRates
from analysis.model.records.uncertainty import relative_cost_error

MAX_GRAM = "maxgram"
SCHEMA = 1

_MOST = 1e9
"""Greatest number of tokens of a calibration."""
_KEYS = (
    *("schema", "acceptance_iid", "acceptance_iid_se", "by_type", "by_prompt", "parameters", "seconds"),
    *("reference_context", "loop_seconds", "max_new_tokens", "match", "traces"),
    "machine_rates",
)
"""Keys of ``meta.calibration`` that have an attribute; all others are notes."""

Table = Mapping[str, Mapping[str, float]]
"""``[reviewer][drafter]``."""


@dataclass(frozen=True)
class Calibration:
    """What real runs of some models measured, on one device. `read_calibration` reads it, `to_json` writes it.

    Attributes:
        specification: Models, acceptances and standard errors as the file has them; no draft.
        seconds: The calls as timed.
        reference: Tokens held to which the costs of the specification refer, >= 0.
        loop: The decoding loop's own time.
        max_new_tokens: Greatest number of tokens of a recorded text; None where the file does not say.
        iid: One alpha a pair, in [0, 1]: tokens of drafts that begin where cycles begin, whatever their position.
        iid_errors: Their standard errors.
        by_type: By reviewer and drafter: acceptance by what the drafter's own review said.
        by_prompt: Agreement at every place of every text, a prompt at a time.
        parameters: Parameters of each network that a call multiplies with.
        match: How copies fare; None without a drafter that tells.
        traces: Where the recorded agreements are; None without them.
        rates: How fast the device read and multiplied when the calibration began; None where the file does not say.
        notes: All else that the file says, as it says it, and that no number is computed from: when, where, with what
            settings and by which versions it was made, checks on it, acceptances at other temperatures.
    """

    specification: Cascade
    seconds: CallTables
    reference: int
    loop: LoopSeconds = field(default_factory=LoopSeconds)
    max_new_tokens: int | None = None
    iid: Table = field(default_factory=dict)
    iid_errors: Table = field(default_factory=dict)
    by_type: Mapping[str, Mapping[str, TypedAcceptance]] = field(default_factory=dict)
    by_prompt: tuple[PromptCounts, ...] = ()
    parameters: Mapping[str, int] = field(default_factory=dict)
    match: MatchLaw | None = None
    traces: TracesFile | None = None
    rates: MachineRates | None = None
    notes: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, model in self.specification.models.items():
            if isinstance(model.cost, ByDraft):
                problem = "got by_draft, expected a number or a cost by tokens: a calibration has the times of calls"
                raise InputError(f"models.{name}.cost", problem)
        for name in self.seconds.networks.keys() & self.specification.models.keys():
            relative_cost_error(self.specification, name)
        with inside("meta.calibration.seconds"):
            for name in (self.target, *self.neural):
                if name not in self.seconds.networks:
                    whose = "the target's" if name == self.target else "this drafter's"
                    raise InputError(name, f"missing, expected {whose} call times")
            if not self.unit > 0:
                raise InputError(self.target, "a call on one token takes no time, expected > 0")
        with inside("meta.calibration.by_type"):
            for reviewer, row in self.by_type.items():
                for drafter in row:
                    if drafter not in self.specification.acceptance.get(reviewer, {}):
                        raise InputError(f"{reviewer}.{drafter}", "no such `acceptance`")

    @property
    def target(self) -> str:
        """Name of the target."""
        return self.specification.target

    @cached_property
    def cascade(self) -> Cascade:
        """The specification for predictions, whose tables go on past their ends.

        Where a table does not say how, hazards stay and call times rise on, as in the files written today.
        """
        return with_beyond(self.specification, hazards="last", costs="linear")

    @cached_property
    def statistical(self) -> frozenset[str]:
        """The drafters that are no networks and cannot review."""
        drafters = [name for name in self.specification.models if name != self.target]
        proposing = {name for name in drafters if _loaded_by(self.specification, name) == MAX_GRAM}
        return frozenset(proposing | (self.seconds.proposals.keys() & set(drafters)))

    @cached_property
    def drafters(self) -> tuple[str, ...]:
        """Names of the drafters as they may review each other.

        Networks come first, a reviewer of many before one of few, equals by falling cost.
        """
        cascade = self.specification

        def key(name: str) -> tuple[bool, int, float]:
            return name in self.statistical, -len(cascade.acceptance.get(name, {})), -cascade.cost(name).at(1)

        return tuple(sorted((name for name in cascade.models if name != self.target), key=key))

    @property
    def neural(self) -> tuple[str, ...]:
        """The drafters that can review."""
        return tuple(name for name in self.drafters if name not in self.statistical)

    @property
    def times(self) -> Mapping[str, CallTimes]:
        """Call times of the networks as measured; of a drafter, the mean of a few calls in a row."""
        return {name: each.median for name, each in self.seconds.networks.items()}

    @property
    def unit(self) -> float:
        """Seconds of a one-token target call at the reference context, as measured."""
        return self.seconds.networks[self.target].median.at(1, self.reference)

    @cached_property
    def smoothed(self) -> SmoothedTimes:
        """The call times that predictions go by: smoothed by the standard errors of the costs.

        A statistical drafter that was not timed proposes in the time that its cost says.
        """
        networks = {
            name: each.smoothed(relative_cost_error(self.specification, name), self.reference)
            for name, each in self.seconds.networks.items()
        }
        unit = networks[self.target].median.at(1, self.reference)
        one = unit / self.specification.cost(self.target).at(1)
        proposals = self.seconds.proposals
        untimed = {
            name: self.specification.cost(name).at(1) * one for name in self.statistical if name not in proposals
        }
        return SmoothedTimes(networks, {name: each.median for name, each in proposals.items()} | untimed, unit)

    def to_json(self) -> dict[str, object]:
        """The file's document; reading it gives an equal calibration."""
        facts: dict[str, object] = {
            "schema": SCHEMA,
            **self.notes,
            "max_new_tokens": self.max_new_tokens,
            "parameters": dict(self.parameters),
            "acceptance_iid": _rows(self.iid),
            "acceptance_iid_se": _rows(self.iid_errors),
            "by_prompt": [each.to_json() for each in self.by_prompt],
            "by_type": {r: {d: each.to_json() for d, each in row.items()} for r, row in self.by_type.items()},
            "seconds": self.seconds.to_json(),
            "reference_context": self.reference,
            "loop_seconds": self.loop.to_json(),
            "match": self.match and self.match.to_json(),
            "traces": self.traces and self.traces.to_json(),
            "machine_rates": self.rates and self.rates.to_json(),
        }
        facts = {key: value for key, value in facts.items() if value is not None}
        given = self.specification
        others = dict(given.meta) if isinstance(given.meta, Mapping) else {}
        return given.to_json() | {  # models stay from dear to cheap, as they can be calibrated again
            "models": {name: model.to_json() for name, model in given.models.items()},
            "acceptance": {r: {d: each.to_json() for d, each in row.items()} for r, row in given.acceptance.items()},
            "meta": others | {"calibration": facts},
        }

    def dumps(self) -> str:
        """The file's text: one line of JSON."""
        return json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, path: str | Path) -> None:
        """Write the file, all of it or nothing; `read_calibration` reads it.

        Raises:
            InputError: where it cannot be written.
        """
        with whole_file(path) as file:
            file.write(self.dumps())


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises:
        InputError: naming the file or its field that is wrong or missing.
    """
    cascade = read_cascade(path, needs_draft=False)
    with inside_file(path):
        return calibration_of(cascade)


def is_calibration(cascade: Cascade) -> bool:
    """Whether a specification carries a calibration in its `meta`."""
    return isinstance(cascade.meta, Mapping) and "calibration" in cascade.meta


def calibration_of(cascade: Cascade) -> Calibration:
    """The calibration that a specification carries in `meta.calibration`."""
    if not is_calibration(cascade):
        raise InputError("meta.calibration", "missing, expected a file written by `cascade-ewif calibrate`")
    meta = mapping(cascade.meta, "meta")
    details = mapping(meta["calibration"], "meta.calibration")
    others = {key: value for key, value in meta.items() if key != "calibration"}
    with inside("meta.calibration"):
        if details.get("schema", SCHEMA) != SCHEMA:
            reject("schema", details["schema"], str(SCHEMA))
        with inside("seconds"):
            seconds = CallTables.of_json(details.get("seconds", {}))
            if cascade.target not in seconds.networks:
                raise InputError(cascade.target, "missing, expected the target's call times")
        contexts = seconds.networks[cascade.target].median.contexts
        reference = read_number(
            details.get("reference_context", contexts[len(contexts) // 2]), "reference_context", 0, _MOST
        )
        with inside("loop_seconds"):
            loop = LoopSeconds.of_json(details.get("loop_seconds", {}))
        limit, match, traces = (details.get(key) for key in ("max_new_tokens", "match", "traces"))
        max_new_tokens = None if limit is None else int(read_number(limit, "max_new_tokens", 1, _MOST))
        with inside("by_prompt"):
            by_prompt = []
            for i, item in enumerate(sequence(details.get("by_prompt", []), "")):
                with inside(f"[{i}]"):
                    by_prompt.append(PromptCounts.of_json(item))
        sizes = mapping(details.get("parameters", {}), "parameters")
        parameters = {name: count(n, f"parameters.{name}", 10**18) for name, n in sizes.items()}
        iid = read_pairs(details.get("acceptance_iid", {}), "acceptance_iid", _probability)
        iid_errors = read_pairs(details.get("acceptance_iid_se", {}), "acceptance_iid_se", _probability)
        by_type = read_pairs(details.get("by_type", {}), "by_type", TypedAcceptance.of_json)
        with inside("match"):
            law = None if match is None else MatchLaw.of_json(match)
        with inside("traces"):
            file = None if traces is None else TracesFile.of_json(traces)
        with inside("machine_rates"):
            rates = details.get("machine_rates")
            machine = None if rates is None else MachineRates.of_json(rates)
    return Calibration(
        specification=replace(cascade.with_draft(()), meta=others or None),
        seconds=seconds,
        reference=int(reference),
        loop=loop,
        max_new_tokens=max_new_tokens,
        iid=iid,
        iid_errors=iid_errors,
        by_type=by_type,
        by_prompt=tuple(by_prompt),
        parameters=parameters,
        match=law,
        traces=file,
        rates=machine,
        notes={key: value for key, value in details.items() if key not in _KEYS},
    )


def _probability(value: object) -> float:
    return read_number(value, "", 0, 1)


def _rows(table: Table) -> dict[str, dict[str, float]]:
    return {reviewer: dict(row) for reviewer, row in table.items()}


def _loaded_by(cascade: Cascade, name: str) -> object:
    load = cascade.models[name].load
    return load.get("name") if isinstance(load, Mapping) else load
