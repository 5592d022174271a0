"""Theory from Python in a few calls: the best cascade, acceptance fits, predicted speedups.

Everything here is also a name of `analysis` itself, loaded when it is first used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from analysis.fitting import Fit, MeanLength, fit_all, fit_of_mean_length, read_observations
from analysis.model import Cascade, InputError, parse_json, read_text
from analysis.model.notation import draft_name
from analysis.model.records.calibration import Calibration, calibration_of, read_calibration
from analysis.model.records.named import NamedDraft
from analysis.model.step import read_draft
from analysis.optimum import Optimum, Problem
from analysis.optimum import optimise as optimise_problem
from analysis.prediction import RUNGS, cascades
from analysis.prediction import predict as predict_drafts


def optimise(models: Cascade | Problem, *, max_tokens: int = 16, max_depth: int = 3) -> Optimum:
    """The best cascade of leaf and `rounds` steps over some models, with a certificate of how good it is.

    Args:
        models: A cascade, whose draft is not read; or a `Problem`, which has limits of its own.
        max_tokens: Greatest length of a draft at every level, 1..4096.
        max_depth: Greatest nesting, 1..8; drafts of leaves have depth 1.

    Raises:
        InputError: naming what is missing or out of range.

    >>> models = Cascade.vertical(alpha=0.8, inner_alpha=0.45, c=0.1, inner_c=0.0, rounds=1, k=1)
    >>> best = optimise(models, max_tokens=12)
    >>> round(best.ewif, 4), best.certificate.kind
    (2.8772, 'exact')
    """
    problem = models if isinstance(models, Problem) else Problem(models.with_draft(()), max_tokens, max_depth)
    return optimise_problem(problem)


def fit(counts: Mapping[str, object] | str | Path) -> list[Fit]:
    """Acceptance models of what was seen of one reviewer-drafter pair, the smallest AIC first.

    Args:
        counts: "rows", "sequences", "survival" or "mean_length", as `analysis.fitting.observations` describes them; or
            the path of a JSON file that holds them.

    Raises:
        InputError: naming the field, its value and what is allowed.

    >>> counts = {"rows": [{"examined": [1000, 800, 600], "accepted": [800, 600, 420]}]}
    >>> for each in fit(counts):
    ...     print(each.name, each.free)
    decaying 2
    per_position 3
    constant 1
    """
    value = parse_json(read_text(counts), str(counts)) if isinstance(counts, (str, Path)) else counts
    observed = read_observations(value)
    return [fit_of_mean_length(observed)] if isinstance(observed, MeanLength) else fit_all(observed)


def predict(
    calibration: Calibration | Cascade | str | Path,
    drafts: Iterable[Cascade | NamedDraft | Sequence[Mapping[str, object]]] | None = None,
    *,
    rungs: Sequence[str] = RUNGS,
    seed: int = 0,
) -> list[dict[str, object]]:
    """Speedups to expect of cascades, one row for every cascade and rung of the ladder, ready for a data frame.

    Args:
        calibration: What `realrun.calibrate` returned, or the path of the file that ``cascade-ewif calibrate`` wrote.
        drafts: Cascades (only their drafts are read), drafts as a specification has them, or named drafts; left out,
            the list of ``cascade-ewif cascades``.
        rungs: Of "iid", "iid+t(q)" and "fits".
        seed: Of the resampled prompts behind the intervals.

    Returns:
        Rows with name, family, rung, speedup, low, high, tokens_per_cycle and draft.

    Raises:
        InputError: naming what is wrong with the calibration, a rung or a draft.
    """
    for rung in rungs:
        if rung not in RUNGS:
            raise InputError("rungs", f"got {rung!r}, expected some of {', '.join(RUNGS)}")
    if isinstance(calibration, (str, Path)):
        calibration = read_calibration(calibration)
    elif isinstance(calibration, Cascade):
        calibration = calibration_of(calibration)
    named = cascades(calibration) if drafts is None else [_named(each) for each in drafts]
    for each in named:
        calibration.cascade.with_draft(each.draft)
    return list(predict_drafts(calibration, named, rungs, seed))


def _named(draft: Cascade | NamedDraft | Sequence[Mapping[str, object]]) -> NamedDraft:
    if isinstance(draft, NamedDraft):
        return draft
    steps = draft.draft if isinstance(draft, Cascade) else read_draft(draft)
    return NamedDraft(draft_name(steps), "asked for", steps)
