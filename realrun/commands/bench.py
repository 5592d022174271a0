"""``cascade-ewif bench``: time cascades of real models beside autoregressive decoding and other programs, all
greedy."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model import Cascade, InputError, Subparsers, add_command, advise, demand_place
from analysis.model.boundary.options import (
    add_device,
    add_dtype,
    add_json,
    add_out,
    add_prompts,
    add_quiet,
    add_seed,
    add_word,
    as_options,
    demand,
    whole,
    word,
)
from analysis.model.boundary.same_run import demand_same
from analysis.model.records.named import read_named_drafts
from realrun.bench import AUTOREGRESSIVE, BASELINES, LLAMA, WAITS
from realrun.commands.options import MAX_NEW_TOKENS, add_max_new_tokens, add_target
from realrun.commands.specifications import read_loadable
from realrun.loading.formats import USUAL, dtype_of_run
from realrun.runs.identity import digest, loaded_models, measured_identity, task_keys
from realrun.runs.journal import journal_of, open_journal
from realrun.runs.prompts import read_prompts, shipped_prompts

if TYPE_CHECKING:
    from realrun.bench.summary import Row

BASELINE_MODELS = ("plain", "shared")
MOST_THREADS = 512


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "bench",
        run,
        more="Needs a specification with a `load` on its models; `cascade-ewif example smollm2` prints one.",
        example="cascade-ewif example smollm2 > my.json\n"
        "cascade-ewif bench my.json --baseline autoregressive hf-assisted --out rows.jsonl\n"
        "cascade-ewif bench my.json --baseline autoregressive llama.cpp --llama-threads 1 2",
    )
    parser.add_argument(
        "cascades", nargs="+", metavar="CASCADE.json", help="specifications with `load` on their models, one target"
    )
    parser.add_argument(
        "--drafts",
        metavar="FILE.jsonl",
        help="measure these drafts over the models of the one specification, as `cascade-ewif cascades` lists them",
    )
    parser.add_argument(
        "--baseline",
        nargs="+",
        type=word(BASELINES),
        choices=BASELINES,
        default=[AUTOREGRESSIVE],
        metavar="NAME",
        help=f"what to hold the cascades against, of {', '.join(BASELINES)} (default {AUTOREGRESSIVE})",
    )
    add_word(
        parser,
        "--baseline-models",
        BASELINE_MODELS,
        "what the other programs run: plain, the models as transformers loads them, a second copy in memory, in "
        "bfloat16 beside int8; or shared, our engine's copies with packed weights and its attention; not of llama.cpp, "
        "which reads the target's own GGUF file in a process of its own, stopped while others run",
    )
    parser.add_argument(
        "--llama-threads",
        nargs="+",
        type=whole(1, MOST_THREADS),
        metavar="N",
        help="threads of llama.cpp, one method for each number (default: as many as torch has); more than there are "
        "free cores slow it down tenfold",
    )
    parser.add_argument(
        "--llama-wait",
        nargs="+",
        type=word(WAITS),
        choices=WAITS,
        default=[WAITS[0]],
        metavar="HOW",
        help="how threads of llama.cpp wait for one another, one method each: spinning, its default, best on idle "
        "cores, or passive, best beside other programs",
    )
    add_prompts(parser)
    add_max_new_tokens(parser, 128)
    parser.add_argument(
        "--repeats", type=whole(1, 1000), default=1, metavar="N", help="runs of each prompt by each method"
    )
    parser.add_argument(
        "--tune",
        type=whole(0, MAX_NEW_TOKENS),
        default=0,
        metavar="N",
        help="search each side's best settings on the first N prompts, which are then not measured (default 0: don't)",
    )
    parser.add_argument(
        "--memory-prompt",
        type=whole(0, MAX_NEW_TOKENS),
        default=512,
        metavar="N",
        help="tokens of the prompt on which peak memory is measured (default 512; 0: don't)",
    )
    add_dtype(parser, USUAL)
    add_device(parser)
    add_target(parser)
    add_seed(parser, "the bootstrap", 2**31)
    add_out(
        parser,
        "ROWS.jsonl",
        "where the rows go, one a run, as they come; the same command goes on with what an interrupted run left "
        "there and in ROWS.jsonl.journal, and any other file that holds something is refused",
    )
    parser.add_argument(
        "--counts-only", action="store_true", help="rows say how many tokens there were, not which, and carry no text"
    )
    add_json(parser, "the summary as one JSON object")
    add_quiet(parser)


@as_options("baseline", "baseline_models", "max_new_tokens")
def run(arguments: argparse.Namespace) -> int:
    """Measure, print tables, and with `--json` the whole summary."""
    cascades = named_cascades(arguments.cascades, but_target=arguments.target is not None)
    if arguments.drafts is not None:
        cascades = listed_cascades(arguments.drafts, cascades)
    baselines = list(dict.fromkeys(arguments.baseline))
    prompts = read_prompts(arguments.prompts or shipped_prompts())
    demand("--tune", arguments.tune, whole(0, len(prompts) - 1))
    if arguments.out is not None:
        _demand_ours(arguments.out)

    from transformers.utils import logging

    from analysis.model.boundary.journal import rows_file
    from realrun.bench.driver import BenchSettings, run_bench  # when all else is known to be right: torch takes seconds
    from realrun.bench.flashspec_decoder import demand_flashspec
    from realrun.bench.llama_decoder import demand_llama, llama_ways
    from realrun.bench.plain import plain_cascade, plain_dtype, restore_attention
    from realrun.bench.plan import joint_cascade
    from realrun.bench.table import render
    from realrun.engine.record import provenance
    from realrun.loading.ensemble import DTYPES, load_ensemble
    from realrun.runs.generate import encode_all, prompt_key

    if "flashspec" in baselines:
        demand_flashspec()
    uses_llama = not set(baselines).isdisjoint(LLAMA)
    if uses_llama:
        demand_llama()
    elif arguments.llama_threads:
        advise("--llama-threads: changes nothing without --baseline llama.cpp or llama.cpp-ngram")
    logging.set_verbosity_error()  # transformers warns about how its own assistant is called
    settings = BenchSettings(
        arguments.max_new_tokens, arguments.repeats, arguments.tune, arguments.memory_prompt, arguments.seed
    )
    joint = joint_cascade(cascades, arguments.target)
    dtype_name = dtype_of_run(arguments.dtype, joint, arguments.device)
    loads = {name: model.load for name, model in sorted(joint.models.items())}
    conditions = {
        "max_new_tokens": arguments.max_new_tokens,
        "dtype": dtype_name,
        "device": arguments.device,
        "baseline_models": arguments.baseline_models,
    }
    llama = []
    if uses_llama:
        llama = llama_ways(joint, arguments.device, arguments.llama_threads, list(dict.fromkeys(arguments.llama_wait)))
    drafts = {name: cascade.to_json()["draft"] for name, cascade in cascades.items()}
    lenience = {name: cascade.lenience for name, cascade in cascades.items()}
    texts = [prompt_key(prompt) for prompt in prompts]
    asked_of_llama = [[way.threads, way.wait] for way in llama]
    asked = [joint.target, loads, drafts, lenience, baselines, asdict(settings), conditions, texts]
    request = digest(asked + ([asked_of_llama] if llama else []))
    with ExitStack() as files:
        kept = None if arguments.out is None else journal_of(arguments.out)
        journal = files.enter_context(open_journal(kept, request))
        file = None if arguments.out is None else files.enter_context(rows_file(arguments.out, [], more="method"))
        ensemble = others = load_ensemble(joint, DTYPES[dtype_name], device=arguments.device)
        encoded = dict(zip((p.id for p in prompts), encode_all(prompts, ensemble), strict=True))
        journal.begin(measured_identity(request, ensemble, encoded, provenance()))
        if arguments.baseline_models == "plain" and set(baselines) - {AUTOREGRESSIVE, *LLAMA}:
            theirs = DTYPES[plain_dtype(joint, dtype_name)]
            others = load_ensemble(plain_cascade(joint), theirs, device=arguments.device)
            restore_attention(others)
        models = loaded_models(ensemble, ensemble.models)
        there = iter(() if file is None else list(file.rows))

        def keep(row: Row) -> None:
            if file is None:
                return
            task = digest([joint.target, loads, row["method"], row["settings"], conditions])
            if arguments.counts_only:
                row = {key: value for key, value in row.items() if key != "text"} | {"tokens": len(row["tokens"])}
            whole = {**conditions, **row, **task_keys(task, models), **provenance()}
            before = next(there, None)
            if before is None:
                file.append(whole)
            else:
                demand_same(before, json.loads(json.dumps(whole)), arguments.out)

        found = run_bench(cascades, baselines, ensemble, others, prompts, settings, keep, journal, llama)
        summary = found | conditions
    print(render(summary), file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(summary, ensure_ascii=False, allow_nan=False))
    return 0


def named_cascades(files: Sequence[str], *, but_target: bool = False) -> dict[str, Cascade]:
    """The specifications by the name of their file, or by its whole path where the name alone is taken.

    Args:
        files: Their names; the models have a `load`.
        but_target: Whether the target's is given elsewhere.
    """
    stems = [Path(file).stem for file in files]
    result: dict[str, Cascade] = {}
    for file, stem in zip(files, stems, strict=True):
        name = file if stems.count(stem) > 1 or stem in BASELINES else stem
        if name in result:
            raise InputError("CASCADE.json", f"got {file} twice, expected different files")
        result[name] = read_loadable(file, but_target=but_target)
    return result


def listed_cascades(file: str, given: Mapping[str, Cascade]) -> dict[str, Cascade]:
    """The drafts of a list over the models of the only specification given; its own draft is not among them."""
    if len(given) != 1:
        raise InputError("--drafts", f"got {len(given)} specifications beside it, expected one")
    (models,) = given.values()
    listed = {named.name: models.with_draft(named.draft) for named in read_named_drafts(file, models) if named.draft}
    if not listed:
        raise InputError("--drafts", f"{file} lists no cascade that drafts")
    for name in listed:
        if name in BASELINES:
            raise InputError("--drafts", f"got the name {name!r}, which is a baseline's")
    return listed


def _demand_ours(path: str) -> None:
    """Refuse a file with rows that no interrupted run of ours left: methods are compared within one run.

    Raises:
        InputError: with the number of rows.
    """
    demand_place(path)
    place, kept = Path(path), journal_of(path)
    if kept is None or Path(kept).exists():
        return
    if place.is_file() and (count := place.read_bytes().count(b"\n")):
        raise InputError("--out", f"{path} holds {count} row{'s' * (count > 1)} already, name another file")
