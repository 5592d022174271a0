"""Rows of measured generations: one reading of them for all who compare methods.

Decoding seconds are those of the whole run without the prefill of any model.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.model import Draft, InputError, parse_json, read_text
from analysis.model.boundary.fields import count, inside, mapping, read_name, read_number, sequence
from analysis.model.step import read_draft

PromptId = str | int

MOST = 10**9
"""Greatest number of tokens or calls of a row."""


@dataclass(frozen=True)
class MeasuredRun:
    """One generation by one method.

    Attributes:
        method: Its name.
        draft: Its draft; empty for autoregressive decoding and for other programs.
        is_cascade: Whether it ran a cascade or the target alone; otherwise another program.
        target: The reviewer of its cycles.
        file: Which of the files read together has its row, from 0.
        repeat: Which of the method's runs on this prompt in that file.
        prompt: Id of the prompt.
        category: The prompt's domain, where the row tells.
        prompt_tokens: Length of the prompt; 1 where the row does not tell.
        tokens: Tokens generated, >= 1.
        seconds: Seconds of decoding, the prompt's reading left out, > 0.
        prefill_seconds: Seconds of reading the prompt.
        sizes: Number of calls by model and by tokens fed.
        call_seconds: Seconds inside the calls by model.
        reviews: By neural model, its calls that reviewed a draft of at least one token, and for the target all.
        statistical: Drafters that are no networks.
        cycle_count: Number of cycles.
        cycles: Tokens and seconds of every cycle, where the row tells.
        weights: Format of the target's weights: the file's name of a program that runs a file of its own, or the
            `weights` or `dtype` of the run; None where the row tells none.
    """

    method: str
    draft: Draft
    is_cascade: bool
    target: str
    file: int
    repeat: int
    prompt: PromptId
    category: str | None
    prompt_tokens: int
    tokens: int
    seconds: float
    prefill_seconds: float
    sizes: Mapping[str, Mapping[int, int]]
    call_seconds: Mapping[str, float]
    reviews: Mapping[str, int]
    statistical: frozenset[str]
    cycle_count: int
    cycles: Sequence[tuple[int, float]]
    weights: str | None = None

    @property
    def calls(self) -> dict[str, int]:
        """Number of calls by neural model."""
        return {model: sum(by_size.values()) for model, by_size in self.sizes.items() if model not in self.statistical}


def read_runs(*paths: str | Path, target: str = "t", programs: bool = False) -> list[MeasuredRun]:
    """Read the rows of cascades. Lines without a `method` are headers or notes.

    Args:
        paths: JSONL, rows of ``cascade-ewif bench``.
        target: Name of the target.
        programs: Whether to read rows of other programs too, whose settings have no draft, and rows of cascades without
            calls of the target.

    Raises:
        InputError: naming the file, the line and the field that are wrong, or the method that ran different drafts.
    """
    runs: list[MeasuredRun] = []
    drafts: dict[str, tuple[Draft, bool]] = {}
    for file, path in enumerate(paths):
        seen = set()
        for i, line in _whole_lines(path):
            with inside(f"{path}, line {i}"):
                row = mapping(parse_json(line, "", first_line=i), "")
                if "method" not in row:
                    if "rung" in row:
                        raise InputError("", "a prediction, expected a measured row: are the two swapped?")
                    continue
                run = _run(row, target, file)
                if (run.method, run.prompt, run.repeat) in seen:
                    raise InputError("repeat", f"{run.repeat} of prompt {run.prompt!r} is there twice")
                seen.add((run.method, run.prompt, run.repeat))
                if not programs:
                    if not run.is_cascade:
                        continue
                    if target not in run.sizes:
                        found = ", ".join(run.sizes) or "none"
                        raise InputError("calls", f"got {found}, expected the target {target!r} among them")
                if drafts.setdefault(run.method, (run.draft, run.is_cascade)) != (run.draft, run.is_cascade):
                    raise InputError("settings.draft", f"rows of {run.method!r} tell of different drafts")
            runs.append(run)
    if not runs:
        expected = "a `method`" if programs else "`settings.draft`, as cascades have"
        raise InputError(", ".join(map(str, paths)), f"no row with {expected}")
    return runs


def _whole_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Lines that hold something, by number; one that was torn off at the file's end is reported and left out."""
    *ended, rest = read_text(path).split("\n")
    for i, line in enumerate(ended, start=1):
        if line.strip():
            yield i, line
    if rest.strip():
        try:
            parse_json(rest, str(path))
        except InputError:
            print(f"{path}: left out a torn last row of {len(rest.encode())} bytes", file=sys.stderr)
        else:
            yield len(ended) + 1, rest


