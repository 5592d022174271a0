"""A whole calibration: texts, agreements, call times and the loop's own time of some loaded models."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, progress
from analysis.model.records.calibration import Calibration
from analysis.model.records.calibration_parts import TracesFile
from analysis.model.records.call_tables import CallTables
from analysis.model.records.machine_rates import MachineRates
from realrun.calibration.agreements import RecordedText, Recorder
from realrun.calibration.costs import call_tables, cost_tables, proposal_costs, reference_context
from realrun.calibration.evidence import Evidence, greedy_evidence
from realrun.calibration.hazards import resamples
from realrun.calibration.loop import call_check, loop_seconds, trial_rows
from realrun.calibration.path import rounding
from realrun.calibration.roster import Roster, writing_cascade
from realrun.calibration.sampled import ESTIMATOR, sampled_evidence
from realrun.calibration.specification import Acceptances, first_positions, match_law, prompt_counts
from realrun.calibration.texts import TargetText, contexts_of, text_writer
from realrun.calibration.timing import cycle_seconds
from realrun.calibration.traces import traces
from realrun.engine.policy import Policy
from realrun.engine.record import provenance
from realrun.loading.ensemble import Ensemble
from realrun.network.cached_model import CachedModel
from realrun.network.device import device_named, make_of
from realrun.network.parameters import multiplied_parameters
from realrun.roofline.rates import measured_rates
from realrun.runs.generate import encode_all
from realrun.runs.journal import Journal
from realrun.runs.prompts import Prompt

LOOP_PROMPTS = 3
"""Prompts on which the loop is timed."""
_CHECKED_TEXTS = 2


@dataclass(frozen=True)
class CalibrationSettings:
    """How a calibration is made.

    Attributes:
        max_new_tokens: Greatest number of tokens a text, >= 1.
        policies: How tokens are chosen: the first gives the acceptances, the others go into `meta`.
        seed: Root of all random choices, >= 0.
        stride: Of the places where a drafter leaves the target's text every so many-th is followed, >= 1.
        turns: Turns of timing, >= 1.
        dtype: Name of the weights' type.
        device: Name of the device.
    """

    max_new_tokens: int
    policies: tuple[Policy, ...]
    seed: int
    stride: int
    turns: int
    dtype: str
    device: str


@dataclass(frozen=True)
class Measured:
    """What a calibration gives.

    Attributes:
        calibration: All but the name of the traces' file.
        traces: The recorded agreements as a gzipped file; None where the acceptances are not of greedy choice.
    """

    calibration: Calibration
    traces: bytes | None

    def with_traces_in(self, file: str) -> Calibration:
        """The calibration, saying where the traces are."""
        if self.traces is None:
            return self.calibration
        return replace(self.calibration, traces=TracesFile(file, hashlib.sha256(self.traces).hexdigest()))


def calibrate(
    cascade: Cascade,
    ensemble: Ensemble,
    prompts: Sequence[Prompt],
    settings: CalibrationSettings,
    journal: Journal | None = None,
    prompts_sha256: str | None = None,
) -> Measured:
    """Measure acceptances and call times of loaded models.

    Args:
        cascade: The models; its draft, if any, only writes the target's texts.
        ensemble: All of them, loaded.
        prompts: At least two.
        settings: How.
        journal: Keeps every text and every turn of timing, for the same call to go on with.
        prompts_sha256: Hash of the file that the prompts are from; None for none.
    """
    journal = Journal() if journal is None else journal
    rates = journal.once("machine rates", lambda: measured_rates(settings.device).to_json())
    roster = Roster.of(cascade, ensemble)
    drawn = resamples(len(prompts), np.random.default_rng([settings.seed, 0]))
    first, *others = settings.policies
    evidence, recordings = _evidence(cascade, ensemble, roster, prompts, settings, first, journal)
    found = Acceptances.of(evidence, drawn, roster)
    texts = [one.text for one in evidence]
    calls = _times(ensemble, roster, texts, settings, journal)
    trials = journal.once("loop", lambda: trial_rows(cascade, ensemble, roster, prompts[:LOOP_PROMPTS]))
    laws = [match_law(recordings, roster.target, name) for name in roster.proposers] if recordings else []
    origin = {} if prompts_sha256 is None else {"file_sha256": prompts_sha256}
    tokens = sum(len(text.tokens) for text in texts)
    notes: dict[str, object] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **_provenance(),
        "device": settings.device,
        "device_name": make_of(device_named(settings.device)),
        "dtype": settings.dtype,
        "policy": _policy(first),
        **(ensemble.settings.to_json() if ensemble.settings else {}),
        "seed": settings.seed,
        "prompts": {"ids": [p.id for p in prompts], "count": len(prompts), "tokens": tokens, **origin},
        **first_positions(evidence),
        "call_check": call_check(trials, calls.seconds),
        "departures": {"stride": settings.stride, "rounds": 2},
        "rounding": {
            name: rounding(name, ensemble.neural(name), texts[:_CHECKED_TEXTS], vocabulary_of(ensemble, roster))
            for name in roster.reviewers
            if first.is_greedy
        },
    }
    if others:
        notes["temperature"] = [
            _at_policy(cascade, ensemble, roster, prompts, settings, policy, drawn, journal) for policy in others
        ]
    loads = {name: model.load for name, model in cascade.models.items()}
    specification = {
        "target": roster.target,
        "models": {name: {"load": loads[name], "cost": calls.costs[name]} for name in cascade.models},
        "acceptance": found.hazards,
        "uncertainty": {
            "acceptance": found.errors,
            "models": {name: {"cost": error} for name, error in calls.errors.items()},
        },
    }
    calibration = Calibration(
        specification=Cascade.from_json(specification, needs_draft=False),
        seconds=calls.seconds,
        reference=calls.context,
        loop=loop_seconds(trials, roster.target),
        max_new_tokens=settings.max_new_tokens,
        iid=found.iid,
        iid_errors=found.iid_errors,
        by_type=found.by_type,
        by_prompt=tuple(prompt_counts(one) for one in evidence),
        parameters={
            name: multiplied_parameters(model.network)
            for name, model in ensemble.models.items()
            if isinstance(model, CachedModel)
        },
        match=next((law for law in reversed(laws) if law is not None), None),
        rates=MachineRates.of_json(rates),
        notes=notes,
    )
    return Measured(calibration, traces(recordings, roster).file_bytes(loads) if recordings else None)


def _evidence(
    cascade: Cascade,
    ensemble: Ensemble,
    roster: Roster,
    prompts: Sequence[Prompt],
    settings: CalibrationSettings,
    policy: Policy,
    journal: Journal,
) -> tuple[list[Evidence], list[RecordedText]]:
    """What the texts of all prompts say; recordings of greedy ones only."""
    vocabulary = vocabulary_of(ensemble, roster)
    writing = writing_cascade(cascade, roster)
    write = text_writer(writing, ensemble, prompts, settings.max_new_tokens, policy, settings.seed)
    recorder = Recorder(roster, ensemble.models, ensemble.eos, settings.stride, vocabulary)

    def sampled(i: int) -> dict[str, object]:
        return sampled_evidence(write(i), ensemble.models, roster, policy, vocabulary).to_json()

    def recorded(i: int) -> dict[str, object]:
        return recorder.record(write(i)).to_json() | {"departed": dict(recorder.departed)}

    evidence, recordings = [], []
    for i, ids in enumerate(_shown(encode_all(prompts, ensemble))):
        name = f"{json.dumps(policy.to_json(), sort_keys=True)}, text {i}"
        if not policy.is_greedy:
            found = journal.once(name, functools.partial(sampled, i))
            evidence.append(Evidence.of_json(found, prompts[i], ids))
            continue
        found = journal.once(name, functools.partial(recorded, i))
        recorder.departed = Counter(found["departed"])
        recordings.append(RecordedText.of_json(found, prompts[i], ids))
    if policy.is_greedy:
        evidence = [greedy_evidence(recording, roster, settings.stride) for recording in recordings]
    return evidence, recordings


def _shown(items: Sequence[list[int]]) -> Iterable[list[int]]:
    return progress(items, "calibrating", "text")


def _at_policy(
    cascade: Cascade,
    ensemble: Ensemble,
    roster: Roster,
    prompts: Sequence[Prompt],
    settings: CalibrationSettings,
    policy: Policy,
    drawn: NDArray[np.float64],
    journal: Journal,
) -> dict[str, object]:
    """Acceptances at another policy, along texts of their own."""
    evidence, _ = _evidence(cascade, ensemble, roster, prompts, settings, policy, journal)
    found = Acceptances.of(evidence, drawn, roster)
    return {
        "policy": _policy(policy),
        "estimator": "greedy indicator" if policy.is_greedy else ESTIMATOR,
        "acceptance": found.hazards,
        "uncertainty": {"acceptance": found.errors},
        "acceptance_iid": found.iid,
        "acceptance_iid_se": found.iid_errors,
        "by_type": {r: {d: each.to_json() for d, each in row.items()} for r, row in found.by_type.items()},
    }


@dataclass(frozen=True)
class _Calls:
    """Call times: costs and their errors by model as JSON, seconds, and the context of the costs."""

    costs: Mapping[str, object]
    errors: Mapping[str, object]
    seconds: CallTables
    context: int


def _times(
    ensemble: Ensemble, roster: Roster, texts: Sequence[TargetText], settings: CalibrationSettings, journal: Journal
) -> _Calls:
    generator = np.random.default_rng([settings.seed, 1])
    words = [token for text in texts for token in text.sequence]
    contexts = contexts_of(texts)
    times = cycle_seconds(ensemble.models, roster.target, words, settings.turns, generator, contexts, journal=journal)
    costs: dict[str, object] = {}
    errors: dict[str, object] = {}
    for name, table in cost_tables(times, roster.target, generator).items():
        beyond = "linear" if len(table.costs) > 1 else "last"
        costs[name], errors[name] = {"by_tokens": table.costs, "beyond": beyond}, {"by_tokens": table.errors}
    for name, (cost, error) in proposal_costs(times, roster.target, generator).items():
        costs[name], errors[name] = cost, error
    return _Calls(costs, errors, call_tables(times), reference_context(times, roster.target))


def vocabulary_of(ensemble: Ensemble, roster: Roster) -> int:
    """Number of the target's token ids."""
    return ensemble.neural(roster.target).vocabulary


def _policy(policy: Policy) -> object:
    return "greedy" if policy.is_greedy else policy.to_json()


def _provenance() -> dict[str, object]:
    facts = provenance()
    versions = {key: facts[key] for key in ("cascade_ewif", "torch", "transformers")}
    return {
        "commit": facts["commit"],
        "versions": versions,
        "machine": facts["machine"],
        "threads": facts["threads"],
    }
