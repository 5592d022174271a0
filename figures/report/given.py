"""Prompts and models that the real runs of a reproduction are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.model import InputError, parse_json, read_cascade, read_text
from realrun.runs.prompts import read_prompts, shipped_prompts

MODELS: Mapping[str, Any] = {
    "target": "t",
    "models": {
        "t": {"load": "smollm2-135m"},
        "d1": {"load": "smollm2-d1"},
        "d2": {"load": "smollm2-d2"},
        "mag": {"load": "maxgram"},
        "copy": {"load": {"name": "maxgram", "min_match": 2, "bigram": None}},
    },
}
"""The embedded target and its drafters, from dear to cheap: neural ones, Max-Gram, and what only copies."""


@dataclass(frozen=True)
class Given:
    """What real runs are made of.

    Attributes:
        prompts: The prompt file.
        models: A specification with `load`, drafters from dear to cheap; None for the embedded target and its own.
    """

    prompts: Path
    models: Path | None = None

    @classmethod
    def from_options(cls, prompts: str | None, models: str | None) -> Given:
        """What ``--prompts`` and ``--models`` name, or our own; both are read once to refuse what cannot be used.

        Raises:
            InputError: for a file that cannot be read, or only once, as a pipe can.
        """
        given = cls(
            regular_file("prompts", prompts) if prompts else shipped_prompts(),
            regular_file("models", models) if models else None,
        )
        read_prompts(given.prompts)
        if given.models is not None:
            read_cascade(given.models, needs_draft=False)
        return given

    @property
    def is_ours(self) -> bool:
        """Whether recorded rows are about the same prompts and models."""
        return self.prompts == shipped_prompts() and self.models is None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it comes from."""
        return (self.prompts,) if self.models is None else (self.prompts, self.models)

    def specification(self, draft: object) -> dict[str, object]:
        """The models with a draft."""
        return {**(MODELS if self.models is None else json_of(self.models)), "draft": draft}


def regular_file(option: str, name: str) -> Path:
    """The absolute path of a file that can be read as often as needed; a missing one is left to its reader."""
    path = Path(name)
    if path.exists() and not path.is_file():
        raise InputError(option, f"got {name!r}, expected a regular file: it is read, and its content compared, again")
    return path.resolve()


def json_of(path: Path) -> Any:
    """The value in a JSON file."""
    return parse_json(read_text(path), str(path))
