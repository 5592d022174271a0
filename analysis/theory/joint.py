"""Joint law of yield and cost of a review round, for any step and any room: the recursion behind moments,
sensitivities and finite generations.

A round drafts, then one review keeps a prefix and adds one token. Its cost depends on the whole draft, its yield on
the first rejection, so neither decides the other. The recursion runs forward over the draft with the probability
that all tokens so far will be accepted (and the cost spent), backward with the law of the cost still to come, and
joins the two at the first rejection. All values are `Taylor` values, so one pass gives E[cost^p; yield] and
derivatives. Work is O(longest draft x increments x greatest increment), memory O(longest draft x increments).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.model import Cascade, Step, longest
from analysis.theory.parameters import Parameters
from analysis.theory.taylor import Array, Taylor, complement


@dataclass(frozen=True)
class _Increments:
    """What a step adds at a time, by the draft length L it starts from; row L - first.

    Attributes:
        first: Draft length of row 0.
        sizes: ``sizes[:, :, L - first, i]``: i + 1 tokens are added.
        before: The tokens at L..L + i - 1 are accepted.
        passing: The token at L + i is accepted, not being the last of the increment.
        last: The same where it is the last.
    """

    first: int
    sizes: Array
    before: Array
    passing: Array
    last: Array

    @property
    def rows(self) -> slice:
        """The draft lengths of the rows."""
        return slice(self.first, self.first + self.sizes.shape[2])


class JointRounds:
    """Joint laws of the rounds of one cascade.

    Room: a generation of which R tokens remain has room for R - 1 drafted tokens in a cycle (the review adds one).
    A leaf step is cut to the room left. An inner round may yield at most the room left, so its own draft has room
    for one token less. A step without room drafts nothing.

    Args:
        cascade: The cascade.
        parameters: Its hazards and costs, with the derivatives to carry.
        orders: Orders of cost to carry, see `Taylor`.
    """

    def __init__(self, cascade: Cascade, parameters: Parameters, orders: int) -> None:
        self._parameters = parameters
        self._taylor = Taylor(orders, len(parameters.listed))
        self._target = cascade.target
        self._draft = cascade.draft
        self._longest: dict[Sequence[Step], int] = {}
        self._laws: dict[tuple[str, Sequence[Step], int], Array] = {}

    @property
    def taylor(self) -> Taylor:
        """The arithmetic of the laws."""
        return self._taylor

    def cycle(self, room: int | None = None) -> Array:
        """Law of one cycle: ``[p, 0, i]`` is E[cost^p; i + 1 tokens] / p!, in the specification's unit of cost.

        Args:
            room: Greatest number of drafted tokens, >= 0; None for no limit.
        """
        return self.round(self._target, self._draft, self._top(self._draft) if room is None else room)

    def _top(self, steps: Sequence[Step]) -> int:
        if steps not in self._longest:
            self._longest[steps] = longest(steps)
        return self._longest[steps]

    def round(self, reviewer: str, steps: Sequence[Step], room: int) -> Array:
        """Law of one round of any reviewer over a draft with the given room, as `cycle`."""
        room = min(room, self._top(steps))
        key = (reviewer, steps, room)
        if key not in self._laws:
            self._laws[key] = self._compute(reviewer, steps, room)
        return self._laws[key]

    def _compute(self, reviewer: str, steps: Sequence[Step], room: int) -> Array:
        alive = self._taylor.zeros(room + 1)
        alive[0, 0, 0] = 1.0
        stages: list[tuple[_Increments, Array, bool]] = []
        least = most = 0  # bounds on the draft length so far
        for step in steps:
            if least >= (room if step.until is None else min(step.until, room)):
                continue
            greatest = (step.tokens or step.block) if step.is_leaf else self._top(step.draft) + 1
            repeats = step.rounds or 1
            last = step.until - 1 if step.until is not None else most + (repeats - 1) * greatest
            increments = self._increments(reviewer, step, least, min(last, room - 1), room, greatest)
            if step.until is not None:
                alive, starts = self._until_forward(increments, alive)
                stages.append((increments, starts, True))
                least, most = max(least, step.until), max(most, step.until - 1 + greatest)
            else:
                for _ in range(repeats):
                    stages.append((increments, alive[..., increments.rows], False))
                    alive = self._forward(increments, alive)
                least, most = least + (step.tokens or repeats), most + repeats * greatest
            least, most = min(least, room), min(most, room)
        return self._backward(reviewer, stages, alive)

    def _increments(self, reviewer: str, step: Step, first: int, last: int, room: int, greatest: int) -> _Increments:
        """Increments from the lengths first..last, each cut to the room left."""
        rows, width = last - first + 1, min(greatest, room - first)
        sizes = self._taylor.zeros(rows, width)
        if step.is_leaf:
            spent = self._taylor.exponential(self._parameters.drafting(step.by, width))
        for row in range(rows):
            left = room - first - row
            if step.is_leaf:
                added = min(greatest, left)
                sizes[..., row, added - 1] = spent[..., added]
            else:
                law = self.round(step.by, step.draft, left - 1)
                sizes[..., row, : law.shape[-1]] = law
        position = np.arange(first, last + 1)[:, None] + np.arange(width)
        count = last + width + 1
        passing = self._parameters.hazards(reviewer, step.by, False, count)[None][..., position]
        corrected = not step.is_leaf
        last_hazard = self._parameters.hazards(reviewer, step.by, corrected, count)[None][..., position]
        before = np.zeros_like(passing)
        before[0, 0, :, 0] = 1.0
        for i in range(1, width):
            before[..., i] = self._taylor.multiply(before[..., i - 1], passing[..., i - 1])
        return _Increments(first, sizes, before, passing, last_hazard)

    def _landing(self, increments: _Increments) -> Array:
        """All tokens of the increment are accepted."""
        accepted = self._taylor.multiply(increments.before, increments.last)
        return self._taylor.multiply(increments.sizes, accepted)

    def _forward(self, increments: _Increments, alive: Array) -> Array:
        flow = self._taylor.multiply(alive[..., increments.rows, None], self._landing(increments))
        after = np.zeros_like(alive)
        after[..., -1] = alive[..., -1]  # a full draft stays as it is
        _scatter(flow, after, increments.first + 1)
        return after

    def _until_forward(self, increments: _Increments, alive: Array) -> tuple[Array, Array]:
        """Start an increment from every length below the bound, the shortest first."""
        alive = alive.copy()
        landing = self._landing(increments)
        starts = self._taylor.zeros(landing.shape[2])
        for row in range(landing.shape[2]):
            length = increments.first + row
            starts[..., row] = alive[..., length]
            alive[..., length] = 0.0
            reach = min(landing.shape[3], alive.shape[-1] - length - 1)
            alive[..., length + 1 : length + 1 + reach] += self._taylor.multiply(
                starts[..., row, None], landing[..., row, :reach]
            )
        return alive, starts

    def _backward(self, reviewer: str, stages: list[tuple[_Increments, Array, bool]], alive: Array) -> Array:
        """Join the forward masses with the law of the cost to come at every possible first rejection."""
        top = alive.shape[-1] - 1
        to_come = self._taylor.exponential(self._parameters.costs(reviewer, range(1, top + 2)))
        law = self._taylor.multiply(alive, to_come)
        for increments, starts, until in reversed(stages):
            if until:
                onward, to_come = self._until_backward(increments, to_come)
            else:
                rows, width = increments.sizes.shape[2:]
                landed = increments.first + 1 + np.arange(rows)[:, None] + np.arange(width)
                onward = self._taylor.multiply(increments.sizes, to_come[..., np.minimum(landed, top)])
                to_come = to_come.copy()
                to_come[..., increments.rows] = onward.sum(axis=-1)
            longer = np.zeros_like(onward)
            longer[..., :-1] = np.cumsum(onward[..., :0:-1], axis=-1)[..., ::-1]
            lost = self._taylor.multiply(onward, complement(increments.last))
            lost += self._taylor.multiply(longer, complement(increments.passing))
            lost = self._taylor.multiply(lost, increments.before)
            _scatter(self._taylor.multiply(starts[..., None], lost), law, increments.first)
        return law

    def _until_backward(self, increments: _Increments, to_come: Array) -> tuple[Array, Array]:
        """(increment and what follows it, cost to come before the step), from the greatest length down."""
        to_come = to_come.copy()
        onward = np.zeros_like(increments.sizes)
        for row in reversed(range(onward.shape[2])):
            length = increments.first + row
            reach = min(onward.shape[3], to_come.shape[-1] - length - 1)
            onward[..., row, :reach] = self._taylor.multiply(
                increments.sizes[..., row, :reach], to_come[..., length + 1 : length + 1 + reach]
            )
            to_come[..., length] = onward[..., row, :].sum(axis=-1)
        return onward, to_come


def _scatter(flow: Array, into: Array, first: int) -> None:
    """Add flow[..., row, i] to into[..., first + row + i]; what lies beyond the end is zero."""
    rows, width = flow.shape[2:]
    if rows < width:
        flow = flow.swapaxes(2, 3)
        rows, width = width, rows
    for i in range(width):
        reach = min(rows, into.shape[-1] - first - i)
        if reach > 0:
            into[..., first + i : first + i + reach] += flow[..., :reach, i]