def _run(row: Mapping[str, object], target: str, file: int) -> MeasuredRun:
    settings = mapping(row.get("settings", {}), "settings")
    with inside("settings.draft"):
        draft = read_draft(settings.get("draft", []))
    key = row.get("id")
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError("id", f"got {key!r}, expected a string or a whole number")
    statistical = frozenset(mapping(row.get("counts", {}), "counts"))
    sizes, call_seconds = {}, {}
    for model, item in mapping(row.get("calls", {}), "calls").items():
        with inside(f"calls.{model}"):
            log = mapping(item, "")
            sizes[model] = {
                read_size(q): int(read_number(n, f"q.{q}", 0)) for q, n in mapping(log.get("q", {}), "q").items()
            }
            call_seconds[model] = read_number(log.get("seconds", 0), "seconds", 0)
    tokens = row.get("tokens")
    prefill = read_number(row.get("prefill_seconds", 0.0), "prefill_seconds", 0)
    seconds = read_number(row.get("seconds"), "seconds", 0) - prefill
    if not seconds > 0:
        raise InputError("seconds", "expected more than the prefill's")
    cycles = [_cycle(c, i) for i, c in enumerate(sequence(row.get("cycle_log", []), "cycle_log"))]
    category = row.get("category")
    return MeasuredRun(
        method=read_name(row.get("method"), "method"),
        draft=draft,
        is_cascade="draft" in settings,
        target=target,
        file=file,
        repeat=int(read_number(row.get("repeat", 0), "repeat", 0)),
        prompt=key,
        category=category if isinstance(category, str) else None,
        prompt_tokens=count(row.get("prompt_tokens", 1), "prompt_tokens", MOST),
        tokens=count(len(tokens) if isinstance(tokens, list) else tokens, "tokens", MOST),
        seconds=seconds,
        prefill_seconds=prefill,
        sizes=sizes,
        call_seconds=call_seconds,
        reviews=_reviews(row) | ({target: sum(sizes[target].values())} if target in sizes else {}),
        statistical=statistical,
        cycle_count=int(read_number(row.get("cycles", len(cycles)), "cycles", 0)),
        cycles=cycles,
        weights=_weights(row, settings),
    )


def _weights(row: Mapping[str, object], settings: Mapping[str, object]) -> str | None:
    told = (settings.get("file"), settings.get("weights"), row.get("weights"), row.get("dtype"))
    return next((name for name in told if isinstance(name, str) and name), None)


def _reviews(row: Mapping[str, object]) -> dict[str, int]:
    """Reviews of a draft by reviewer: each examines the draft's first token, whoever drafted it."""
    found: dict[str, int] = defaultdict(int)
    for i, pair in enumerate(sequence(row.get("acceptance", []), "acceptance")):
        with inside(f"acceptance[{i}]"):
            fields = mapping(pair, "")
            examined = sequence(fields.get("examined"), "examined")
            if examined:
                found[read_name(fields.get("reviewer"), "reviewer")] += int(read_number(examined[0], "examined[0]", 0))
    return dict(found)


def read_size(q: str) -> int:
    """The number of tokens that a key of a histogram of calls names."""
    if not (q.isascii() and q.isdigit()):
        raise InputError("q", f"got the key {q!r}, expected a number of tokens")
    return int(q)


def _cycle(value: object, i: int) -> tuple[int, float]:
    pair = sequence(value, f"cycle_log[{i}]")
    if len(pair) != 2:
        raise InputError(f"cycle_log[{i}]", "expected tokens and seconds")
    return int(read_number(pair[0], f"cycle_log[{i}][0]", 0)), read_number(pair[1], f"cycle_log[{i}][1]", 0)
