"""An upper bound on the EWIF of every cascade within given lengths and depth, whatever varies and however it adapts.

The bound is proved for more than the drafts of a `Problem`: for all policies that may choose each next step by the
number of tokens drafted so far. Leaf, `rounds` and `until` steps are such policies, so K-matrices are covered too.

**Value of a policy.** In a reviewer's draft, weigh the acceptance of its i-th token by w_i / w_{i-1}, so that its
gain is ``sum_i w_i P(at least i tokens are accepted)``; for the target every w_i is 1. Let V_j(mu) be the greatest
``mu * (further gain) - (further cost)`` over policies that go on from exactly j drafted tokens, all weighted hazards
from j on, the reviewer's own call included. Stopping gives -t(j + 1), with t the reviewer's own cost. A leaf token of
hazard h and cost c gives ``mu h - c + V_{j+1}(mu h)``. A round of b yielding R tokens gives E[f(R)] - (cost of the
round), with S_i the product of the i hazards from j on, k that of a round's last token, and

    f(R) = mu (S_1 + ... + S_{R-1}) + v + V_{j+R}(v),    v = mu S_{R-1} k_{j+R-1}.

**Inner drafts.** With s_i = P(b accepts at least i tokens of its inner draft), E[f(R)] = f(1) + sum_i s_i (f(i+1) -
f(i)). For any positive weights y_i, with nu = max(0, max_i (f(i+1) - f(i)) / y_i) over the i that can occur, this is
at most f(1) + nu sum_i y_i s_i. So the round is worth at most f(1) + W(nu), where W is the same kind of value for b's
own drafts with the weights y, over drafts of at least one token. The least over several choices of y is a bound
again. All this holds with upper bounds in place of V and W. The bound is tight where y_i is proportional to f(i+1) -
f(i); so it is first taken with geometric weights, then with the increments met near the optimum.

**Grid.** V is a greatest value of affine functions of mu, hence convex: between grid points its chord bounds it from
above; beyond the last one it rises by at most the greatest further gain, ``sum_{i>j} w_i / w_j``.

**The ratio.** No cascade exceeds EWIF L if V_0(t(1)/L) <= -t(1)/L for the target's V_0.

What is given away: a policy may adapt to lengths, and one nu serves all i. Drafts of leaves lose nothing but the
chords.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.model import progress
from analysis.optimum.chords import Grid, Table
from analysis.optimum.hull import Vector
from analysis.optimum.problem import Path, Problem

LEAST_RATIO = 0.1
"""Floor of a weight over the greatest one: smaller ones would carry the chords of a coarse part of the grid far."""

ROUNDING = 1e-12
"""Relative allowance for floating-point arithmetic, about a thousand times what sums of this length lose."""

POSITIONS = (0, 1, 2, 4, 8)
"""Lengths of the draft at which increments are taken as weights for the inner drafts of the next improvement."""


def upper_bound(problem: Problem, near: float = 1.0, points: int = 128, passes: int = 4) -> float:
    """Bound the EWIF of every cascade of leaf, `rounds` and `until` steps within a problem's lengths and depth.

    Args:
        problem: Models, lengths and depth.
        near: An EWIF that some cascade has, >= 1: where the bound is made tight. It is a bound whatever `near` is.
        points: Grid intervals of mu; more are tighter and slower.
        passes: Greatest number of times that the weights are improved.
    """
    bound = _Bound(problem, points)
    longest = problem.longest(problem.cascade.target)
    target = bound.draft((problem.cascade.target,), np.ones(longest), longest)
    best = bound.ratio(target)
    for _ in progress(range(passes), "bound", "pass"):
        if best <= near * (1 + 1e-9):
            break
        bound.solve(target, near=bound.grid.top / near)
        before, best = best, bound.ratio(target)
        if best > before * (1 - 1e-4):
            break
    return best


@dataclass
class _Inner:
    """One choice of weights for a drafter's own inner drafts.

    Attributes:
        ratios: y_i / y_{i-1}, with y_0 = 1, shape (greatest length,).
        nonempty: Upper bounds on W by greatest length.
    """

    ratios: Vector
    nonempty: Sequence[Vector]


@dataclass
class _Draft:
    """Bounds on a reviewer's own drafts at one path, with one choice of weights.

    Attributes:
        path: The reviewers, target first; the last is the one whose drafts these are.
        longest: Greatest length of a draft.
        steepest: ``steepest[j]``: greatest slope of V_j, the sum of the weights after j over the one at j.
        stop: -t(j + 1) by length j.
        hazards: Weighted hazards (accepted, corrected) by drafter, shape (2, longest) each.
        inner: Choices of weights by drafter that reviews drafts of its own here.
        values: ``values[left][j]``: bound on V_j with at most `left` more tokens.
        nonempty: ``nonempty[left]``: bound on V_0 over drafts of 1..left tokens.
        rises: Increments of f by drafter and length j, with all tokens to go, shape (i, mu).
    """

    path: Path
    longest: int
    steepest: Vector
    stop: Vector
    hazards: Mapping[str, Table]
    inner: Mapping[str, list[_Inner]]
    values: list[Table]
    nonempty: list[Vector]
    rises: dict[tuple[str, int], Table]


class _Bound:
    """Upper bounds on V and W on one grid."""

    def __init__(self, problem: Problem, points: int) -> None:
        self.grid = Grid(problem.cascade.cost(problem.cascade.target).at(1), points)
        self._problem = problem

    def ratio(self, target: _Draft) -> float:
        """The bound on EWIF: t(1) / mu at the greatest mu with V_0(mu) + mu <= 0.

        The sum is convex and >= 0 at t(1), since stopping at once has the value -t(1). V_0 is negative at 0; where the
        bound on it is not, it bounds nothing, and the answer is infinity.
        """
        mu, total = self.grid.mu, target.values[-1][0] + self.grid.mu
        last = int(np.argmax(total >= 0))
        if last == 0:
            return np.inf
        crossing = mu[last - 1] + (mu[last] - mu[last - 1]) * total[last - 1] / (total[last - 1] - total[last])
        return self.grid.top / float(crossing) * (1 + ROUNDING)

    def draft(self, path: Path, ratios: Vector, longest: int, near: float = 0.0) -> _Draft:
        """Bounds with geometric weights for all inner drafts, improved once where `near` > 0 says around which mu."""
        problem, cascade = self._problem, self._problem.cascade
        cost = cascade.cost(path[-1])
        stop = -np.array([cost.at(length + 1) for length in range(longest + 1)])
        hazards = {}
        inner: dict[str, list[_Inner]] = {}
        for by in problem.drafters_after(path):
            hazards[by] = ratios * np.array([self._readable(path[-1], by, kind, longest) for kind in (False, True)])
            deeper = (*path, by)
            if problem.reviews(path, by):
                greatest = min(longest - 1, problem.longest(by))
                later = hazards[by][0, 1:]
                weights = {max(LEAST_RATIO, float(later.max())), max(LEAST_RATIO, float(later.mean()))}
                inner[by] = [self._inner(deeper, np.full(greatest, y), near) for y in sorted(weights)]
        values = [np.full((longest - left + 1, self.grid.n + 1), np.inf) for left in range(longest + 1)]
        nonempty = [np.full(self.grid.n + 1, np.inf) for _ in values]
        steepest = np.zeros(longest + 1)
        for j in reversed(range(longest)):
            steepest[j] = ratios[j] * (1 + steepest[j + 1])
        draft = _Draft(path, longest, steepest, stop, hazards, inner, values, nonempty, {})
        self.solve(draft)
        if near > 0 and inner:
            self.solve(draft, near)
        return draft

    def solve(self, draft: _Draft, near: float = 0.0) -> None:
        """Lower a draft's bounds: by further weights, met around a mu, and by what they give."""
        if near > 0:
            self._add_weights(draft, near)
        mu, grid = self.grid.mu, self.grid
        for left, known in enumerate(draft.values):
            starts = draft.longest - left + 1
            going = np.full((starts, mu.size), -np.inf)
            for by, hazards in draft.hazards.items() if left else ():
                offered = mu * hazards[0, :starts, None]
                follows = grid.above(draft.values[left - 1][1:], offered, draft.steepest[1 : starts + 1, None])
                np.maximum(going, offered - self._problem.cascade.cost(by).at(1) + follows, out=going)
                if by in draft.inner and left > 1:
                    sure, rises = self._increments(draft, hazards, left)
                    np.maximum(going, sure + self._worth(draft.inner[by], rises), out=going)
                    draft.rises[by, starts - 1] = rises[:, -1]
            np.minimum(known, np.maximum(going, draft.stop[:starts, None]), out=known)
            known[:, 0] = np.minimum(known[:, 0], -self._cheapest_stop(draft, left))
            np.minimum(draft.nonempty[left], going[0], out=draft.nonempty[left])
            if left:
                draft.nonempty[left][0] = min(draft.nonempty[left][0], draft.stop[1 : left + 1].max())

    def _readable(self, reviewer: str, by: str, corrected: bool, longest: int) -> Vector:
        """Hazards by position; 0 where no draft may have such a token."""
        end = min(longest, self._problem.ends.tokens(reviewer, by, corrected))
        hazards = np.zeros(longest)
        hazards[:end] = self._problem.cascade.pair(reviewer, by).of(corrected).first(end)
        return hazards

    def _cheapest_stop(self, draft: _Draft, left: int) -> Vector:
        """Least cost of the review by length: at mu = 0 every policy pays it, and gains nothing."""
        starts = draft.longest - left + 1
        return np.array([-draft.stop[j : j + left + 1].max() for j in range(starts)])

    def _inner(self, path: Path, ratios: Vector, near: float) -> _Inner:
        return _Inner(ratios, self.draft(path, ratios, ratios.size, near).nonempty)

    def _add_weights(self, draft: _Draft, near: float) -> None:
        """Try weights proportional to the increments met at some lengths, around a mu at the start."""
        for position in range(draft.longest - 1):
            if position in POSITIONS:
                nearest = min(int(np.searchsorted(self.grid.mu, near)), self.grid.n)
                for by, choices in draft.inner.items():
                    rise = draft.rises[by, position][:, nearest]
                    if rise.max() > 0:
                        weights = np.maximum(rise / rise.max(), LEAST_RATIO)
                        ratios = np.ones(choices[0].ratios.size)
                        ratios[: rise.size] = (weights / np.append(1.0, weights[:-1]))[: ratios.size]
                        choices.append(self._inner((*draft.path, by), ratios, float(rise.max())))
            near *= max(float(hazards[0, position]) for hazards in draft.hazards.values())

    def _increments(self, draft: _Draft, hazards: Table, left: int) -> tuple[Table, Table]:
        """f(1), shape (starts, mu), and f(i + 1) - f(i) for i = 1..left - 1, by the length j where the round begins."""
        mu = self.grid.mu
        starts = draft.longest - left + 1
        survival, accepted = np.ones(starts), np.zeros((starts, mu.size))
        f = np.empty((left, starts, mu.size))
        for size in range(1, left + 1):
            last = slice(size - 1, size - 1 + starts)
            offered = mu * (survival * hazards[1, last])[:, None]
            rows = slice(size, size + starts)
            follows = self.grid.above(draft.values[left - size][rows], offered, draft.steepest[rows, None])
            f[size - 1] = accepted + offered + follows
            survival = survival * hazards[0, last]
            accepted = accepted + mu * survival[:, None]
        return f[0], np.diff(f, axis=0)

    def _worth(self, choices: Sequence[_Inner], rises: Table) -> Table:
        """Greatest W(nu) over the lengths of inner drafts, least over the weights, shape of f(1)."""
        result = np.full(rises.shape[1:], np.inf)
        rises = rises[: choices[0].ratios.size]
        for inner in choices:
            weights = np.cumprod(inner.ratios[: rises.shape[0]])
            rate = np.maximum.accumulate(np.maximum(rises / weights[:, None, None], 0.0), axis=0)
            tables = np.array(inner.nonempty[1 : rises.shape[0] + 1])[:, None, :]
            tables = np.broadcast_to(tables, (*rate.shape[:2], tables.shape[-1]))
            worth = self.grid.above(tables, rate, np.cumsum(weights)[:, None, None])
            np.minimum(result, worth.max(axis=0), out=result)
        return result
