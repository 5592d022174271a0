"""Holding samples against laws: tests of fit with a stated false-alarm rate, and exact laws of cut cycles."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import oracles
from scipy import stats

FALSE_ALARM = 1e-7
"""Probability that one test of fit fails although all is well; seeds are fixed, so a passing test stays passing."""

LEAST_EXPECTED = 5
"""Cells expected to hold fewer counts are pooled, as the chi-square approximation demands."""


def fit_p_value(observed: dict, law: dict) -> float:
    """P-value of a chi-square test of counts against a law; 0 where something impossible was seen."""
    if any(law.get(outcome, 0) == 0 for outcome in observed):
        return 0.0
    n = sum(observed.values())
    cells, rest = [], [0.0, 0.0]
    for outcome, probability in law.items():
        expected, count = n * float(probability), observed.get(outcome, 0)
        if expected >= LEAST_EXPECTED:
            cells.append((count, expected))
        else:
            rest = [rest[0] + count, rest[1] + expected]
    if rest[1] > 0:
        cells.append((rest[0], rest[1]))
        if rest[1] < LEAST_EXPECTED:  # too few for chi-square by itself: an exact Poisson bound, and out of the sum
            cells.pop()
            if stats.poisson.sf(rest[0] - 1, rest[1]) < FALSE_ALARM:
                return 0.0
    if len(cells) < 2:
        return 1.0
    chi_square = sum((count - expected) ** 2 / expected for count, expected in cells)
    return float(stats.chi2.sf(chi_square, len(cells) - 1))


def same_law_p_value(first: Counter, second: Counter) -> float:
    """P-value of a chi-square test that two samples have one law."""
    totals = first + second
    kept = [o for o, count in totals.items() if count >= 4 * LEAST_EXPECTED]
    table = [[sample[o] for o in kept] for sample in (first, second)]
    for row, sample in zip(table, (first, second), strict=True):
        row.append(sum(sample.values()) - sum(row))
    columns = [column for column in zip(*table, strict=True) if sum(column) > 0]
    if len(columns) < 2:
        return 1.0
    return float(stats.chi2_contingency(np.array(columns).T, correction=False).pvalue)


def joint_counts(sample, decimals: int = 8) -> Counter:
    """How often each (tokens, cost) was drawn, costs rounded."""
    return Counter(zip(sample.tokens.tolist(), np.round(sample.costs, decimals).tolist(), strict=True))


def rounded_law(law: dict, decimals: int = 8) -> dict:
    """A joint law of (tokens, cost) with costs rounded alike."""
    rounded = defaultdict(Fraction)
    for (tokens, cost), mass in law.items():
        rounded[tokens, float(np.round(float(cost), decimals))] += mass
    return {outcome: mass for outcome, mass in rounded.items() if mass}


def cut_round(spec, reviewer, steps, room):
    """Joint law of (tokens, cost) of a round whose draft may hold at most `room` tokens, in exact rationals."""
    drafts = {((), Fraction(0)): Fraction(1)}
    for step in steps:
        drafts = _cut_step(spec, step, drafts, room)
    law = defaultdict(Fraction)
    for (tokens, cost), mass in drafts.items():
        cost += oracles.call_cost(spec["models"][reviewer]["cost"], len(tokens) + 1)
        for position, (by, corrected) in enumerate(tokens):
            accept = oracles.hazard(spec["acceptance"][reviewer][by], position, corrected)
            law[position + 1, cost] += mass * (1 - accept)
            mass *= accept
        law[len(tokens) + 1, cost] += mass
    return law


def _cut_step(spec, step, law, room):
    finished = defaultdict(Fraction)
    repeats = 0
    while law:
        following = defaultdict(Fraction)
        for (tokens, cost), mass in law.items():
            done = len(tokens) >= step["until"] if "until" in step else repeats == step.get("rounds", 1)
            if done or len(tokens) >= room:
                finished[tokens, cost] += mass
                continue
            for (more, spent), probability in _cut_increment(spec, step, room - len(tokens)).items():
                following[tokens + more, cost + spent] += mass * probability
        law = following
        repeats += 1
    return finished


def _cut_increment(spec, step, room):
    by = step["by"]
    if "draft" not in step:
        size = min(room, step["tokens"] if "tokens" in step else step.get("block", 1))
        return {(((by, False),) * size, oracles.drafting_cost(spec["models"][by]["cost"], size)): Fraction(1)}
    outcomes = defaultdict(Fraction)
    for (tokens, cost), probability in cut_round(spec, by, step["draft"], room - 1).items():
        outcomes[((by, False),) * (tokens - 1) + ((by, True),), cost] += probability
    return outcomes


def generation_cost(spec, tokens: int) -> tuple[float, float]:
    """Mean and standard deviation of the cost of a generation of this many tokens, in one-token target calls."""
    unit = oracles.call_cost(spec["models"][spec["target"]]["cost"], 1)
    mean, square = [Fraction(0)], [Fraction(0)]
    for remaining in range(1, tokens + 1):
        law = cut_round(spec, spec["target"], spec["draft"], remaining - 1)
        parts = [(mass, cost / unit, remaining - n) for (n, cost), mass in law.items()]
        mean.append(sum(mass * (c + mean[left]) for mass, c, left in parts))
        square.append(sum(mass * (c * c + 2 * c * mean[left] + square[left]) for mass, c, left in parts))
    return float(mean[tokens]), float(square[tokens] - mean[tokens] ** 2) ** 0.5


def stationary_markov_tokens(process, hazards, k):
    """Mean tokens of a cycle on a two-state text, from the chain of states at the cycles' first positions."""
    step = process.transition
    following = np.zeros((2, 2))  # of the first state of the next cycle, by that of this one
    tokens = np.zeros(2)
    for states in itertools.product((0, 1), repeat=k + 2):
        path = math.prod(step[a, b] for a, b in itertools.pairwise(states))
        alive = 1.0
        for n in range(1, k + 2):
            stop = alive * (1 - hazards[states[n - 1]]) if n <= k else alive
            alive -= stop
            tokens[states[0]] += path * stop * n
            following[states[0], states[n]] += path * stop
    values, vectors = np.linalg.eig(following.T)
    first = np.real(vectors[:, np.argmax(np.real(values))])
    return float(tokens @ first / first.sum())
