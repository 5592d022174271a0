"""``cascade-ewif optimise``: find the best cascade of given models, with a certificate of how much any other could
gain.

A calibration file is a specification too. Of one, the loop's own time counts among the costs, and the speedup to expect
of the cascade to deploy is told with its interval, as `cascade-ewif predict` has it on its highest rung.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace

from analysis.model import MAX_DRAFT_LENGTH, Cascade, Draft, Subparsers, add_command, read_cascade, whole_file
from analysis.model.boundary.options import add_json, add_out, add_quiet, add_seed, whole
from analysis.model.records.calibration import Calibration, calibration_of, is_calibration
from analysis.model.records.named import NamedDraft
from analysis.optimum import MAX_DEPTH, Optimum, Problem, optimise
from analysis.optimum.kmatrix import BestKMatrix, best_k_matrix
from analysis.optimum.uncertain import Recommendation, recommend
from analysis.optimum.verify import LONGEST_FLAT, checked_bound
from analysis.prediction import predict
from analysis.prediction.specifications import silent, with_loop, without_silence
from analysis.theory.exact import ewif

EXPECTED = ("speedup", "low", "high", "tokens_per_cycle")
"""What is told of the speedup to expect: it, its 95 % interval, and the tokens of a cycle."""

RUNG = "fits"
"""The rung of theory that the speedup to expect comes from, its highest."""

EPILOG = """Numbers are solved exactly: three drafters at the default limits in well under a second. Where acceptances
or costs vary, drafts of leaves are exact too; nested ones are searched and bounded, which takes about five seconds of
one core for four drafters at the default limits, more beyond. Of a calibration, the speedup to expect is told too;
`cascade-ewif replay --search` finds what replays best, drafters that abstain included."""


def add(commands: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        commands,
        "optimise",
        run,
        more=EPILOG,
        example="cascade-ewif optimise my.json --max-tokens 24 --out best.json",
    )
    parser.add_argument(
        "models", metavar="MODELS.json", help="a specification or a calibration; its draft, if any, is not read"
    )
    parser.add_argument(
        "--max-tokens",
        type=whole(1, MAX_DRAFT_LENGTH),
        metavar="K",
        default=16,
        help="greatest length of a draft at every level",
    )
    parser.add_argument(
        "--max-depth",
        type=whole(1, MAX_DEPTH),
        metavar="D",
        default=3,
        help="greatest nesting; a draft without inner drafts has 1",
    )
    add_out(parser, "CASCADE.json", "write the cascade to deploy, with its models, as a specification")
    parser.add_argument("--k-matrix", action="store_true", help="also the best K-matrix of `until` steps")
    parser.add_argument("--verify", action="store_true", help="bound the optimum again by an independent proof")
    parser.add_argument(
        "--samples",
        type=whole(0, 100_000),
        metavar="N",
        default=100,
        help="draws of the numbers of models with `uncertainty`; 0 does without",
    )
    add_seed(parser, "these draws")
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the best draft, its EWIF and the certificate."""
    samples, seed = arguments.samples, arguments.seed
    cascade = read_cascade(arguments.models, needs_draft=False)
    if cascade.draft:
        print("note: draft: not read, an optimisation finds its own", file=sys.stderr)
    calibration = calibration_of(cascade) if is_calibration(cascade) else None
    models = cascade if calibration is None else _timed(calibration)
    problem = Problem(models.with_draft(()), arguments.max_tokens, arguments.max_depth)
    optimum = optimise(problem)
    proved = checked_bound(optimum) if arguments.verify else None
    matrix = best_k_matrix(problem) if arguments.k_matrix else None
    advice = recommend(problem, optimum, samples, seed) if cascade.uncertainty and samples else None
    chosen = advice.draft if advice else optimum.draft
    expected = None if calibration is None else _expected(calibration, chosen, seed)
    if arguments.out:
        _write(arguments.out, models.with_draft(chosen), optimum)
    if arguments.json:
        found = _as_json(optimum, arguments.verify, proved, matrix, advice)
        print(json.dumps(found | ({"expected": expected} if expected else {}), allow_nan=False))
    else:
        _show(optimum, arguments.verify, proved, matrix)
        if advice:
            _show_advice(optimum, advice, with_interval=expected is None)
        if expected:
            print(
                f"expected     speedup {expected['speedup']:.3f}, 95 % interval {expected['low']:.3f} to "
                f"{expected['high']:.3f}, {expected['tokens_per_cycle']:.2f} tokens a cycle"
            )
            print(f"             of the {'recommended ' if advice else ''}draft on prompts like these, by theory (rung")
            print(f"             `{RUNG}` of `cascade-ewif predict`); `cascade-ewif replay` is nearer the clock")
        if arguments.out:
            print(f"written      {arguments.out}")
    return 0


