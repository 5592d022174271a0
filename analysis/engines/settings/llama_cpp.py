"""llama.cpp: flags of ``llama-server``.

Names: the option parser of 2026, commit f5e85d4 of ggml-org/llama.cpp, and the one inside xllamacpp 2026.10. Releases
before it say --draft-max, --draft-min and --draft-p-min; the first two are now refused.
"""

from __future__ import annotations

from analysis.engines.settings.speculation import DrafterKind, Speculation
from analysis.engines.settings.typed import (
    IN_WORDS,
    EngineSettings,
    Told,
    as_flags,
    cascade_lost,
    impossible,
    no_speculation,
    to_fill_in,
    weights,
)

ENGINE, NAMES_OF = "llama.cpp", "2026, commit f5e85d4"

TYPES: dict[DrafterKind, str] = {
    "model": "draft-simple",
    "eagle3": "draft-eagle3",
    "mtp": "draft-mtp",
    "ngram": "ngram-simple",
}

OWN_MATCH = 12
"""Tokens that `ngram-simple` matches where it is not told otherwise."""


def llama_cpp(speculation: Speculation) -> EngineSettings:
    """Settings of llama.cpp for a speculation."""
    if not speculation.tokens:
        return no_speculation(ENGINE, NAMES_OF, "--spec-type and -md")
    if speculation.kind not in TYPES:
        return impossible(ENGINE, NAMES_OF, IN_WORDS[speculation.kind])
    told = _of_one(speculation)
    other = speculation.otherwise
    if other is not None and speculation.kind == "ngram" and other.kind in TYPES and other.kind != "ngram":
        told = _both(told, _of_one(other))
    else:
        told = Told(told.values, told.notes, (*cascade_lost(speculation), *told.lost))
    return told.settings(ENGINE, NAMES_OF, as_flags(told.values))


def _both(first: Told, second: Told) -> Told:
    """An n-gram drafter and a network: llama.cpp asks the network where nothing matches."""
    values = {
        **first.values,
        **second.values,
        "--spec-type": f"{first.values['--spec-type']},{second.values['--spec-type']}",
    }
    note = "where the n-gram drafter proposes anything, the network does not draft; neither drafts behind the other"
    return Told(values, (note, *first.notes, *second.notes), (*first.lost, *second.lost))


def _of_one(speculation: Speculation) -> Told:
    return _of_copying(speculation) if speculation.kind == "ngram" else _of_a_network(speculation)


def _of_a_network(speculation: Speculation) -> Told:
    values: dict[str, object] = {"--spec-type": TYPES[speculation.kind]}
    if speculation.kind != "mtp":
        values["-md"] = weights(speculation)
    values |= {"--spec-draft-n-max": speculation.tokens, "--spec-draft-n-min": 0}
    values["--spec-draft-p-min"] = speculation.confidence or 0.0
    notes = [
        *to_fill_in(speculation, "the GGUF file"),
        "releases before 2026 say --draft-max, --draft-min and --draft-p-min",
    ]
    if speculation.confidence is not None:
        notes.append("a token below the threshold is not offered: the draft ends before it")
    return Told(values, tuple(notes))


def _of_copying(speculation: Speculation) -> Told:
    match = speculation.match_min or speculation.match_max or OWN_MATCH
    values: dict[str, object] = {
        "--spec-type": TYPES["ngram"],
        "--spec-ngram-simple-size-n": match,
        "--spec-ngram-simple-size-m": speculation.tokens,
    }
    note = f"proposes after any match of {match} tokens, the latest first; a longer match has no preference"
    return Told(values, (note,))
