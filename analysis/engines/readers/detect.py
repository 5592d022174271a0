"""Which engine printed a text, and its counters: the form is told from the text alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.engines.readers import (
    llama_cpp,
    plain,
    serving_bench,
    sglang_answers,
    sglang_server,
    spec_bench,
    tensorrt_llm,
    vllm_log,
    vllm_page,
)
from analysis.engines.readers.matching import demand_no_model
from analysis.model import InputError, inside_file, parse_json, read_text
from analysis.model.records.engine_counters import EngineCounters

Reader = Callable[[str, str | None], EngineCounters]
Objects = list[Mapping[str, object]]


@dataclass(frozen=True)
class Form:
    """One form of text.

    Attributes:
        name: What it is, in words.
        mark: What the text has in it.
        read: Reads it; takes the text and the model asked for.
    """

    name: str
    mark: str
    read: Reader


FORMS = (
    Form("vLLM's metrics page", vllm_page.PREFIX, vllm_page.read),
    Form("SGLang's metrics page", sglang_server.PREFIX, sglang_server.read_metrics),
    Form("llama.cpp's metrics page", llama_cpp.PREFIX, llama_cpp.read_metrics),
    Form("TensorRT-LLM's metrics page", tensorrt_llm.PREFIX, tensorrt_llm.read_metrics),
    Form("vLLM's log", vllm_log.MARK, vllm_log.read),
    Form("the log of vLLM's former engine", vllm_log.FORMER_MARK, vllm_log.read_former),
    *(
        Form("a report of vllm bench serve or SGLang's bench_serving", m, serving_bench.read)
        for m in serving_bench.MARKS
    ),
    Form("SGLang's log", "Decode batch", sglang_server.read_log),
    Form("llama.cpp's log", "draft acceptance", llama_cpp.read_log),
    Form("llama.cpp's log", "eval time =", llama_cpp.read_log),
)
"""Forms that are no JSON, in the order in which they are looked for."""

KNOWN = (
    "a metrics page of vLLM, SGLang, llama.cpp or TensorRT-LLM; a log of vLLM, SGLang or llama.cpp; a report of vllm "
    "bench serve or SGLang's bench_serving; "
    "JSON of llama.cpp (timings), SGLang (meta_info, server info), TensorRT-LLM (specDecodingStats), Spec-Bench "
    "(accept_lengths); or one's own JSON or CSV (position,examined,accepted)"
)


def read_counters(text: str, model: str | None = None) -> EngineCounters:
    """Counters of a text that an engine printed.

    Args:
        text: A metrics page, a log, or JSON.
        model: Which model's, where a page has several.

    Raises:
        InputError: where the form is unknown, or naming the counter that is missing or cannot be.

    >>> seen = read_counters('{"timings": {"predicted_n": 101, "predicted_ms": 1500, "draft_n": 90, '
    ...                      '"draft_n_accepted": 60}}')
    >>> seen.engine, seen.steps, seen.tokens_per_step()
    ('llama.cpp', 40.0, 2.5)
    """
    objects = _objects(text)
    if objects:
        return _of_objects(objects, model)
    if tuple(part.strip() for part in text.lstrip("\ufeff \n").partition("\n")[0].split(",")) == plain.HEADER:
        demand_no_model(model)
        return plain.read_csv(text.lstrip("\ufeff \n"))
    for form in FORMS:
        if form.mark in text:
            return form.read(text, model)
    raise InputError("", f"what this text is cannot be told from it, expected {KNOWN}")


def read_counters_file(path: str | Path, model: str | None = None) -> EngineCounters:
    """Counters of a file, plain or gzipped.

    Raises:
        InputError: as `read_counters`, naming the file too.
    """
    text = read_text(path)
    try:
        with inside_file(path):
            return read_counters(text, model)
    except InputError as error:
        raise error if error.field else InputError(str(path), error.problem.removesuffix(f" (in {path})")) from None


def _of_objects(objects: Objects, model: str | None) -> EngineCounters:
    demand_no_model(model)
    first = objects[0]
    if "internal_states" in first:
        return sglang_server.read_info(first)
    if any("specDecodingStats" in row or "inflightBatchingStats" in row for row in objects):
        return tensorrt_llm.read_iterations(objects)
    if any(mark in first for mark in serving_bench.JSON_MARKS):
        return serving_bench.read_result(first)
    if any(_has(row, "accept_lengths") for row in objects):
        return spec_bench.read_answers(objects)
    for key, mark, read in _NESTED:
        found = [each for row in objects for each in _under(row, key, mark)]
        if found:
            return read(found)
    if len(objects) == 1 and any(key in first for key in plain.ENOUGH):
        return plain.read_object(first)
    raise InputError("", f"what this JSON is cannot be told from its keys, expected {KNOWN}")


_NESTED: tuple[tuple[str, str, Callable[[Objects], EngineCounters]], ...] = (
    ("timings", "predicted_n", llama_cpp.read_timings),
    ("meta_info", "completion_tokens", sglang_answers.read_answers),
)


def _under(value: object, key: str, mark: str) -> Iterator[Mapping[str, object]]:
    """Every object under a key, at any depth, or that has a mark of what stands under it."""
    if isinstance(value, list):
        for each in value:
            yield from _under(each, key, mark)
    elif isinstance(value, dict):
        if isinstance(value.get(key), dict):
            yield value[key]
        elif mark in value and (mark != "completion_tokens" or "spec_verify_ct" in value):
            yield value
        else:
            for each in value.values():
                if isinstance(each, (list, dict)):
                    yield from _under(each, key, mark)


def _has(row: Mapping[str, object], key: str) -> bool:
    choices = row.get("choices")
    nested = choices if isinstance(choices, list) else []
    return key in row or any(isinstance(each, dict) and key in each for each in nested)


def _objects(text: str) -> Objects:
    """The JSON objects of a text: one, a list, or one a line; empty where it is no JSON."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if not stripped.startswith(("{", "[")):
        return []
    lines = [(i, line) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if _is_json(text):
        values = [parse_json(text, "")]
    elif _is_json(lines[0][1]):
        values = [parse_json(line, f"line {i}", first_line=i) for i, line in lines]
    elif stripped.startswith("{") or stripped[1:].lstrip().startswith("{"):
        values = [parse_json(text, "")]  # raises, with the place of the mistake
    else:  # a log whose lines begin with [time]
        return []
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [each for each in flat if isinstance(each, dict)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
