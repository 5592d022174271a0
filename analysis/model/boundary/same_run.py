"""Rows and steps of another run, told by the values that all of one run have in common: what changed, in words."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.model.boundary.fields import InputError

MODELS, PROMPT_IDS = "models", "prompt_ids_sha256"
_OF = {MODELS: "weights, configuration or tokenizer of ", "conditions": ""}
"""What the names under a key are names of."""


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
