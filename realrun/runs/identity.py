"""Identity of a run's rows: what was asked, the files of the loaded models, and the tokens of every prompt.

A row made from other weights, another tokenizer or a chat template that tells another date is a row of another run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.model import InputError

if TYPE_CHECKING:  # torch takes seconds
    from realrun.loading.ensemble import Ensemble

MODELS, PROMPT_IDS = "models", "prompt_ids_sha256"
_OF = {MODELS: "weights, configuration or tokenizer of ", "conditions": ""}
"""What the names under a key are names of."""


def digest(value: object) -> str:
    """SHA-256 of a JSON value, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def loaded_models(ensemble: Ensemble, names: Iterable[str]) -> dict[str, str]:
    """Fingerprints of some of the models of an ensemble, by name in rising order."""
    return {name: ensemble.fingerprints[name] for name in sorted(names) if name in ensemble.fingerprints}


def task_keys(request: str, models: Mapping[str, str]) -> dict[str, object]:
    """What the rows of one task have in common: the models' fingerprints, and a hash of these and of what was asked."""
    return {"request": request, MODELS: dict(models), "task": digest([request, dict(models)])}


def prompt_ids_key(ids: Sequence[int]) -> dict[str, object]:
    """Hash of a prompt's token ids, which its chat template may make others of every day."""
    return {PROMPT_IDS: digest(list(ids))}


def measured_identity(
    request: str, ensemble: Ensemble, encoded: Mapping[str | int, Sequence[int]], conditions: Mapping[str, object]
) -> dict[str, object]:
    """What a measurement depends on: what was asked, all loaded models, every prompt's tokens, and the machine.

    Args:
        request: Hash of what was asked.
        ensemble: The loaded models.
        encoded: Token ids of the prompts by their id.
        conditions: Versions and machine.
    """
    return {
        "request": request,
        MODELS: loaded_models(ensemble, ensemble.models),
        "prompt tokens": {str(key): digest(list(ids)) for key, ids in encoded.items()},
        "conditions": dict(conditions),
    }


def demand_same(
    row: Mapping[str, object],
    wanted: Mapping[str, object],
    where: str,
    what: str = "rows",
    remedy: str = "name another file",
) -> None:
    """Refuse a row of another run, saying in words what changed.

    Args:
        row: As it was found.
        wanted: Values of this run by key.
        where: How an error names the row's place.
        what: What the file holds.
        remedy: What helps.

    Raises:
        InputError: for the first key whose value is another one.
    """
    for key, value in wanted.items():
        found = row.get(key)
        if found == value:
            continue
        if key == PROMPT_IDS and isinstance(found, str):
            said = f"the prompt tokens of id {row.get('id')!r} changed since (does the chat template tell the date?)"
        elif isinstance(value, Mapping) and isinstance(found, Mapping):
            names = sorted(name for name in {*value, *found} if value.get(name) != found.get(name))
            said = f"{_OF.get(key, f'{key} of ')}{', '.join(f'`{name}`' for name in names)} changed since"
        else:
            said = f"{key} is {found!r}, expected {value!r}"
        raise InputError(where, f"{said}: {what} of another run, {remedy}")
