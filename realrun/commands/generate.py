"""``cascade-ewif generate``: answer prompts with a cascade of real models, or one prompt on the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.model import Cascade, InputError, Subparsers, add_command, progress
from analysis.model.boundary.options import (
    MAX_SEED,
    add_device,
    add_dtype,
    add_out,
    add_prompts,
    add_quiet,
    add_word,
    real,
    some_text,
    whole,
)
from realrun.commands.options import (
    VERIFICATIONS,
    Sampling,
    add_max_new_tokens,
    add_sampling,
    add_target,
    advise_of_idle_sampling,
)
from realrun.commands.specifications import read_loadable
from realrun.loading.formats import USUAL, dtype_of_run
from realrun.loading.options import Source, demand_file, with_target
from realrun.runs.prompts import Prompt, read_prompts, shipped_prompts

DEFAULT_TARGET = "smollm2-135m"
METHODS = ("cascade", "autoregressive")


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "generate",
        run,
        example="""cascade-ewif generate --prompt "Why is the sky blue?"
        cascade-ewif generate my.json --prompts prompts.jsonl --out answers.jsonl""",
    )
    parser.add_argument(
        "cascade",
        nargs="?",
        metavar="SPEC",
        help="a cascade specification with `load` on its models, or what to load as the target of one that copies "
        f"(with --prompt; default {DEFAULT_TARGET} with its drafters)",
    )
    parser.add_argument(
        "--prompt",
        type=some_text,
        metavar="TEXT",
        help="answer this on the terminal, each token in the colour of who drafted it",
    )
    parser.add_argument(
        "--trace-html", metavar="FILE", help="with --prompt: the same picture as a page that needs nothing else"
    )
    add_prompts(parser)
    add_max_new_tokens(parser, 128)
    add_word(parser, "--method", METHODS, "the cascade, or the target alone")
    add_dtype(parser, USUAL)
    add_device(parser)
    add_target(parser)
    parser.add_argument(
        "--temperature", type=real(0), default=0.0, metavar="T", help="sample at this temperature (default 0: greedy)"
    )
    add_sampling(parser)
    parser.add_argument(
        "--seed", type=whole(0, MAX_SEED), metavar="N", help="seed of the samples (needed with a temperature)"
    )
    parser.add_argument(
        "--stop",
        type=some_text,
        action="append",
        default=[],
        metavar="TEXT",
        help="end before this text; may be given several times",
    )
    add_word(parser, "--verification", VERIFICATIONS, "judge sampled drafts token by token or as a block")
    parser.add_argument("--trace", action="store_true", help="tell in each row where every token came from")
    add_out(
        parser,
        "FILE.jsonl",
        "where the rows go, one a prompt, as they come; the same command goes on with what a killed run left, and a "
        "file with other rows is refused",
    )
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Generate for every prompt that the file has no row of yet, or show the answer to the one prompt."""
    _demand_mode(arguments)
    cascade = with_target(_cascade(arguments), arguments.target)
    limit = arguments.max_new_tokens
    sampling = Sampling(arguments.temperature, arguments.top_k, arguments.top_p, arguments.seed or 0)
    if sampling.temperature > 0 and arguments.seed is None:
        raise InputError("--seed", f"missing, expected a whole number in 0..{MAX_SEED} to sample with")
    advise_of_idle_sampling(arguments)
    if arguments.method == "autoregressive":
        cascade = cascade.with_draft(())
    if arguments.prompt is not None and arguments.out is None:
        from realrun.commands.answer import answer  # torch takes seconds

        return answer(arguments, cascade, limit, sampling)
    prompts = (
        read_prompts(arguments.prompts or shipped_prompts())
        if arguments.prompt is None
        else [Prompt("prompt", arguments.prompt)]
    )
    from analysis.model.boundary.journal import is_ids, is_seconds, rows_file
    from realrun.engine.policy import Policy
    from realrun.loading.ensemble import DTYPES, load_ensemble  # after all else is known to be right: it takes seconds
    from realrun.runs.generate import RunSettings, encode_all, generate_rows, prompt_key, request_id, row_task
    from realrun.runs.identity import prompt_ids_key

    policy = Policy(sampling.temperature, sampling.top_k, sampling.top_p)
    settings = RunSettings(limit, policy, sampling.seed, tuple(arguments.stop), arguments.verification)
    dtype = dtype_of_run(arguments.dtype, cascade, arguments.device)
    request = request_id(cascade, settings, dtype)
    expected = [prompt_key(prompt) | {"request": request} for prompt in prompts]
    with rows_file(arguments.out, expected, {"tokens": is_ids, "seconds": is_seconds}) as file:
        done = len(file.rows)
        if any(("trace" in row) != arguments.trace for row in file.rows):
            raise InputError("--trace", f"differs from that of the rows in {arguments.out}, expected the same")
        ensemble = load_ensemble(cascade, DTYPES[dtype], arguments.device)
        task = row_task(cascade, settings, dtype, ensemble)
        encoded = encode_all(prompts, ensemble)
        file.demand([{"id": p.id} | task | prompt_ids_key(ids) for p, ids in zip(prompts, encoded, strict=True)])
        rows = generate_rows(cascade, ensemble, prompts, settings, dtype, arguments.trace, done)
        for row in progress(rows, arguments.method, "prompt", total=len(prompts), initial=done):
            file.append(row)
    tokens, seconds = sum(len(row["tokens"]) for row in file.rows), sum(row["seconds"] for row in file.rows)
    print(f"{len(prompts)} prompts, {tokens} tokens in {seconds:.1f} s ({tokens / max(seconds, 1e-9):.1f} a second)")
    return 0


def _demand_mode(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    if arguments.prompt is None:
        if arguments.out is None:
            raise InputError("--out", "missing, expected where the rows go (or --prompt TEXT to read an answer here)")
        if arguments.trace_html is not None:
            raise InputError("--trace-html", "given without --prompt, expected it with one prompt only")
        if arguments.cascade is None:
            raise InputError("SPEC", "missing, expected a cascade specification")
    elif arguments.prompts is not None:
        raise InputError("--prompts", "given beside --prompt, expected one of the two")
    elif arguments.out is not None and arguments.trace_html is not None:
        raise InputError("--trace-html", "given beside --out, expected one of the two")
    elif arguments.out is None and arguments.trace:
        raise InputError("--trace", "given without --out, where it has no effect (--trace-html FILE writes a page)")


def _cascade(arguments: argparse.Namespace) -> Cascade:
    """The specification; with --prompt also one made of what to load, or the embedded model's."""
    spec = arguments.cascade
    if arguments.prompt is None or (spec is not None and (spec.endswith(".json") or Path(spec).is_file())):
        return read_loadable(spec, but_target=arguments.target is not None)
    target = spec or DEFAULT_TARGET
    demand_file("SPEC", target)
    Source.of_target("SPEC", target)
    copier = {"name": "maxgram", "min_match": 2, "bigram": None}
    models: dict[str, object] = {"target": {"load": target}, "copy": {"load": copier}}
    draft: list[dict[str, object]] = [{"by": "copy", "tokens": 8}]
    if spec is None and arguments.target is None:
        models["d1"] = {"load": "smollm2-d1"}
        draft.append({"by": "d1", "tokens": 2})
    return Cascade.from_json({"target": "target", "models": models, "draft": draft})
