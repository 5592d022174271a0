"""``cascade-ewif advise``: from an engine's metrics to the number of tokens to draft, and the settings to type."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast, get_args

from analysis.engines.advice import EngineAdvice, advice_of
from analysis.engines.comparison import EngineComparison, compared
from analysis.engines.cost_laws import given_law, laws_of_runs
from analysis.engines.outside_law import PUBLISHED, law_of, named_costs
from analysis.engines.readers import read_counters_file
from analysis.engines.settings import DrafterKind, EngineSettings, Speculation, settings_for
from analysis.engines.specification import fit_counts, specification
from analysis.engines.step_cost import StepCost
from analysis.engines.words import advice_lines, settings_lines
from analysis.model import MAX_DRAFT_LENGTH, InputError, Subparsers, add_command, advise, whole_file
from analysis.model.boundary.options import add_json, add_out, as_options, real, some_text, whole, word
from analysis.model.misuse import drafter_suspicions
from analysis.model.records.engine_counters import EngineCounters

EPILOG = """Reads metrics pages of vLLM, SGLang, llama.cpp and TensorRT-LLM; logs of vLLM, SGLang and llama.cpp;
reports of vllm bench serve and SGLang's bench_serving; SGLang's answers (meta_info) and server info; llama.cpp's
answers (timings); TensorRT-LLM's iteration statistics; Spec-Bench's answers; and counts of your own, as JSON or CSV
(analysis.engines.readers.plain describes them). Files may be gzipped, and /dev/stdin is one.

