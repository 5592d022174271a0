"""A cascade as a person reads it: its draft in short notation, what that means, and its models; as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analysis.model.notation import draft_name, legend
from analysis.model.step import walk

if TYPE_CHECKING:
    from analysis.model.cascade import Cascade

_SHOWN = 8
"""Entries of a table that are shown."""


def as_text(cascade: Cascade) -> str:
    """Several lines: the draft, the legend of its notation, and one line on each model."""
    rows = _rows(cascade)
    width = max(len(left) for left, _ in rows)
    lines = [f"  {left:<{width}}  {right}" for left, right in rows]
    return "\n".join([f"Cascade {draft_name(cascade.draft)}, reviewed by {cascade.target}", *lines])


def as_html(cascade: Cascade) -> str:
    """The same for a notebook."""
    cells = "".join(
        f"<tr><td><code>{html.escape(left)}</code></td><td style='text-align: left'>{html.escape(right)}</td></tr>"
        for left, right in _rows(cascade)
    )
    draft, target = html.escape(draft_name(cascade.draft)), html.escape(cascade.target)
    return f"<p>Cascade <code>{draft}</code>, reviewed by <code>{target}</code></p><table>{cells}</table>"


def _rows(cascade: Cascade) -> list[tuple[str, str]]:
    used = [step.by for _, _, step in walk(cascade.draft, cascade.target)]
    models = list(dict.fromkeys([cascade.target, *used, *cascade.models]))
    return [*legend(cascade.draft), *((model, _described(cascade, model, models)) for model in models)]


def _described(cascade: Cascade, model: str, reviewers: Sequence[str]) -> str:
    """One line on a model: its cost, how it is loaded, and who accepts its tokens how often."""
    of = cascade.models[model].to_json()
    said = [f"{key} {_brief(of[key])}" for key in ("cost", "load") if key in of]
    for reviewer in reviewers:
        if (accepted := cascade.acceptance.get(reviewer, {}).get(model)) is not None:
            said.append(f"accepted by {reviewer} {_brief(accepted.to_json())}")
    return ", ".join(said)


def _brief(value: object) -> str:
    """A value of a specification in few words: numbers to four digits, long tables cut."""
    if isinstance(value, (int, float)):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_brief(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(_brief, value[:_SHOWN])) + " ..." * (len(value) > _SHOWN)
    return str(value)
