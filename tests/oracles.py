"""Independent witness: every outcome of a cycle enumerated, in exact rationals, straight from the JSON.

Nothing of `analysis` is imported. Exponential in the size of the draft, so for small specifications only.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

Json = dict
Tokens = tuple[tuple[str, bool], ...]  # (drafter, corrected) of every drafted token


def exact(value: float) -> Fraction:
    """The rational a JSON number stands for, as its float."""
    return Fraction(float(value))


def hazard(value, position: int, corrected: bool) -> Fraction:
    """P(accept at this position | accepted so far), from an `acceptance` entry."""
    if not isinstance(value, dict):
        return exact(value)
    if "accepted" in value:
        return hazard(value["corrected" if corrected else "accepted"], position, corrected)
    if "per_position" in value:
        listed = value["per_position"]
        return exact(listed[position] if position < len(listed) else listed[-1])
    raw = exact(value["initial"]) * exact(value["decay"]) ** position
    return min(Fraction(1), max(exact(value.get("floor", 0)), raw))


def call_cost(value, q: int) -> Fraction:
    """Cost of a call on q tokens, from a model's `cost`."""
    if not isinstance(value, dict):
        return exact(value)
    if "by_tokens" in value:
        listed = [exact(t) for t in value["by_tokens"]]
        if q <= len(listed):
            return listed[q - 1]
        rise = max(Fraction(0), listed[-1] - listed[-2]) if value.get("beyond") == "linear" else Fraction(0)
        return listed[-1] + rise * (q - len(listed))
    return exact(value["fixed"]) + q * exact(value["per_token"])


def drafting_cost(value, k: int) -> Fraction:
    """Cost of k tokens that a leaf drafts in one go, from a model's `cost`."""
    if isinstance(value, dict) and "by_draft" in value:
        return call_cost({"by_tokens": value["by_draft"], "beyond": value.get("beyond")}, k) if k else Fraction(0)
    return k * call_cost(value, 1)


def draft_outcomes(spec: Json, steps: list[Json]) -> dict[tuple[Tokens, Fraction], Fraction]:
    """Law of (drafted tokens, drafting cost)."""
    law: dict[tuple[Tokens, Fraction], Fraction] = {((), Fraction(0)): Fraction(1)}
    for step in steps:
        law = _run_step(spec, step, law)
    return law


def _run_step(spec, step, law):
    increment = _increment_outcomes(spec, step)
    times = step.get("rounds", 1)
    finished = defaultdict(Fraction)
    while law:
        following = defaultdict(Fraction)
        for (tokens, cost), mass in law.items():
            if "until" in step and len(tokens) >= step["until"]:
                finished[tokens, cost] += mass
                continue
            for (more, spent), probability in increment.items():
                following[tokens + more, cost + spent] += mass * probability
        law = following
        if "until" not in step:
            times -= 1
            if times == 0:
                return law
    return finished


def _increment_outcomes(spec, step):
    by = step["by"]
    if "draft" in step:
        outcomes = defaultdict(Fraction)
        for (tokens, cost), probability in round_outcomes(spec, by, step["draft"]).items():
            outcomes[((by, False),) * (tokens - 1) + ((by, True),), cost] += probability
        return outcomes
    k = step["tokens"] if "tokens" in step else step.get("block", 1)
    return {(((by, False),) * k, drafting_cost(spec["models"][by]["cost"], k)): Fraction(1)}


def round_outcomes(spec: Json, reviewer: str, steps: list[Json]) -> dict[tuple[int, Fraction], Fraction]:
    """Joint law of (tokens yielded, cost) of one round of a reviewer, in the specification's unit of cost."""
    law: dict[tuple[int, Fraction], Fraction] = defaultdict(Fraction)
    for (tokens, cost), mass in draft_outcomes(spec, steps).items():
        cost += call_cost(spec["models"][reviewer]["cost"], len(tokens) + 1)
        for position, (by, corrected) in enumerate(tokens):
            accept = hazard(spec["acceptance"][reviewer][by], position, corrected)
            law[position + 1, cost] += mass * (1 - accept)
            mass *= accept
        law[len(tokens) + 1, cost] += mass
    return {outcome: mass for outcome, mass in law.items() if mass}


def cycle_outcomes(spec: Json) -> dict[tuple[int, Fraction], Fraction]:
    """Joint law of (tokens, cost in one-token target calls) of one cycle."""
    unit = call_cost(spec["models"][spec["target"]]["cost"], 1)
    law: dict[tuple[int, Fraction], Fraction] = defaultdict(Fraction)
    for (tokens, cost), mass in round_outcomes(spec, spec["target"], spec["draft"]).items():
        law[tokens, cost / unit] += mass
    return law


def mean_tokens(law: dict[tuple[int, Fraction], Fraction]) -> Fraction:
    """E[tokens] of a joint law."""
    return sum((tokens * mass for (tokens, _), mass in law.items()), Fraction(0))


def mean_cost(law: dict[tuple[int, Fraction], Fraction]) -> Fraction:
    """E[cost] of a joint law."""
    return sum((cost * mass for (_, cost), mass in law.items()), Fraction(0))
