"""What is typed for one engine, and the sentences that more than one engine needs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.engines.settings.speculation import WITH_WEIGHTS, Speculation

PLACEHOLDER = "DRAFTER"
"""Stands for the folder or hub id of a drafter that was not named."""

IN_WORDS = {
    "model": "a draft model",
    "ngram": "an n-gram drafter",
    "suffix": "suffix decoding",
    "eagle": "EAGLE",
    "eagle3": "EAGLE-3",
    "mtp": "the target's own heads (MTP)",
    "medusa": "Medusa heads",
    "mlp": "an MLP speculator",
}


@dataclass(frozen=True)
class EngineSettings:
    """What a user types for one engine.

    Attributes:
        engine: Its name.
        names_of: The version whose names of options these are.
        values: Options and their values; a flag without a value has True.
        text: The same as it is typed; empty where nothing is to be typed, or where the engine cannot do it.
        notes: What it does in another way, what else is needed, and what it cannot do.
        is_complete: Whether the engine then does what was meant; False: only in part, or not at all.
    """

    engine: str
    names_of: str
    values: Mapping[str, object]
    text: str
    notes: tuple[str, ...]
    is_complete: bool

    def to_json(self) -> dict[str, object]:
        """The settings as they are printed."""
        return {
            "engine": self.engine,
            "names_of": self.names_of,
            "values": dict(self.values),
            "text": self.text,
            "notes": list(self.notes),
            "is_complete": self.is_complete,
        }


@dataclass(frozen=True)
class Told:
    """What an engine can be told of a speculation.

    Attributes:
        values: Options and their values.
        notes: What is good to know; nothing of what was meant is lost by it.
        lost: What was meant and cannot be said.
    """

    values: Mapping[str, object]
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    def settings(self, engine: str, names_of: str, text: str) -> EngineSettings:
        """The settings of an engine that can do at least a part of it."""
        return EngineSettings(engine, names_of, self.values, text, (*self.lost, *self.notes), not self.lost)


def no_speculation(engine: str, names_of: str, left_out: str) -> EngineSettings:
    """Decoding without a drafter."""
    return EngineSettings(engine, names_of, {}, "", (f"no speculation: leave out {left_out}",), is_complete=True)


def impossible(engine: str, names_of: str, what: str, *notes: str) -> EngineSettings:
    """What the engine cannot do at all."""
    return EngineSettings(engine, names_of, {}, "", (f"{engine} has no {what}", *notes), is_complete=False)


def weights(speculation: Speculation) -> str:
    """Where the drafter's weights are, or the place to fill in."""
    return speculation.model or PLACEHOLDER


def to_fill_in(speculation: Speculation, what: str = "the folder or hub id") -> tuple[str, ...]:
    """A note where a drafter was not named, with what the engine takes as its name."""
    if speculation.kind not in WITH_WEIGHTS or speculation.model is not None:
        return ()
    return (f"put {what} of {IN_WORDS[speculation.kind]} for {PLACEHOLDER}",)


def cascade_lost(speculation: Speculation) -> tuple[str, ...]:
    """What is lost of drafters that work together, in an engine that runs one drafter alone."""
    if speculation.then is not None:
        return (
            f"no horizontal cascade: {IN_WORDS[speculation.then.kind]} cannot draft on behind "
            f"{IN_WORDS[speculation.kind]}; what is typed is {IN_WORDS[speculation.kind]} alone",
        )
    if speculation.inner is not None:
        return (
            f"no vertical cascade: {IN_WORDS[speculation.kind]} cannot review what "
            f"{IN_WORDS[speculation.inner.kind]} drafts; what is typed is {IN_WORDS[speculation.kind]} alone",
        )
    if speculation.otherwise is not None:
        return (
            f"one drafter a server: {IN_WORDS[speculation.otherwise.kind]} cannot take over where "
            f"{IN_WORDS[speculation.kind]} proposes nothing; what is typed is {IN_WORDS[speculation.kind]} alone",
        )
    return ()


def as_flags(values: Mapping[str, object]) -> str:
    """Options of a command line, quoted for a shell."""
    words: list[str] = []
    for flag, value in values.items():
        words.append(flag)
        if value is not True:
            words.append(shlex.quote(value if isinstance(value, str) else json.dumps(value)))
    return " ".join(words)


def as_table(found: Sequence[EngineSettings]) -> str:
    """The settings of several engines in lines of text, each with its notes below it."""
    lines: list[str] = []
    for each in found:
        lines.append(f"{each.engine} ({each.names_of})")
        lines.append(f"  {each.text or '(nothing to type)'}")
        lines += [f"  - {note}" for note in each.notes]
    return "\n".join(lines)
