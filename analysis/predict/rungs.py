"""The rungs that theory climbs; the last one, replay, is `simulate`'s.

- ``iid``: one acceptance a pair, one cost a model: EWIF as the paper has it.
- ``iid+t(q)``: the same acceptances, call times by the number of tokens.
- ``fits``: hazards by position and by the outcome of inner reviews, prompts that differ (equal tokens weigh equally, so
  times a token are averaged, not speedups), call times by the number of tokens, the loop's own time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from analysis.exact import CycleLaw, cycle_law
from analysis.model import Cascade, Draft, longest
from analysis.model.calibration import Calibration
from analysis.model.named import NamedDraft
from analysis.predict.intervals import Errors
from analysis.predict.prompts import POSITIONS, Pair, Prompts, Vector, by_prompt
from analysis.predict.specifications import iid, used_pairs, with_acceptance, with_loop

RUNGS = ("iid", "iid+t(q)", "fits")


def predict(
    calibration: Calibration, named: Sequence[NamedDraft], rungs: Iterable[str] = RUNGS, seed: int = 0
) -> Iterator[dict[str, object]]:
    """One row for every cascade and rung.

    `speedup` is autoregressive decoding time over the cascade's, for the same tokens, prefill left out. `low` and
    `high` bound 95 % of what other prompts of the same kind, as many, and another timing would have predicted on the
    same rung: they say nothing of what the rung leaves out.
    """
    prompts = Prompts.of(calibration)
    errors = Errors(prompts, calibration.cascade.uncertainty, seed)
    fits = _Fits(prompts)
    naive, timed = iid(calibration, scalar=True), iid(calibration, scalar=False)
    for each in tqdm(named, desc="predictions", unit="cascade", delay=2):
        for rung in rungs:
            if rung == "fits":
                cascade = with_loop(calibration, each.draft)
                speedup, tokens = fits.speedup(cascade)
            else:
                cascade = (naive if rung == "iid" else timed).with_draft(each.draft)
                law = cycle_law(cascade)
                speedup, tokens = law.ewif, law.tokens_per_cycle
            low, high = errors.interval(cascade, speedup)
            yield {
                "name": each.name,
                "family": each.family,
                "rung": rung,
                "speedup": speedup,
                "low": low,
                "high": high,
                "tokens_per_cycle": tokens,
                "draft": [step.to_json() for step in each.draft],
            }


class _Fits:
    """Speedups over prompts that differ.

    Args:
        prompts: Counts by prompt.
    """

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._offsets: dict[Pair, Vector] = {}

    def speedup(self, cascade: Cascade) -> tuple[float, float]:
        """(speedup, tokens per cycle) with total time over total tokens of all prompts."""
        laws = self._laws(cascade, cascade.draft)
        tokens = self._prompts.tokens
        cycles = tokens / np.array([law.tokens_per_cycle for law in laws])
        cost = float(cycles @ np.array([law.cost_per_cycle for law in laws]))
        return float(tokens.sum()) / cost, float(tokens.sum() / cycles.sum())

    def _laws(self, cascade: Cascade, draft: Draft) -> Sequence[CycleLaw]:
        count = self._prompts.tokens.size
        of_prompt = [cascade] * count
        positions = min(longest(draft), POSITIONS) if draft else 0
        for pair in used_pairs(cascade):
            if pair not in self._offsets:
                self._offsets[pair] = self._prompts.offsets(pair)
            offsets = self._offsets[pair]
            if offsets.any():
                curves = by_prompt(cascade.pair(*pair), offsets, self._prompts.tokens, positions)
                of_prompt = [with_acceptance(one, pair, curve) for one, curve in zip(of_prompt, curves, strict=True)]
        if all(one is cascade for one in of_prompt):
            return [cycle_law(cascade)] * count
        return [cycle_law(one) for one in of_prompt]
