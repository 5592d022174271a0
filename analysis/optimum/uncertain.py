"""Which cascade to choose when acceptances and costs are only known with standard errors, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.model import Cascade, Draft, progress
from analysis.model.cost import GREATEST
from analysis.model.records.uncertainty import uncertain_entries
from analysis.model.resampling import interval_95
from analysis.optimum.enumerate import all_drafts
from analysis.optimum.many import ewif_of_each
from analysis.optimum.optimise import Optimum, optimise_draft
from analysis.optimum.problem import Problem
from analysis.theory.exact import ewif

MOST_CANDIDATES = 30
"""Greatest number of drafts compared: those most often the best of a draw, and the nominal optimum."""

MOST_SEARCHES = 30
"""Greatest number of draws for which a draft is found by local search, where none can be found exactly."""

MOST_EACH = 500
"""Greatest number of drafts that are all evaluated in every draw."""

QUANTILES = (0.5, 0.9, 0.95, 1.0)

BEST = 1e-9
"""Regret below which a draft counts as the best of a draw."""


@dataclass(frozen=True)
class Recommendation:
    """The draft to choose under uncertainty.

    Regret is 1 - EWIF / (best EWIF) at the same drawn acceptances and costs: the share of throughput given up by not
    knowing them. Candidates are chosen and ranked on one half of the draws, and judged on the other.

    Attributes:
        draft: The candidate with the least mean regret.
        against: What regret is measured against, in words.
        is_lower_bound: Whether that may itself be less than the best of a draw, so that true regret may be greater.
        candidates: Number of drafts compared.
        samples: Draws on which the draft is judged.
        seed: Seed of the draws.
        mean_regret: Mean regret of the draft, in [0, 1].
        mean_regret_error: Standard error of that mean, from the draws.
        quantiles: Quantiles of its regret by level; level 1 is the greatest.
        best_share: Share of draws in which it is the best.
        near_share: Share of draws in which its regret is at most 1 %.
        ewif_interval: 2.5 % and 97.5 % quantiles of its EWIF.
        nominal_mean_regret: Mean regret of the optimum that takes the estimates for exact.
    """

    draft: Draft
    against: str
    is_lower_bound: bool
    candidates: int
    samples: int
    seed: int
    mean_regret: float
    mean_regret_error: float
    quantiles: Mapping[str, float]
    best_share: float
    near_share: float
    ewif_interval: tuple[float, float]
    nominal_mean_regret: float

    def to_json(self) -> dict[str, object]:
        """The recommendation as it is printed."""
        return {
            "draft": [step.to_json() for step in self.draft],
            "mean_regret": self.mean_regret,
            "mean_regret_error": self.mean_regret_error,
            "regret_quantiles": dict(self.quantiles),
            "best_share": self.best_share,
            "within_1_percent_share": self.near_share,
            "ewif_interval": list(self.ewif_interval),
            "nominal_mean_regret": self.nominal_mean_regret,
            "against": self.against,
            "regret_is_lower_bound": self.is_lower_bound,
            "candidates": self.candidates,
            "samples": self.samples,
            "seed": self.seed,
        }


def recommend(problem: Problem, nominal: Optimum, samples: int, seed: int) -> Recommendation:
    """Choose a draft by its mean regret over draws of the uncertain acceptances and costs.

    Args:
        problem: A problem whose cascade has `uncertainty`.
        nominal: Its optimum.
        samples: Number of draws to choose on, and again to judge on, >= 1.
        seed: Seed; draw i depends on (seed, i) only.
    """
    drawn = [perturbed(problem.cascade, np.random.default_rng([seed, i])) for i in range(2 * samples)]
    problems = [replace(problem, cascade=cascade) for cascade in drawn]
    many = nominal.is_complete and (len(all_drafts(problem) or ()) <= MOST_EACH)
    optima = [
        optimise_draft(each, nominal.draft)
        for each in progress(problems if many else problems[: min(samples, MOST_SEARCHES)], "optima", "draw")
    ]
    exactly = many and all(complete for _, _, complete in optima)
    often = Counter(draft for draft, _, _ in optima[:samples])
    candidates = list(dict.fromkeys([nominal.draft, *(draft for draft, _ in often.most_common(MOST_CANDIDATES))]))
    if all(each.is_constant for each in problems):
        values = np.column_stack([ewif_of_each(draft, drawn) for draft in candidates])
    else:
        each = progress(drawn, "candidates", "draw")
        values = np.array([[ewif(cascade.with_draft(draft)) for draft in candidates] for cascade in each])
    best = values.max(axis=1)
    if exactly:
        best = np.maximum(best, [value for _, value, _ in optima])
    regret = np.maximum(0.0, 1 - values / best[:, None])
    chosen = int(np.argmin(regret[:samples].mean(axis=0)))
    judged = regret[samples:, chosen]
    return Recommendation(
        draft=candidates[chosen],
        against="the optimum of each draw" if exactly else f"the best of {len(candidates)} candidates in each draw",
        is_lower_bound=not exactly,
        candidates=len(candidates),
        samples=samples,
        seed=seed,
        mean_regret=float(judged.mean()),
        mean_regret_error=float(judged.std() / np.sqrt(samples)),
        quantiles={f"{level:g}": float(np.quantile(judged, level)) for level in QUANTILES},
        best_share=float((judged <= BEST).mean()),
        near_share=float((judged <= 0.01).mean()),
        ewif_interval=interval_95(values[samples:, chosen]),
        nominal_mean_regret=float(regret[samples:, 0].mean()),
    )


def perturbed(cascade: Cascade, generator: np.random.Generator) -> Cascade:
    """The cascade with every number that has a standard error drawn from a normal law, clipped to its range.

    Errors of one entry that hang together are drawn jointly; see `Entry.drawn` for what clipping does.

    Raises:
        InputError: where standard errors have no entry to belong to, or another shape than it.
    """
    spec = cascade.to_json()
    drawn = {part: _copied(spec[part]) for part in ("acceptance", "models")}
    for entry in uncertain_entries(cascade):
        part, first, second = entry.keys
        value = entry.drawn(generator, _ANY, 1.0 if part == "acceptance" else GREATEST)
        if part == "models" and first == cascade.target:
            value = _at_least(value, LEAST_TARGET * cascade.cost(first).at(1))
        drawn[part][first][second] = value
    return Cascade.from_json({"target": cascade.target, **drawn}, needs_draft=False)


LEAST_TARGET = 1e-3
"""Least cost drawn for a call of the target, which must be positive, over its cost on one token as given."""

_ANY = {"decay": GREATEST}
"""Greatest values of the numbers that are not probabilities, by key."""


def _at_least(cost: object, least: float) -> object:
    """A cost as specified, raised to `least` for every number of tokens at which it is below."""
    if not isinstance(cost, Mapping):
        return max(_real(cost), least)
    if "by_tokens" in cost:
        return {**cost, "by_tokens": [max(_real(item), least) for item in cost["by_tokens"]]}
    per_token = _real(cost["per_token"])
    return {"fixed": max(_real(cost["fixed"]), least - per_token), "per_token": per_token}


def _real(value: object) -> float:
    assert isinstance(value, (int, float))
    return float(value)


def _copied(value: object) -> dict[str, dict[str, object]]:
    assert isinstance(value, Mapping)
    return {key: dict(entry) for key, entry in value.items()}
