"""The rungs that theory climbs; the last one, replay, is `simulate`'s.

- ``iid``: one acceptance a pair, one cost a model: EWIF as the paper has it.
- ``iid+t(q)``: the same acceptances, call times by the number of tokens.
- ``fits``: hazards by position and by the outcome of inner reviews, call times by the number of tokens, the loop's own
  time. Prompts that differ are in the hazards: pooled over cycles, each prompt weighs by its cycles, as in total time
  over total tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from analysis.model import progress
from analysis.model.records.calibration import Calibration
from analysis.model.records.named import NamedDraft
from analysis.prediction.intervals import Errors
from analysis.prediction.prompts import Prompts
from analysis.prediction.specifications import iid, with_loop
from analysis.theory.exact import cycle_law

RUNGS = ("iid", "iid+t(q)", "fits")


def predict(
    calibration: Calibration, named: Sequence[NamedDraft], rungs: Iterable[str] = RUNGS, seed: int = 0
) -> Iterator[dict[str, object]]:
    """One row for every cascade and rung.

    `speedup` is autoregressive decoding time over the cascade's, for the same tokens, prefill left out. `low` and
    `high` bound 95 % of what other prompts of the same kind, as many, and another timing would have predicted on the
    same rung: they say nothing of what the rung leaves out.
    """
    errors = Errors(Prompts.of(calibration), calibration.cascade.uncertainty, seed)
    naive, timed = iid(calibration, scalar=True), iid(calibration, scalar=False)
    for each in progress(named, "predictions", "cascade"):
        for rung in rungs:
            if rung == "fits":
                cascade = with_loop(calibration, each.draft)
            else:
                cascade = (naive if rung == "iid" else timed).with_draft(each.draft)
            law = cycle_law(cascade)
            low, high = errors.interval(cascade, law.ewif)
            yield {
                "name": each.name,
                "family": each.family,
                "rung": rung,
                "speedup": law.ewif,
                "low": low,
                "high": high,
                "tokens_per_cycle": law.tokens_per_cycle,
                "draft": [step.to_json() for step in each.draft],
            }
