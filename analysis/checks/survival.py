"""Survival by position: the paper's figure of acceptance, with what simple laws make of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.checks.chain import fit_chain
from analysis.checks.constant_hazard import POSITIONS, constant_hazard_p_value, counts_by_run
from analysis.checks.counts import RESAMPLES, count_positions, ratio, survival
from analysis.checks.traces import ABSTAINED, Bits, Traces
from analysis.fitting import Observations, read_observations
from analysis.fitting.beta import fit_beta
from analysis.model import progress
from analysis.model.records.traces import Pair
from analysis.model.resampling import prompt_weights


def survival_of_target(traces: Traces, seed: int, *, chain: bool = True) -> list[dict[str, object]]:
    """The curves of every drafter that the target reviews, with fits."""
    pairs = [pair for pair in traces.pairs if pair[0] == traces.target]
    streams = np.random.SeedSequence(seed, spawn_key=(1,)).spawn(len(pairs))
    bar = progress(zip(pairs, streams, strict=True), "fitting survival", "drafter", total=len(pairs))
    return [survival_curves(traces, pair, np.random.default_rng(stream), chain=chain) for pair, stream in bar]


def survival_curves(
    traces: Traces, pair: Pair, generator: np.random.Generator, *, chain: bool = True
) -> dict[str, object]:
    """Survival over 30 drafted tokens from every start, overall with fits and by category.

    Args:
        traces: The recorded texts.
        pair: Reviewer and drafter.
        generator: Of the bootstrap.
        chain: Whether to fit the hidden chain too, which takes seconds.
    """
    texts = [bits for bits in traces.sequences(pair) if (bits != ABSTAINED).any()]
    domains = dict.fromkeys(traces.categories)
    return {
        "reviewer": pair[0],
        "drafter": pair[1],
        "all": _curve(texts, generator) if texts else None,
        "fits": _fits(texts, generator, chain) if texts else {},
        "categories": {domain: _curve(own, generator) for domain in domains if (own := _of(traces, domain, pair))},
    }


def _of(traces: Traces, domain: str, pair: Pair) -> list[Bits]:
    return [bits for bits in traces.only(domain).sequences(pair) if (bits != ABSTAINED).any()]


def _curve(texts: Sequence[Bits], generator: np.random.Generator) -> dict[str, object]:
    """Survival with its 95 % bootstrap band over prompts, and what the best constant hazard makes of it.

    Survival and band are nan past the longest run where all such runs were merely cut.
    """
    counts = count_positions(texts, POSITIONS)
    weights = prompt_weights(len(texts), RESAMPLES, generator)
    band = survival(ratio(weights @ counts.accepted, weights @ counts.examined))
    known = counts.survival
    low, high = np.full((2, POSITIONS), np.nan)
    for j in np.flatnonzero(np.isfinite(known)):
        low[j], high[j] = np.nanquantile(band[:, j], [0.025, 0.975])  # a sample whose runs were all cut tells nothing
    constant = _constant(texts)
    return {
        "prompts": len(texts),
        "survival": known.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "examined": counts.examined.sum(axis=0).tolist(),
        "constant": constant,
        "constant_survival": (constant ** np.arange(1, POSITIONS + 1)).tolist(),
        "p_value_constant": constant_hazard_p_value(*counts_by_run(texts)),
    }


def _constant(texts: Sequence[Bits]) -> float:
    """Agreeing over all tokens: the hazard of every position, were it constant."""
    return sum(int((bits == 1).sum()) for bits in texts) / sum(int((bits != ABSTAINED).sum()) for bits in texts)


def _fits(texts: Sequence[Bits], generator: np.random.Generator, chain: bool) -> dict[str, object]:
    """Survival by two laws that explain a rising hazard: alpha Beta over prompts, a hidden chain along the text."""
    result: dict[str, object] = {}
    rows = [
        {"prompt": str(i), "examined": [int((bits != ABSTAINED).sum())], "accepted": [int((bits == 1).sum())]}
        for i, bits in enumerate(texts)
    ]
    if len(rows) > 1:
        observed = read_observations({"rows": rows})
        assert isinstance(observed, Observations)
        law = fit_beta(observed).parameters
        steps = np.arange(POSITIONS)
        hazards = (law["a"] + steps) / (law["a"] + law["b"] + steps)
        result["beta"] = {"parameters": dict(law), "survival": survival(hazards).tolist()}  # E[alpha^(j + 1)]
    if chain:
        result["chain"] = fit_chain(texts, POSITIONS, generator)
    return result
