"""Reading specifications that are to be loaded: a missing `load` is said before anything that only theory needs."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.model import Cascade, InputError, parse_json, read_cascade, read_text


def read_loadable(path: str, *, needs_draft: bool = True, but_target: bool = False) -> Cascade:
    """Read a cascade specification whose models are to be run.

    Args:
        path: Of a JSON file.
        needs_draft: Whether it must have a draft, whose models are then the ones that need a `load`; else all need one.
        but_target: Whether the target's `load` is given elsewhere.

    Raises:
        InputError: naming the first model without `load`, or what else is wrong.
    """
    value = parse_json(read_text(path), path)
    if isinstance(value, dict) and isinstance(models := value.get("models"), dict):
        used = {value.get("target"), *_drafting(value.get("draft"))} if needs_draft else set(models)
        used -= {value.get("target")} if but_target else set()
        for name, model in models.items():
            if name in used and isinstance(model, dict) and "load" not in model:
                raise InputError(
                    f"{path}, models.{name}.load",
                    "missing, expected what to load: a name, a folder or a hub id",
                )
    return read_cascade(path, needs_draft=needs_draft)


def _drafting(draft: object) -> Iterator[object]:
    """Names of the models that draft, at any depth, as far as it is a draft."""
    for step in draft if isinstance(draft, list) else ():
        if isinstance(step, dict):
            if isinstance(step.get("by"), str):
                yield step["by"]
            yield from _drafting(step.get("draft"))
