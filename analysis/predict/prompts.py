"""Prompts that differ: how far the acceptance of each pair lies above or below the average on each prompt.

First tokens of drafts from every place of a text are counted by prompt. Their acceptance varies more than chance from
prompt to prompt; a Beta law of it is fitted to the counts. The posterior mean of one prompt lies nearer to the average
than the truth does, on average, so the means are spread until their variance is that of the Beta law (constrained
empirical Bayes; Louis, JASA 79, 1984; Ghosh, JASA 87, 1992): then noise does not pose as variety, and variety is not
lost either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from analysis.fit.beta import fit_beta
from analysis.fit.observations import Observations
from analysis.model import Acceptance, InputError, PerPosition
from analysis.model.calibration import Calibration
from analysis.model.fields import inside, mapping, number, sequence
from analysis.model.hazard import Hazard

Vector = NDArray[np.float64]
Pair = tuple[str, str]

LEAST_PROMPTS = 10
"""With fewer prompts their variety cannot be told from chance, and is left out."""

EDGE = 0.01
"""Acceptance of a prompt is kept this far from 0 and 1."""

POSITIONS = 64
_STEPS = 60


@dataclass(frozen=True)
class Prompts:
    """The prompts of a calibration.

    Attributes:
        tokens: Generated tokens of each, shape (prompts,).
        accepted: By pair, accepted first tokens of each prompt, same shape.
        examined: By pair, how many there were.
    """

    tokens: Vector
    accepted: Mapping[Pair, Vector]
    examined: Mapping[Pair, Vector]

    @classmethod
    def of(cls, calibration: Calibration) -> Prompts:
        """Read `by_prompt`."""
        tokens: list[float] = []
        counts: dict[Pair, list[tuple[float, float]]] = {}
        with inside("meta.calibration.by_prompt"):
            listed = sequence(calibration.details.get("by_prompt"), "")
            for i, item in enumerate(listed):
                with inside(f"[{i}]"):
                    fields = mapping(item, "")
                    tokens.append(number(fields.get("tokens"), "tokens", 1))
                    for reviewer, row in mapping(fields.get("agree"), "agree").items():
                        for drafter, pair in mapping(row, f"agree.{reviewer}").items():
                            both = sequence(pair, f"agree.{reviewer}.{drafter}")
                            if len(both) != 2:
                                raise InputError(f"agree.{reviewer}.{drafter}", "expected [accepted, examined]")
                            examined = number(both[1], "examined", 0)
                            cell = number(both[0], "accepted", 0, examined), examined
                            counts.setdefault((reviewer, drafter), [(0.0, 0.0)] * i).append(cell)
                for cells in counts.values():
                    cells += [(0.0, 0.0)] * (i + 1 - len(cells))
        if not tokens:
            raise InputError("meta.calibration.by_prompt", "is empty, expected at least one prompt")
        tables = {pair: np.array(cells) for pair, cells in counts.items()}
        return cls(
            np.array(tokens),
            {pair: table[:, 0] for pair, table in tables.items()},
            {pair: table[:, 1] for pair, table in tables.items()},
        )

    def pooled(self, pair: Pair) -> float:
        """Acceptance of first tokens over all prompts, kept inside (0, 1); 1/2 where nothing was examined."""
        examined = float(self.examined[pair].sum())
        return float(np.clip(self.accepted[pair].sum() / examined, EDGE, 1 - EDGE)) if examined else 0.5

    def offsets(self, pair: Pair) -> Vector:
        """By how much the logit of the acceptance of a pair lies above that of the average prompt, shape (prompts,)."""
        none = np.zeros(self.tokens.size)
        if pair not in self.examined:
            return none
        examined, accepted = self.examined[pair], self.accepted[pair]
        seen = np.flatnonzero(examined)
        if seen.size < LEAST_PROMPTS or not 0 < accepted.sum() < examined.sum():
            return none
        observed = Observations(
            prompt=seen,
            corrected=np.zeros(seen.size, dtype=bool),
            position=np.zeros(seen.size, dtype=np.intp),
            examined=examined[seen],
            accepted=accepted[seen],
            prompts=self.tokens.size,
        )
        fitted = fit_beta(observed).parameters
        a, b = fitted["a"], fitted["b"]
        means = (a + accepted) / (a + b + examined)
        spread, wanted = float(means.std()), float(np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))))
        if spread > 0:
            means = means.mean() + (means - means.mean()) * wanted / spread
        means = np.clip(means, EDGE, 1 - EDGE)
        offsets: Vector = logit(means) - logit(self.pooled(pair))
        return offsets


def by_prompt(acceptance: Acceptance, offsets: Vector, tokens: Vector, positions: int) -> list[Acceptance]:
    """Acceptances of single prompts that together give the pooled one back.

    A prompt's hazard at position j is expit(g_j + offset), with g_j such that over all drafts that come so far (equally
    many from every token, so weighted by tokens times survival) the hazard is the pooled one. So what a pooled hazard
    gains with position because easy prompts survive is not counted twice.

    Args:
        acceptance: The pooled one.
        offsets: Of each prompt.
        tokens: Of each prompt.
        positions: Number of positions to tell apart.
    """
    if not offsets.any():
        return [acceptance] * offsets.size
    accepted = _curves(acceptance.accepted, offsets, tokens, positions)
    same = acceptance.corrected == acceptance.accepted
    corrected = accepted if same else _curves(acceptance.corrected, offsets, tokens, positions)
    return [Acceptance(PerPosition(tuple(a)), PerPosition(tuple(c))) for a, c in zip(accepted, corrected, strict=True)]


def _curves(hazard: Hazard, offsets: Vector, tokens: Vector, positions: int) -> Sequence[Sequence[float]]:
    weights = tokens / tokens.sum()
    columns = []
    for j in range(positions):
        here = _shifted(hazard.at(j), offsets, weights)
        columns.append(here)
        weights = weights * here
        if not weights.sum() > 0:
            columns += [here] * (positions - 1 - j)
            break
        weights = weights / weights.sum()
    curves: Sequence[Sequence[float]] = np.clip(np.stack(columns, axis=1), 0.0, 1.0).tolist()
    return curves


def _shifted(mean: float, offsets: Vector, weights: Vector) -> Vector:
    """expit(g + offsets) with the weighted mean as given, by bisection."""
    if not 0 < mean < 1:
        return np.full(offsets.size, mean)
    low, high = logit(mean) - offsets.max(), logit(mean) - offsets.min()
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if weights @ expit(middle + offsets) < mean:
            low = middle
        else:
            high = middle
    found: Vector = expit((low + high) / 2 + offsets)
    return found