Costs are in one-token calls of the target. --baseline takes the same engine's metrics of a run without speculation, at
the same load: what a step costs follows from its clock, but not how that divides into drafting, review and overhead, so
both extremes are told."""

EXAMPLE = """curl -s localhost:8000/metrics > end.txt
cascade-ewif advise --metrics end.txt --draft-cost .07
cascade-ewif advise --metrics end.txt --costs eagle3
cascade-ewif advise --metrics end.txt --start start.txt --baseline plain.txt --drafter eagle3"""

KINDS = get_args(DrafterKind)


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(commands, "advise", run, more=EPILOG, example=EXAMPLE)
    add_metrics(parser)
    parser.add_argument(
        "--draft-cost",
        type=real(0),
        metavar="C",
        help="cost of drafting one token, in one-token target calls (EAGLE-3 on an H100: some .07; copying: about 0)",
    )
    parser.add_argument(
        "--costs",
        type=some_text,
        metavar="NAME",
        help=f"costs from elsewhere: {', '.join(PUBLISHED)} (published, Llama-3.1-8B on an H100), or a CSV of times",
    )
    parser.add_argument(
        "--review-cost",
        type=real(0, 1),
        metavar="B",
        help="what each further token adds to the target's call, in one-token target calls (default 0)",
    )
    parser.add_argument(
        "--cost-error", type=real(0, 1), default=0.0, metavar="E", help="relative standard error of the costs"
    )
    parser.add_argument(
        "--drafter", type=word(KINDS), choices=KINDS, help="what drafts, for the settings (default: a guess)"
    )
    parser.add_argument("--draft-model", type=some_text, metavar="PATH", help="its weights, for the settings")
    for option, which in (("--match-min", "least"), ("--match-max", "greatest")):
        parser.add_argument(
            option,
            type=whole(1, MAX_DRAFT_LENGTH),
            metavar="N",
            help=f"{which} match of an n-gram drafter, for the settings",
        )
    add_out(parser, "SPEC.json", "write the drafter as a specification, which other commands take")
    add_json(parser)


def add_metrics(parser: argparse.ArgumentParser, *, needs_baseline: bool = False) -> None:
    """Add ``--metrics``, ``--start``, the same for a baseline, their models, and ``--draft-length``."""
    parser.add_argument("--metrics", required=True, metavar="FILE", help="what the engine printed, with speculation")
    parser.add_argument("--start", metavar="FILE", help="an earlier metrics page of that run, which is subtracted")
    parser.add_argument(
        "--baseline", required=needs_baseline, metavar="FILE", help="what it printed without speculation"
    )
    parser.add_argument("--baseline-start", metavar="FILE", help="an earlier page of that run, which is subtracted")
    for option, page in (("--model", "its page"), ("--baseline-model", "the baseline's page")):
        parser.add_argument(option, type=some_text, metavar="NAME", help=f"which model, where {page} has several")
    parser.add_argument(
        "--draft-length",
        type=whole(1, MAX_DRAFT_LENGTH),
        metavar="K",
        help="tokens drafted in a step, where the engine does not tell",
    )


def read_pages(path: str, start: str | None, model: str | None) -> EngineCounters:
    """Counters of a file, less those of an earlier one."""
    counters = read_counters_file(path, model)
    return counters.since(read_counters_file(start, model)) if start else counters


def at_draft_length(arguments: argparse.Namespace, counters: EngineCounters) -> EngineCounters:
    """The counters with the draft length that was given, if any."""
    with as_options("draft_length"):
        return counters.with_draft_length(arguments.draft_length)


def read_comparison(arguments: argparse.Namespace, counters: EngineCounters) -> EngineComparison | None:
    """The run beside its baseline, where one is given."""
    if arguments.baseline is None:
        if arguments.baseline_start is not None:
            raise InputError("--baseline-start", "given without --baseline, whose earlier page it is")
        return None
    try:
        plain = read_pages(arguments.baseline, arguments.baseline_start, arguments.baseline_model)
    except InputError as error:
        field = "--baseline-model" if error.field == "model" else error.field
        raise InputError(field, error.problem) from None
    with as_options("metrics", "baseline"):
        return compared(counters, plain)


def run(arguments: argparse.Namespace) -> int:
    """Print what was read, what it says about draft lengths, what it does not, and what to type."""
    with as_options("model"):
        counters = read_pages(arguments.metrics, arguments.start, arguments.model)
    if not counters.is_speculative and not counters.drafted:
        since = f" since {arguments.start}" if arguments.start else ""
        problem = f"{arguments.metrics} has no drafts{since}: speculation was off, or nothing was drafted"
        raise InputError("--metrics", problem)
    counters = at_draft_length(arguments, counters)
    comparison = read_comparison(arguments, counters)
    laws = _laws(arguments, counters, comparison)
    with as_options("draft_length"):
        advice = advice_of(counters, laws, comparison=comparison, draft_length=arguments.draft_length)
    kind = arguments.drafter or _guessed(counters)
    typed = settings_for(_speculation(arguments, cast("DrafterKind", kind), advice.tokens))
    if arguments.out:
        _write(arguments.out, advice)
    if arguments.json:
        print(json.dumps(_as_json(advice, typed, kind), allow_nan=False))
        return 0
    has_match = arguments.match_min is not None or arguments.match_max is not None
    told = settings_lines(typed, kind, is_guess=arguments.drafter is None, has_match=has_match)
    for line in (*advice_lines(advice), "", *told):
        print(line)
    if arguments.out:
        print(f"\nwritten      {arguments.out}")
    return 0


def _speculation(arguments: argparse.Namespace, kind: DrafterKind, tokens: int) -> Speculation:
    """What an engine is to do."""
    try:
        with as_options("match_min", "match_max"):
            return Speculation(
                kind,
                tokens,
                model=arguments.draft_model,
                match_min=arguments.match_min,
                match_max=arguments.match_max,
            )
    except InputError as error:
        raise InputError("--draft-model" if error.field == "model" else error.field, error.problem) from None


def _laws(
    arguments: argparse.Namespace, counters: EngineCounters, comparison: EngineComparison | None
) -> Sequence[StepCost]:
    cost, error = arguments.draft_cost, arguments.cost_error
    for line in drafter_suspicions(cost or 0.0, "alpha", ()):
        advise(line)
    if arguments.costs is not None:
        return [_from_elsewhere(arguments, counters)]
    if comparison is None:
        if cost is None:
            expected = "expected the cost of drafting one token in one-token target calls, --costs or --baseline"
            raise InputError("--draft-cost", f"missing, {expected}")
        return [given_law(counters, cost, arguments.review_cost or 0.0, error)]
    if arguments.review_cost is not None:
        raise InputError("--review-cost", "given beside --baseline, whose clock tells it together with the overhead")
    with as_options("draft_cost"):
        return laws_of_runs(comparison, cost, error)


def _from_elsewhere(arguments: argparse.Namespace, counters: EngineCounters) -> StepCost:
    """The law of costs that have a name."""
    for option in ("draft_cost", "review_cost", "baseline"):
        if getattr(arguments, option) is not None:
            raise InputError("--costs", f"given beside --{option.replace('_', '-')}: costs have one source")
    with as_options("costs"):
        law = law_of(named_costs(arguments.costs, max(1, round(counters.concurrency or 1))), counters)
    return replace(law, error=arguments.cost_error or law.error)


def _guessed(counters: EngineCounters) -> str:
    """What probably drafts: drafts that end by themselves are a suffix decoder's, and only copiers abstain.

    In llama.cpp a draft model's drafts end too, below a probability.
    """
    if counters.has_one_length is False and counters.engine != "llama.cpp":
        return "suffix"
    return "ngram" if counters.abstained else "model"


def _write(path: str, advice: EngineAdvice) -> None:
    """Write the drafter as a specification."""
    with whole_file(path) as file:
        file.write(json.dumps(_specification(advice), allow_nan=False, indent=1) + "\n")


def _specification(advice: EngineAdvice) -> dict[str, object]:
    """The drafter at the length advised; of two laws of costs, by the one in proportion to the tokens."""
    return specification(advice.rates, advice.priced[0].cost, advice.tokens).to_json()


def _fit(counters: EngineCounters) -> dict[str, object] | None:
    """What ``cascade-ewif fit`` takes; None where the counters tell too little for it."""
    try:
        return fit_counts(counters)
    except InputError:
        return None


def _as_json(advice: EngineAdvice, typed: Sequence[EngineSettings], kind: str) -> dict[str, object]:
    return {
        **advice.to_json(),
        "drafter": kind,
        "settings": [each.to_json() for each in typed],
        "fit": _fit(advice.counters),
        "specification": _specification(advice),
    }
