"""``cascade-ewif calibrate``: measure the acceptances and call times of real models, as a specification to optimise."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from analysis.model import InputError, Subparsers, add_command, demand_text, whole_file
from analysis.model.boundary.options import (
    add_device,
    add_dtype,
    add_json,
    add_out,
    add_prompts,
    add_quiet,
    add_seed,
    output,
    real,
    whole,
)
from analysis.model.records.calibration import Calibration
from realrun.commands.options import MAX_NEW_TOKENS, add_max_new_tokens, add_sampling, add_target
from realrun.commands.specifications import read_loadable
from realrun.loading.formats import USUAL, dtype_of_run
from realrun.loading.options import demand_calibratable, with_target
from realrun.runs.identity import digest, measured_identity
from realrun.runs.journal import journal_of, open_journal
from realrun.runs.prompts import Prompt, read_prompt_file, shipped_prompts

TRACES = ".traces.jsonl.gz"


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "calibrate",
        run,
        more="What it writes is read by `optimise`, `cascades`, `predict`, `replay` and `ladder`.",
        example="cascade-ewif example smollm2 > my.json\n"
        "cascade-ewif calibrate my.json --limit 8 --out calibration.json\n"
        "cascade-ewif optimise calibration.json",
    )
    parser.add_argument(
        "models",
        nargs="?",
        metavar="MODELS.json",
        help="a specification with `load` on its models, drafters from dear to cheap; its draft, if any, only writes "
        "the target's texts (default: Max-Gram)",
    )
    add_prompts(parser)
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--limit", type=whole(2, MAX_NEW_TOKENS), metavar="N", help="only the first N prompts")
    some.add_argument(
        "--per-category", type=whole(1, MAX_NEW_TOKENS), metavar="N", help="only the first N prompts of every category"
    )
    add_out(parser, "FILE.json", "where the specification goes", required=True)
    parser.add_argument(
        "--traces", type=output, metavar="FILE", help=f"where the agreements go (default: FILE{TRACES} beside --out)"
    )
    add_max_new_tokens(parser, 96)
    parser.add_argument(
        "--temperature",
        nargs="+",
        type=real(0),
        default=[0.0],
        metavar="T",
        help="0 (default) is greedy; the first gives the acceptances, further ones are added to `meta`",
    )
    add_sampling(parser)
    add_seed(parser, "samples, order and bootstrap", 2**31)
    parser.add_argument(
        "--follow-every",
        type=whole(1, 10**6),
        default=8,
        metavar="N",
        help="follow a drafter's own text at every N-th place where it leaves the target's",
    )
    parser.add_argument("--turns", type=whole(1, 10**4), default=9, metavar="N", help="how often every call is timed")
    add_dtype(parser, USUAL)
    add_device(parser)
    add_target(parser)
    add_json(parser, "a summary as one JSON object")
    add_quiet(parser)
    parser.add_argument("--shape", nargs="*", help=argparse.SUPPRESS)  # once a part of this command


def run(arguments: argparse.Namespace) -> int:
    """Calibrate and write the specification and the traces; both appear when all is there."""
    if arguments.shape is not None:
        names = " ".join(arguments.shape) or "NAME"
        raise InputError("--shape", f"is a command of its own, expected: cascade-ewif shapes {names} --out FILE")
    if arguments.models is None:
        raise InputError("MODELS.json", "missing, expected the models to calibrate")
    cascade = with_target(read_loadable(arguments.models, needs_draft=False), arguments.target)
    demand_calibratable(cascade)
    limit, stride, turns, temperatures = (
        arguments.max_new_tokens,
        arguments.follow_every,
        arguments.turns,
        arguments.temperature,
    )
    file = read_prompt_file(arguments.prompts or shipped_prompts())
    prompts = chosen_prompts(file.prompts, arguments.limit, arguments.per_category)
    if arguments.traces is not None and temperatures[0] > 0:
        raise InputError("--traces", "given with a temperature, expected greedy choice to record agreements of")
    traces = Path(arguments.traces or Path(arguments.out).with_suffix(TRACES))
    if traces.resolve() == Path(arguments.out).resolve():
        raise InputError("--traces", f"got {arguments.traces!r}, expected another file than --out")

    named = _path_from(Path(arguments.out).parent, traces)
    demand_text(named)
    from realrun.calibration.calibrate import LOOP_PROMPTS, CalibrationSettings, calibrate, vocabulary_of
    from realrun.calibration.rehearsal import expected_seconds
    from realrun.calibration.roster import Roster, with_all_models
    from realrun.calibration.table import render
    from realrun.duration import announce
    from realrun.engine.policy import Policy
    from realrun.engine.record import provenance
    from realrun.loading.ensemble import DTYPES, load_ensemble
    from realrun.runs.generate import encode_all, prompt_key

    policies = tuple(Policy(temperature, arguments.top_k, arguments.top_p) for temperature in temperatures)
    dtype = dtype_of_run(arguments.dtype, cascade, arguments.device)
    settings = CalibrationSettings(limit, policies, arguments.seed, stride, turns, dtype, arguments.device)
    loads = {name: model.load for name, model in cascade.models.items()}
    how = [*asdict(settings).values(), [prompt_key(prompt) for prompt in prompts]]
    request = digest([cascade.target, list(loads.items()), cascade.to_json()["draft"], repr(how)])
    with contextlib.ExitStack() as files:
        journal = files.enter_context(open_journal(journal_of(arguments.out), request))
        out = files.enter_context(whole_file(arguments.out))
        recorded = files.enter_context(whole_file(traces, "wb")) if temperatures[0] == 0 else None
        ensemble = load_ensemble(with_all_models(cascade), DTYPES[dtype], arguments.device)
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
        measured = calibrate(cascade, ensemble, prompts, settings, journal, file.sha256)
        calibration = measured.with_traces_in(named)
        out.write(calibration.dumps())
        if recorded is not None:
            assert measured.traces is not None  # the first policy is greedy, as the file is asked for
            recorded.write(measured.traces)
    print(render(calibration), file=sys.stderr if arguments.json else sys.stdout)
    print(f"{len(prompts)} prompts, calibrated into {arguments.out}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(summary(calibration, arguments.out), allow_nan=False))
    return 0


def _path_from(folder: Path, file: Path) -> str:
    """How a file is found from a folder, with / between its parts."""
    return Path(os.path.relpath(file.parent.resolve() / file.name, folder.resolve())).as_posix()


def summary(calibration: Calibration, file: str) -> dict[str, object]:
    """What was found, without the details."""
    cascade = calibration.specification
    notes = ("policy", "prompts", "first_position", "rounding", "call_check")
    return {
        "file": file,
        "costs": {name: cascade.cost(name).at(1) for name in cascade.models},
        "acceptance_iid": calibration.iid,
        "acceptance_iid_se": calibration.iid_errors,
        "loop_seconds": calibration.loop.to_json(),
        **{key: calibration.notes[key] for key in notes},
    }


def chosen_prompts(prompts: Sequence[Prompt], limit: int | None, per_category: int | None) -> list[Prompt]:
    """The first prompts, of all or of every category.

    Raises:
        InputError: where fewer than two are left, from which no spread could be told.
    """
    if limit is not None:
        prompts = prompts[:limit]
    if per_category is not None:
        seen: Counter[str | None] = Counter()
        kept = []
        for prompt in prompts:
            seen[prompt.category] += 1
            kept += [prompt] if seen[prompt.category] <= per_category else []
        prompts = kept
    if len(prompts) < 2:
        raise InputError("--prompts", f"got {len(prompts)} prompt, expected at least 2 to tell their spread")
    return list(prompts)
