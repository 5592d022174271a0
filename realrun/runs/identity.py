"""Identity of a run's rows: what was asked, the files of the loaded models, and the tokens of every prompt.

A row made from other weights, another tokenizer or a chat template that tells another date is a row of another run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.model.boundary.same_run import MODELS, PROMPT_IDS

if TYPE_CHECKING:  # torch takes seconds
    from realrun.loading.ensemble import Ensemble


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
