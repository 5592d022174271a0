"""Rows of measured generations, reduced to what standardised and wall-clock improvements need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.model import Draft, InputError, parse_json, read_text
from analysis.model.fields import inside, mapping, name, number, sequence
from analysis.model.step import read_draft

PromptId = str | int


@dataclass(frozen=True)
class Run:
    """One generation by one method.

    Attributes:
        method: Its name.
        draft: Its draft; empty for autoregressive decoding.
        target: The reviewer of its cycles; empty where the row has no calls.
        prompt: Id of the prompt.
        category: The prompt's domain, where the row tells.
        tokens: Tokens generated, >= 1.
        seconds: Seconds of decoding, the prompt's reading left out.
        prefill_seconds: Seconds of reading the prompt.
        calls: Calls by neural model.
        reviews: Those of them that reviewed a draft of at least one token, and for the target all its cycles.
        statistical: Drafters that are no networks.
        cycles: Tokens and seconds of every cycle, where the row tells.
    """

    method: str
    draft: Draft
    target: str
    prompt: PromptId
    category: str | None
    tokens: int
    seconds: float
    prefill_seconds: float
    calls: Mapping[str, int]
    reviews: Mapping[str, int]
    statistical: frozenset[str]
    cycles: Sequence[tuple[int, float]]


def read_runs(path: str | Path, target: str = "t") -> list[Run]:
    """Read the rows of cascades; rows of other programs, whose settings have no draft, are left out.

    Args:
        path: JSONL, rows of ``python -m realrun bench``.
        target: Name of the target.

    Raises:
        InputError: naming the line and field that are wrong.
    """
    runs = []
    for i, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            with inside(f"{path}, line {i}"):
                row = mapping(parse_json(line, str(path), first_line=i), "")
                if "draft" in mapping(row.get("settings", {}), "settings"):
                    runs.append(_run(row, target))
    if not runs:
        raise InputError(str(path), "no row of a cascade, expected `settings.draft`")
    return runs


def _run(row: Mapping[str, object], target: str) -> Run:
    with inside("settings.draft"):
        draft = read_draft(mapping(row["settings"], "settings")["draft"])
    key = row.get("id")
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError("id", f"got {key!r}, expected a string or a whole number")
    statistical = frozenset(mapping(row.get("counts", {}), "counts"))
    calls = {}
    for model, log in mapping(row.get("calls"), "calls").items():
        with inside(f"calls.{model}"):
            histogram = mapping(mapping(log, "").get("q"), "q")
            if model not in statistical:
                calls[model] = sum(int(number(n, f"q.{q}", 0)) for q, n in histogram.items())
    if target not in calls:
        raise InputError("calls", f"got {', '.join(calls) or 'none'}, expected the target {target!r} among them")
    reviews: dict[str, int] = defaultdict(int)
    for i, pair in enumerate(sequence(row.get("acceptance", []), "acceptance")):
        with inside(f"acceptance[{i}]"):
            fields = mapping(pair, "")
            examined = sequence(fields.get("examined"), "examined")
            if examined:  # every review of a draft examines its first token, whoever drafted it
                reviews[name(fields.get("reviewer"), "reviewer")] += int(number(examined[0], "examined[0]", 0))
    reviews[target] = calls[target]
    tokens = row.get("tokens")
    prefill = number(row.get("prefill_seconds", 0.0), "prefill_seconds", 0)
    category = row.get("category")
    return Run(
        name(row.get("method"), "method"),
        draft,
        target,
        key,
        category if isinstance(category, str) else None,
        len(tokens) if isinstance(tokens, list) else int(number(tokens, "tokens", 1)),
        number(row.get("seconds"), "seconds", 0) - prefill,
        prefill,
        calls,
        dict(reviews),
        statistical,
        [_cycle(c, i) for i, c in enumerate(sequence(row.get("cycle_log", []), "cycle_log"))],
    )


def _cycle(value: object, i: int) -> tuple[int, float]:
    pair = sequence(value, f"cycle_log[{i}]")
    if len(pair) != 2:
        raise InputError(f"cycle_log[{i}]", "expected tokens and seconds")
    return int(number(pair[0], f"cycle_log[{i}][0]", 0)), number(pair[1], f"cycle_log[{i}][1]", 0)