def _write(path: str, cascade: Cascade, optimum: Optimum) -> None:
    """Write the cascade as a specification that every command takes, and says in `meta` what is known of it."""
    facts = {
        "ewif": ewif(cascade),
        "is_optimum": cascade.draft == optimum.draft,
        "optimum": optimum.ewif,
        "certificate": optimum.certificate.to_json(),
    }
    specification = replace(cascade, meta={"optimise": facts}).to_json()
    with whole_file(path) as file:
        file.write(json.dumps(specification, allow_nan=False, indent=1) + "\n")


def _timed(calibration: Calibration) -> Cascade:
    """The models with the loop's own time, without drafters that theory has no place for."""
    gone = silent(calibration)
    if gone:
        print(
            f"note: {', '.join(gone)}: left out, abstaining has no place in theory; "
            "`cascade-ewif replay --search` counts it",
            file=sys.stderr,
        )
    whole = replace(with_loop(calibration), uncertainty=calibration.cascade.uncertainty)
    return without_silence(calibration, whole)


def _expected(calibration: Calibration, draft: Draft, seed: int) -> dict[str, float]:
    """The speedup to expect on prompts like the calibration's."""
    (row,) = predict(calibration, [NamedDraft("recommended", "optimum", draft)], [RUNG], seed)
    return {key: row[key] for key in EXPECTED}  # type: ignore[misc]


def _as_json(
    optimum: Optimum, verify: bool, proved: float | None, matrix: BestKMatrix | None, advice: Recommendation | None
) -> dict[str, object]:
    result: dict[str, object] = {
        "ewif": optimum.ewif,
        "draft": [step.to_json() for step in optimum.draft],
        "certificate": optimum.certificate.to_json() | ({"proved_bound": proved} if verify else {}),
    }
    if matrix:
        result["k_matrix"] = matrix.to_json()
    if advice:
        result["uncertainty"] = advice.to_json()
    return result


def _show(optimum: Optimum, verify: bool, proved: float | None, matrix: BestKMatrix | None) -> None:
    certificate = optimum.certificate
    print(f"EWIF         {optimum.ewif:.6f}   (autoregressive = 1), at the numbers given")
    print(f"draft        {_draft_text(optimum.cascade)}")
    print(
        f"upper bound  {certificate.upper_bound:.6f}   ({certificate.kind}: at these numbers another draft "
        f"gains at most {certificate.gap:.2%})"
    )
    for note in certificate.limits.notes():
        print(f"note         {note}")
    if certificate.hull_points is not None:
        print(f"hull         {certificate.hull_points} points, {certificate.nodes} paths of reviewers")
    if verify:
        print(f"proved       {_unchecked(optimum) if proved is None else f'{proved:.12f}'}")
    print(f"searched     {certificate.searched}")
    if matrix:
        print(f"K-matrix     EWIF {matrix.ewif:.6f} of {list(matrix.matrix)} for {', '.join(matrix.drafters)}")
        print(f"             upper bound {matrix.upper_bound:.6f}, {matrix.searched}")
        for note in matrix.notes():
            if note not in certificate.limits.notes():
                print(f"             {note}")


def _show_advice(optimum: Optimum, advice: Recommendation, *, with_interval: bool) -> None:
    """What the standard errors say: not of the optimum at the numbers given, but of what they leave open."""
    print(f"recommended  {_draft_text(optimum.cascade.with_draft(advice.draft))}")
    print(
        f"             the draft with the least mean regret over {advice.samples} draws of the numbers from their "
        "standard errors"
    )
    if with_interval:
        low, high = advice.ewif_interval
        print(f"             its EWIF lies between {low:.4f} and {high:.4f} in 95 % of draws")
    print(
        f"             regret is what knowing the true numbers would gain: on average "
        f"{'at least ' * advice.is_lower_bound}{advice.mean_regret:.2%}, below {advice.quantiles['0.95']:.2%} in 95 % "
        "of draws"
    )
    print(
        f"             it is the best draft in {advice.best_share:.0%} of draws, within 1 % of the best in "
        f"{advice.near_share:.0%}"
    )


def _unchecked(optimum: Optimum) -> str:
    if optimum.problem.is_flat:
        return f"no second proof: drafts of leaves have one up to {LONGEST_FLAT} tokens"
    return "no second proof: the upper bound is proved without the search that found the draft"


def _draft_text(cascade: Cascade) -> str:
    return json.dumps([step.to_json() for step in cascade.draft]) if cascade.draft else "[] (autoregressive decoding)"
