"""Prediction rows, as `cascade-ewif predict` and `cascade-ewif replay` write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analysis.model import Draft, InputError, parse_json, read_text
from analysis.model.boundary.fields import count, inside, mapping, read_name, read_number
from analysis.model.records.named import settled_family
from analysis.model.records.runs import MOST, read_size
from analysis.model.step import read_draft

LEAST = 1e-9
"""Least speedup that is one."""

CallsPerToken = Mapping[str, Mapping[int, float]]
"""Number of calls for each generated token, by model and by tokens fed."""


@dataclass(frozen=True)
class Prediction:
    """A predicted speedup.

    Attributes:
        name: Of the cascade.
        family: Of the cascade.
        rung: How it was predicted.
        speedup: Predicted speedup.
        low: Lower end of its 95 % interval.
        high: Upper end.
        tokens_per_cycle: Predicted.
        draft: Of the cascade.
        without: Speedups with one thing left out each, where a replay tells.
        calls: Calls for each generated token, where a replay tells.
        text_tokens: Mean tokens of a text, where a replay tells.
    """

    name: str
    family: str
    rung: str
    speedup: float
    low: float
    high: float
    tokens_per_cycle: float
    draft: Draft
    without: Mapping[str, float | None] = field(default_factory=dict)
    calls: CallsPerToken = field(default_factory=dict)
    text_tokens: float | None = None


def read_predictions(paths: Iterable[str | Path]) -> list[Prediction]:
    """Read prediction rows.

    Raises:
        InputError: naming the file, the line, and what is wrong there.
    """
    found: dict[tuple[str, str], Prediction] = {}
    for path in paths:
        for i, line in enumerate(read_text(path).split("\n"), start=1):
            if not line.strip():
                continue
            with inside(f"{path}, line {i}"):
                row = mapping(parse_json(line, "", first_line=i), "")
                each = _prediction(row)
                if (each.name, each.rung) in found:
                    raise InputError("name", f"{each.name!r} is there twice on rung {each.rung!r}")
                found[each.name, each.rung] = each
    return list(found.values())


def _prediction(row: Mapping[str, object]) -> Prediction:
    if "rung" not in row and "method" in row:
        raise InputError("", "a measured row, expected a prediction: are predictions and measured rows swapped?")
    with inside("draft"):
        draft = read_draft(row.get("draft", []))
    text_tokens = None
    if "tokens" in row and "prompts" in row:
        text_tokens = count(row["tokens"], "tokens", MOST) / count(row["prompts"], "prompts", MOST)
    calls = {}
    if "calls" in row:
        tokens = count(row.get("tokens"), "tokens", MOST)
        for model, by_size in mapping(row["calls"], "calls").items():
            with inside(f"calls.{model}"):
                calls[model] = {read_size(q): read_number(n, q, 0) / tokens for q, n in mapping(by_size, "").items()}
    return Prediction(
        name=read_name(row.get("name"), "name"),
        family=settled_family(read_name(row.get("family"), "family"), draft),
        rung=read_name(row.get("rung"), "rung"),
        speedup=read_number(row.get("speedup"), "speedup", LEAST),
        low=read_number(row.get("low"), "low", 0),
        high=read_number(row.get("high"), "high", LEAST),
        tokens_per_cycle=read_number(row.get("tokens_per_cycle"), "tokens_per_cycle", 0),
        draft=draft,
        without={
            key: None if value is None else read_number(value, f"without.{key}", LEAST)
            for key, value in mapping(row.get("without", {}), "without").items()
        },
        calls=calls,
        text_tokens=text_tokens,
    )
