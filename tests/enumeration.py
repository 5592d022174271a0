"""Independent witness of the optimum: every feasible draft of a small problem, one after the other.

Reads the JSON specification; imports nothing of `analysis`. Prefixes share their work: a draft so far is P(length)
and P(length, all accepted), and a step convolves them with the law of what it adds.
"""

from oracles import call_cost, hazard


def drafts(spec, reviewer, max_tokens, max_depth, above=()):
    """Yield (steps, greatest length, law of a round's yield, expected cost of the round) of every feasible draft.

    The law is a list with ``law[i]`` = P(the round yields i + 1 tokens). Steps are leaves of one token and single
    rounds: longer leaves and more rounds are repetitions of these. The empty draft comes first.
    """
    above = (*above, reviewer)
    row = spec["acceptance"].get(reviewer, {})
    increments = []
    for by in row:
        if by in above or by == spec["target"]:
            continue
        increments.append(({"by": by, "tokens": 1}, 1, [1.0], float(call_cost(spec["models"][by]["cost"], 1))))
        if max_depth > 1 and max_tokens > 1:
            for steps, length, law, cost in drafts(spec, by, max_tokens - 1, max_depth - 1, above):
                if steps:
                    increments.append(({"by": by, "rounds": 1, "draft": steps}, length + 1, law, cost))
    review = [float(call_cost(spec["models"][reviewer]["cost"], q + 1)) for q in range(max_tokens + 1)]
    table = {
        (by, kind): [float(hazard(row[by], j, kind)) for j in range(max_tokens)] for by in row for kind in (False, True)
    }
    stack = [([], 0, [1.0], [1.0], [0.0] * (max_tokens + 1), 0.0)]
    while stack:
        steps, top, length, alive, lost, cost = stack.pop()
        law = [lost[i] + (alive[i] if i < len(alive) else 0.0) for i in range(top + 1)]
        yield steps, top, law, cost + sum(p * review[n] for n, p in enumerate(length))
        for step, more, sizes, spent in increments:
            if top + more <= max_tokens:
                stack.append(_extended(step, more, sizes, spent, table, steps, top, length, alive, lost, cost))


def _extended(step, more, sizes, spent, table, steps, top, length, alive, lost, cost):
    accepted, last = table[step["by"], False], table[step["by"], "draft" in step]
    longer, still, lost = [0.0] * (top + more + 1), [0.0] * (top + more + 1), list(lost)
    for start in range(top + 1):
        for i, p in enumerate(sizes):
            if p == 0:
                continue
            longer[start + i + 1] += length[start] * p
            mass = alive[start] * p
            for j in range(start, start + i + 1):
                h = last[j] if j == start + i else accepted[j]
                lost[j] += mass * (1 - h)
                mass *= h
            still[start + i + 1] += mass
    return [*steps, step], top + more, longer, still, lost, cost + spent


def best(spec, max_tokens, max_depth):
    """(Greatest EWIF of any feasible draft, that draft, number of drafts)."""
    unit = float(call_cost(spec["models"][spec["target"]]["cost"], 1))
    found, chosen, number = 0.0, [], 0
    for steps, _, law, cost in drafts(spec, spec["target"], max_tokens, max_depth):
        value = unit * sum((i + 1) * p for i, p in enumerate(law)) / cost
        number += 1
        if value > found:
            found, chosen = value, steps
    return found, chosen, number
