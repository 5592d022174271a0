"""Agreement along the text as a hidden chain of hard and easy tokens, against one alpha for all tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.checks.counts import Vector, interval
from analysis.checks.traces import ABSTAINED, Bits
from analysis.fitting import Observations, read_observations
from analysis.fitting.hidden import fit_markov
from analysis.theory.markov import HiddenChain

Alphas = tuple[float, float]


def fit_chain(texts: Sequence[Bits], positions: int, generator: np.random.Generator) -> dict[str, object]:
    """The chain of greatest likelihood, what it gains over one alpha, and the survival that it predicts.

    Args:
        texts: The agreements of a pair, at least one token seen.
        positions: Number of positions of the survival.
        generator: Of the bootstrap over prompts.

    Returns:
        `parameters`; `gain` of log-likelihood in nats a token, less the chain's three more parameters (Akaike), with
        the 95 % interval `low`, `high` over prompts at the fitted parameters; `survival` from every start.
    """
    observed = read_observations({"sequences": [as_cycles(bits) for bits in texts]})
    assert isinstance(observed, Observations)
    found = fit_markov(observed).parameters
    chain = HiddenChain(found["leave_hard"], found["leave_easy"])
    alphas = (found["alpha_hard"], found["alpha_easy"])
    seen = np.array([(bits != ABSTAINED).sum() for bits in texts], dtype=float)
    agreed = np.array([(bits == 1).sum() for bits in texts], dtype=float)
    rate = agreed.sum() / seen.sum()
    single = agreed * math.log(rate) + (seen - agreed) * math.log1p(-rate) if 0 < rate < 1 else np.zeros_like(seen)
    gains = np.array([log_likelihood(bits, chain, alphas) for bits in texts]) - single

    def per_token(weights: Vector) -> Vector:
        result: Vector = (weights @ gains - 3) / (weights @ seen)
        return result

    low, high = interval(per_token, len(texts), generator)
    return {
        "parameters": dict(found),
        "gain": float(per_token(np.ones((1, len(texts))))[0]),
        "low": low,
        "high": high,
        "survival": survival_from_every_start(chain, alphas, positions).tolist(),
    }


def as_cycles(bits: Bits) -> dict[str, list[int]]:
    """The text as cycles that accept agreements up to the next disagreement, for `analysis.fitting`.

    A cycle that ends in a disagreement offered one token more than it accepted; one that ends where the drafter knew
    no token, or where the text ends, had all it offered accepted and passes over that position unseen.
    """
    stops = np.flatnonzero(bits != 1)
    accepted = np.diff(np.concatenate([[-1], stops, [bits.size]])) - 1
    offered = accepted + np.append(bits[stops] == 0, False)
    return {"offered": offered.tolist(), "accepted": accepted.tolist()}


def log_likelihood(bits: Bits, chain: HiddenChain, alphas: Alphas) -> float:
    """log P(agreements of one text) by the forward recursion over its tokens; a token without outcome only moves on."""
    agree = np.array(alphas)
    outcomes = {1: agree, 0: 1 - agree, ABSTAINED: np.ones(2)}
    state, total, moves = chain.shares, 0.0, chain.moves
    for bit in bits.tolist():
        state = state * outcomes[bit]
        mass = float(state.sum())
        total += math.log(max(mass, 1e-300))
        state = state / max(mass, 1e-300) @ moves
    return total


def survival_from_every_start(chain: HiddenChain, alphas: Alphas, positions: int) -> Vector:
    """P(the first j + 1 tokens agree) of drafts that start at any token of an endless text alike."""
    state, result = chain.shares, np.empty(positions)
    for j in range(positions):
        state = state * np.array(alphas)
        result[j] = state.sum()
        state = state @ chain.moves
    return result
