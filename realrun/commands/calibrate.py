"""``python -m realrun calibrate``: acceptances and call times of some models, as a specification to optimise."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.model import Cascade, InputError, Subparsers, demand_place, demand_text, whole_file, whole_option
from realrun.commands.options import (
    DTYPE_NAMES,
    MAX_NEW_TOKENS,
    add_sampling,
    demand_word,
    sampling_options,
    temperature_option,
)
from realrun.commands.specifications import read_loadable
from realrun.loading.options import Source, with_target
from realrun.runs.identity import digest, measured_identity
from realrun.runs.journal import journal_of, open_journal
from realrun.runs.prompts import Prompt, read_prompt_file, shipped_prompts

TRACES = ".traces.jsonl.gz"


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = commands.add_parser("calibrate", help="measure acceptances and call times of some models")
    parser.add_argument(
        "models",
        nargs="?",
        metavar="MODELS.json",
        help="a specification with `load` on its models, drafters from dear to cheap; its draft, if any, only writes "
        "the target's texts (default: Max-Gram)",
    )
    parser.add_argument("--prompts", metavar="FILE", help="JSONL with `id` and `turns` or `prompt` (default: our own)")
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--limit", metavar="N", help="only the first N prompts")
    some.add_argument("--per-category", metavar="N", help="only the first N prompts of every category")
    parser.add_argument("--out", required=True, metavar="FILE.json", help="where the specification goes")
    parser.add_argument(
        "--traces", metavar="FILE", help=f"where the agreements go (default: FILE{TRACES} beside --out)"
    )
    parser.add_argument("--max-new-tokens", default="96", metavar="N", help="tokens a prompt at most (default 96)")
    parser.add_argument(
        "--temperature",
        nargs="+",
        default=["0"],
        metavar="T",
        help="0 (default) is greedy; the first gives the acceptances, further ones are added to `meta`",
    )
    add_sampling(parser)
    parser.add_argument("--seed", default="0", help="of samples, order and bootstrap, a whole number >= 0 (default 0)")
    parser.add_argument(
        "--follow-every",
        default="8",
        metavar="N",
        help="follow a drafter's own text at every N-th place where it leaves the target's (default 8)",
    )
    parser.add_argument("--turns", default="9", metavar="N", help="turns of timing calls (default 9)")
    parser.add_argument("--dtype", default=DTYPE_NAMES[0], help=f"{', '.join(DTYPE_NAMES)} (default {DTYPE_NAMES[0]})")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")
    parser.add_argument("--target", metavar="LOAD", help="load this as the target instead of the specification's")
    parser.add_argument("--json", action="store_true", help="print a summary as one JSON object in the last line")
    parser.add_argument("--shape", nargs="*", help=argparse.SUPPRESS)  # once a part of this command
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Calibrate and write the specification and the traces; both appear when all is there."""
    if arguments.shape is not None:
        names = " ".join(arguments.shape) or "NAME"
        raise InputError("--shape", f"is a command of its own, expected: python -m realrun shapes {names} --out FILE")
    if arguments.models is None:
        raise InputError("MODELS.json", "missing, expected the models to calibrate")
    cascade = with_target(read_loadable(arguments.models, needs_draft=False), arguments.target)
    if cascade.lenience > 1:
        raise InputError(
            "lenience", f"got {cascade.lenience:g}, expected 1: acceptances are those of a lossless review"
        )
    for name in cascade.models:
        Source.of(cascade, name)
    limit = whole_option("--max-new-tokens", arguments.max_new_tokens, 1, MAX_NEW_TOKENS)
    seed = whole_option("--seed", arguments.seed, 0, 2**31)
    stride = whole_option("--follow-every", arguments.follow_every, 1, 10**6)
    turns = whole_option("--turns", arguments.turns, 1, 10**4)
    temperatures = [temperature_option(text) for text in arguments.temperature]
    top_k, top_p = sampling_options(arguments)
    demand_word("--dtype", arguments.dtype, DTYPE_NAMES)
    file = read_prompt_file(arguments.prompts or shipped_prompts())
    prompts = chosen_prompts(file.prompts, arguments.limit, arguments.per_category)
    if arguments.traces is not None and temperatures[0] > 0:
        raise InputError("--traces", "given with a temperature, expected greedy choice to record agreements of")
    traces = Path(arguments.traces or Path(arguments.out).with_suffix(TRACES))
    if traces.resolve() == Path(arguments.out).resolve():
        raise InputError("--traces", f"got {arguments.traces!r}, expected another file than --out")

    named = _path_from(Path(arguments.out).parent, traces)
    demand_text(named)
    demand_place(arguments.out)
    from realrun.calibration.calibrate import LOOP_PROMPTS, CalibrationSettings, calibrate, vocabulary_of
    from realrun.calibration.rehearsal import expected_seconds
    from realrun.calibration.roster import Roster, with_all_models
    from realrun.calibration.table import render
    from realrun.duration import announce
    from realrun.engine.policy import Policy
    from realrun.engine.record import provenance
    from realrun.loading.ensemble import DTYPES, load_ensemble
    from realrun.runs.generate import encode_all, prompt_key

    policies = tuple(Policy(temperature, top_k, top_p) for temperature in temperatures)
    settings = CalibrationSettings(limit, policies, seed, stride, turns, arguments.dtype, arguments.device)
    loads = {name: model.load for name, model in cascade.models.items()}
    how = [*asdict(settings).values(), [prompt_key(prompt) for prompt in prompts]]
    request = digest([cascade.target, list(loads.items()), cascade.to_json()["draft"], repr(how)])
    with contextlib.ExitStack() as files:
        journal = files.enter_context(open_journal(journal_of(arguments.out), request))
        out = files.enter_context(whole_file(arguments.out))
        recorded = files.enter_context(whole_file(traces, "wb")) if temperatures[0] == 0 else None
        ensemble = load_ensemble(with_all_models(cascade), DTYPES[arguments.dtype], arguments.device)
        encoded = dict(zip((p.id for p in prompts), encode_all(prompts, ensemble), strict=True))
        journal.begin(measured_identity(request, ensemble, encoded, provenance()))
        if not len(journal):
            roster = Roster.of(cascade, ensemble)
            words = vocabulary_of(ensemble, roster)
            announce(
                expected_seconds(
                    cascade, ensemble, roster, prompts, policies, limit, stride, turns, LOOP_PROMPTS, words
                )
            )
        calibration = calibrate(cascade, ensemble, prompts, settings, journal)
        specification: dict[str, Any] = calibration.with_traces_in(named)
        specification["meta"]["calibration"]["prompts"]["file_sha256"] = file.sha256
        Cascade.from_json(specification)
        out.write(json.dumps(specification, ensure_ascii=False, allow_nan=False) + "\n")
        if recorded is not None:
            assert calibration.traces is not None  # the first policy is greedy, as the file is asked for
            recorded.write(calibration.traces)
    print(render(specification), file=sys.stderr if arguments.json else sys.stdout)
    print(f"{len(prompts)} prompts, calibrated into {arguments.out}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(summary(specification, arguments.out), allow_nan=False))
    return 0


def _path_from(folder: Path, file: Path) -> str:
    """How a file is found from a folder, with / between its parts."""
    return Path(os.path.relpath(file.parent.resolve() / file.name, folder.resolve())).as_posix()


def summary(specification: Mapping[str, Any], file: str) -> dict[str, object]:
    """What was found, without the details."""
    meta = specification["meta"]["calibration"]
    costs = {
        name: model["cost"]["by_tokens"][0] if isinstance(model["cost"], dict) else model["cost"]
        for name, model in specification["models"].items()
    }
    keys = (
        "policy",
        "prompts",
        "acceptance_iid",
        "acceptance_iid_se",
        "first_position",
        "loop_seconds",
        "rounding",
        "call_check",
    )
    return {"file": file, "costs": costs} | {key: meta[key] for key in keys}


def chosen_prompts(prompts: Sequence[Prompt], limit: str | None, per_category: str | None) -> list[Prompt]:
    """The first prompts, of all or of every category.

    Raises:
        InputError: where fewer than two are left, from which no spread could be told.
    """
    if limit is not None:
        prompts = prompts[: whole_option("--limit", limit, 2, MAX_NEW_TOKENS)]
    if per_category is not None:
        most = whole_option("--per-category", per_category, 1, MAX_NEW_TOKENS)
        seen: Counter[str | None] = Counter()
        kept = []
        for prompt in prompts:
            seen[prompt.category] += 1
            kept += [prompt] if seen[prompt.category] <= most else []
        prompts = kept
    if len(prompts) < 2:
        raise InputError("--prompts", f"got {len(prompts)} prompt, expected at least 2 to tell their spread")
    return list(prompts)
