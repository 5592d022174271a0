"""Lists of named cascades over the models of one specification: JSONL, one line a cascade."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analysis.model.boundary.fields import InputError, inside, mapping, read_name
from analysis.model.boundary.reading import parse_json, read_text
from analysis.model.cascade import Cascade
from analysis.model.notation import AUTOREGRESSIVE
from analysis.model.step import Draft, read_draft

FAMILIES = (AUTOREGRESSIVE, "speculative", "maxgram", "vertical", "horizontal", "full", "optimum", "bad")

_SHAPES = ("vertical", "horizontal", "full")


def family_of(draft: Draft, statistical: Collection[str] = ()) -> str:
    """The family of a draft by its shape: the one place that decides it.

    Args:
        draft: Its steps.
        statistical: Names of the drafters that are no networks.

    Returns:
        ``autoregressive``; ``maxgram`` or ``speculative``, one leaf step of a statistical or a neural drafter;
        ``horizontal``, several leaf steps; ``vertical``, one step over another at every level; ``full``, both.
    """
    if not draft:
        return AUTOREGRESSIVE
    if all(step.is_leaf for step in draft):
        if len(draft) > 1:
            return "horizontal"
        return "maxgram" if draft[0].by in statistical else "speculative"
    while len(draft) == 1 and draft[0].draft:
        draft = draft[0].draft
    return "vertical" if len(draft) == 1 else "full"


def settled_family(label: str, draft: Draft) -> str:
    """The family that a line gives; a shape is that of the draft, while ``bad``, ``optimum`` and others stay."""
    return family_of(draft) if label in _SHAPES else label


@dataclass(frozen=True)
class NamedDraft:
    """A draft under a name.

    Attributes:
        name: Tells it from all others of its list.
        family: What kind of cascade it is, normally one of `FAMILIES`.
        draft: Its steps; empty for autoregressive decoding.
        extra: Anything else that its line says.
    """

    name: str
    family: str
    draft: Draft
    extra: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Its line."""
        steps = [step.to_json() for step in self.draft]
        return {"name": self.name, "family": self.family, "draft": steps, **self.extra}


def read_named_drafts(path: str | Path, models: Cascade) -> list[NamedDraft]:
    """Read a list of cascades and check every draft against the models it is meant for.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    found: dict[str, NamedDraft] = {}
    for i, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        with inside(f"{path}, line {i}"):
            fields = dict(mapping(parse_json(line, "", first_line=i), ""))
            for key in ("name", "family", "draft"):
                if key not in fields:
                    raise InputError(key, "missing")
            with inside("draft"):
                draft = read_draft(fields.pop("draft"))
            family = settled_family(read_name(fields.pop("family"), "family"), draft)
            named = NamedDraft(read_name(fields.pop("name"), "name"), family, draft, fields)
            models.with_draft(draft)
            if named.name in found:
                raise InputError("name", f"{named.name!r} is there twice")
            found[named.name] = named
    return list(found.values())
