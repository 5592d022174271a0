"""Dynamic programme over hulls: for constant acceptances and costs, the best gain at every cost, exactly.

**The algebra.** Let a draft have gain g (expected accepted tokens) and cost C. A leaf token of acceptance a before it
gives gain a (1 + g). A round of drafter b over an inner draft, yielding R tokens, gives with acceptance a

    E[a + a^2 + ... + a^R + a^R g] = a (1 + g) + g' (a - (1 - a) g),    g' = sum_{i >= 1} a^i P(b accepts >= i tokens),

which is A + B g with A = a (1 + g') and B = a + (a - 1) g'. So an inner draft counts only by its cost and by g', its
gain with b's acceptances multiplied by a: the weight of its path. n rounds over one inner draft are n steps of one.

**Why hulls are enough.** EWIF is (1 + g) / cost, and maximising it is maximising ``mu * gain - cost`` for one mu > 0.
That is linear in the (cost, gain) of the steps that follow and, these given, linear in the (cost, g') of the inner
draft. Where g' has a negative coefficient, a leaf token of b is at least as good as the round: as much gain as with
g' = 0, no more cost, no longer. So the best pair is found among the vertices of upper hulls, and the hull of all
drafts of at most L tokens is the hull of those of at most L - 1 and of the drafts of exactly L tokens among: a leaf
before a vertex of L - 1 tokens; a round over a vertex of m >= 1 tokens before a vertex of L - 1 - m.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from analysis.model import Draft, InputError, Step, progress_bar
from analysis.optimum.costs import first_best, relative_costs
from analysis.optimum.points import Batch, Longest, PointOrigin, Points, hull_with
from analysis.optimum.problem import Path, Problem


@dataclass
class Node:
    """One reviewer's drafts at one path of reviewers.

    Attributes:
        path: The reviewers, target first; the last is the one whose drafts these are.
        acceptance: Acceptance by drafter, times the weight of the path, in [0, 1]; zeros left out.
        inner: Nodes of the drafters that review drafts of their own here.
        hulls: ``hulls[L]``: vertices of the drafts of at most L tokens.
        longest: ``longest[L]``: those of exactly L tokens.
    """

    path: Path
    acceptance: Mapping[str, float]
    inner: Mapping[str, Node]
    hulls: list[Points] = field(default_factory=list)
    longest: list[Longest] = field(default_factory=list)


BATCH = 500
"""Points whose arithmetic takes as long as what every set of them takes besides."""


class TooLargeError(Exception):
    """A programme is more work than it was allowed; the message is for nobody, a smaller one is solved instead."""


class Programme:
    """The solved programme of a problem with constant acceptances and costs, the costs in one-token target calls.

    Args:
        problem: What is searched.
        work: Greatest number of points to put into hulls, plus `BATCH` for every set of them; None for no limit.

    Attributes:
        problem: What was searched.
        nodes: Every node, inner ones before those that use them; the target's is the last.

    Raises:
        InputError: where an acceptance or a cost varies.
        TooLargeError: where the work is more than allowed.
    """

    def __init__(self, problem: Problem, work: int | None = None) -> None:
        if not problem.is_constant:
            raise InputError("acceptance", "varies, or a cost does; expected numbers for the exact optimum")
        self.problem = problem
        self.nodes: list[Node] = []
        self._cost = relative_costs(problem)
        self._left = work
        self._bar = progress_bar("hulls", " paths")
        with self._bar:
            self._solve((problem.cascade.target,), 1.0)

    @property
    def vertices(self) -> Points:
        """Hull of all feasible drafts of the target."""
        return self.nodes[-1].hulls[-1]

    def best(self) -> tuple[float, Draft]:
        """The greatest EWIF and a draft that has it; of equal ones, the cheapest."""
        vertices = self.vertices
        ratio = (1 + vertices.gain) / vertices.cost
        chosen = first_best(ratio)
        return float(ratio.max()), self._draft(self.nodes[-1], vertices.origin[chosen])

    def _solve(self, path: Path, weight: float) -> Node:
        problem, row = self.problem, self.problem.cascade.acceptance[path[-1]]
        acceptance = {by: weight * row[by].at(0) for by in problem.drafters_after(path) if row[by].at(0) > 0}
        inner = {}
        for by, a in acceptance.items():
            if problem.reviews(path, by):
                inner[by] = self._solve((*path, by), a)
        node = Node(path, acceptance, inner)
        node.hulls.append(Points.empty_draft(self._cost[path[-1]]))
        node.longest.append(node.hulls[0].of_length(0))
        for left in range(1, problem.longest(path[-1]) + 1):
            batches = self._leaves(node, left) + self._rounds(node, left)
            node.hulls.append(hull_with(node.hulls[-1], batches))
            node.longest.append(node.hulls[-1].of_length(left))
        self.nodes.append(node)
        self._bar.update()
        return node

    def _spend(self, points: int) -> None:
        """Count work, and stop where it is more than allowed."""
        if self._left is not None:
            self._left -= points + BATCH
            if self._left < 0:
                raise TooLargeError

    def _leaves(self, node: Node, left: int) -> list[Batch]:
        rest = node.longest[left - 1]
        if not rest.which.size:
            return []
        self._spend(rest.which.size * len(node.acceptance))
        return [
            Batch(by, None, rest, self._cost[by] + rest.cost, a * (1 + rest.gain)) for by, a in node.acceptance.items()
        ]

    def _rounds(self, node: Node, left: int) -> list[Batch]:
        batches = []
        for by, child in node.inner.items():
            a = node.acceptance[by]
            for length in range(1, min(left, len(child.longest))):
                inner, rest = child.longest[length], node.longest[left - 1 - length]
                if inner.which.size and rest.which.size:
                    self._spend(inner.which.size * rest.which.size)
                    cost = np.add.outer(inner.cost, rest.cost)
                    gain = a * (1 + rest.gain) + np.multiply.outer(inner.gain, a - (1 - a) * rest.gain)
                    batches.append(Batch(by, inner, rest, cost, gain))
        return batches

    def _draft(self, node: Node, origin: PointOrigin) -> Draft:
        steps: list[Step] = []
        while origin.by:
            if origin.inner_length:
                child = node.inner[origin.by]
                inner = self._draft(child, child.hulls[origin.inner_length].origin[origin.inner])
                steps.append(Step(origin.by, rounds=1, draft=inner))
            else:
                steps.append(Step(origin.by, tokens=1))
            origin = node.hulls[origin.left].origin[origin.tail]
        return merged(steps)


def merged(steps: Sequence[Step]) -> Draft:
    """The same leaf and `rounds` steps with runs of equal ones written as one: 2 tokens and 1 token as 3."""
    result: list[Step] = []
    for step in steps:
        last = result[-1] if result else None
        if last is None or (last.by, last.draft) != (step.by, step.draft):
            result.append(step)
        elif last.tokens is not None and step.tokens is not None:
            result[-1] = replace(last, tokens=last.tokens + step.tokens)
        elif last.rounds is not None and step.rounds is not None:
            result[-1] = replace(last, rounds=last.rounds + step.rounds)
        else:
            result.append(step)
    return tuple(result)
