"""A cascade laid out as flat arrays for the compiled kernel, and the meaning of the kernel's counters.

A *node* is one kind of review round: the target's (the root) or that of a step with an inner draft. Its steps follow
each other in the `steps` array. A node whose steps are all leaves drafts the same tokens every time, so only its
review is random; any other node is composite.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, InputError, Step, longest, walk
from simulate.bounds import greatest_cost, greatest_work, least_positive_cost
from simulate.kernel.generator import ONE, UNIFORM_BITS
from simulate.kernel.goes import Calls, Go, calls_of, drafters_of, goes_of, spent_on

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
NODE = np.dtype(
    [
        (name, np.int64)
        for name in (
            "first_step",  # index of its first step
            "end_step",  # and of the one after its last
            "leaves_only",  # whether its draft is the same every time
            "by_table",  # whether its review is decided by tabulated survivals
            "table",  # index of its first threshold
            "length",  # greatest length of its draft
            "ticks",  # index of the cost of reviewing a draft of no tokens
            "counts",  # index of the counter of those reviews
            "single",  # whether its draft is one step over leaves, and its review is tabulated
        )
    ]
)
"""One kind of review round."""

STEP = np.dtype(
    [
        (name, np.int64)
        for name in (
            "kind",  # one of the kinds below
            "count",  # tokens, rounds, or the length to reach
            "at_a_time",  # tokens that an `until` leaf drafts at a time
            "inner",  # node of the inner draft
            "leaf_ticks",  # index of the cost of drafting no leaf tokens
            "pair",  # (reviewer, drafter)
            "leaf_count",  # index of the counter of that
        )
    ]
)
"""One step of a draft."""

# Kinds of steps, leaves first.
LEAF_TOKENS, LEAF_UNTIL, ROUNDS, UNTIL = range(4)

GUIDE_BITS = 10
"""A guide table has 2^10 entries: the review is decided by one look-up in all but about `k` of them."""

TICK_BITS = 61
"""Greatest cost of a block in ticks, as bits: costs are whole ticks, so that their sums and squares are exact."""

TICK_ERROR = 2.0**-16
"""Greatest relative error that rounding to ticks may bring into the standard error; mean costs have none."""


class Program(NamedTuple):
    """What the compiled kernel reads.

    Attributes:
        nodes: One `NODE` for each kind of round; the root is the first.
        steps: One `STEP` for each step.
        hazards: Probabilities by (state, pair, type, yield, position), flattened in this order.
        shape: (states, pairs, 2, yields, positions) of `hazards`.
        thresholds: Survival probabilities times 2^62 by node, non-increasing: token j passes if u < thresholds[j].
        guides: By node, for each of the 2^10 ranges of u the number of tokens that surely pass.
        ticks: By node and length of the draft: cost of its review, for nodes of leaves with that of the draft; by leaf
            step and number of its tokens: cost of drafting them.
        depth: Greatest nesting of nodes.
        reach: Greatest distance, in tokens, between the text so far and a token under any review.
    """

    nodes: NDArray[np.void]
    steps: NDArray[np.void]
    hazards: Floats
    shape: Ints
    thresholds: Ints
    guides: NDArray[np.int16]
    ticks: Ints
    depth: int
    reach: int


@dataclass(frozen=True)
class Layout:
    """A program and what its counters mean.

    Attributes:
        program: For the kernel.
        counters: Number of counters.
        tick: The cost, in one-token target calls, that one tick stands for; a power of two.
        greatest_cost: An upper bound on the cost of a block, in one-token target calls.
        greatest_yield: Greatest possible tokens of a cycle.
        pairs: Index of every (reviewer, drafter) in the hazards.
        orders: By node of leaves only, the goes of its draft in order; None for composite nodes.
        reviewers: The reviewer of every node.
        leaves: For every leaf step, the index of its first counter and its goes.
    """

    program: Program
    counters: int
    tick: float
    greatest_cost: float
    greatest_yield: int
    pairs: dict[tuple[str, str], int]
    orders: list[list[Go] | None]
    reviewers: list[str]
    leaves: list[tuple[int, list[Go]]]

    @property
    def is_flat(self) -> bool:
        """Whether every draft is the same, so that the target's review is all that is random."""
        return self.orders[0] is not None

    def calls(self, counters: Ints) -> Calls:
        """Calls of every model that the counters stand for."""
        result: Calls = Counter()
        for node, (reviewer, order) in enumerate(zip(self.reviewers, self.orders, strict=True)):
            first, length = self.program.nodes[node]["counts"], self.program.nodes[node]["length"]
            for drafted, times in enumerate(counters[first : first + length + 1].tolist()):
                if times:
                    result[reviewer, drafted + 1] += times
                    _add(result, calls_of(order or (), drafted), times)
        for first, goes in self.leaves:
            for tokens in range(1, sum(go.tokens for go in goes) + 1):
                if times := int(counters[first + tokens]):
                    _add(result, calls_of(goes, tokens), times)
        return result


@dataclass(frozen=True)
class HazardTables:
    """Hazards by state of the text and by yield of the round the token comes from.

    Attributes:
        variants: ``variants[state][row]`` is a cascade whose acceptances hold there; row i is for tokens of rounds
            that yield i + 1 tokens, the last row for all longer ones. All rows have the same number of entries.
    """

    variants: Sequence[Sequence[Cascade]]


def exact_cost(cascade: Cascade, calls: Calls) -> Fraction:
    """Cost of the calls in one-token target calls, without rounding."""
    total = sum((Fraction(cascade.cost(m).at(q)) * times for (m, q), times in calls.items()), Fraction(0))
    return total / Fraction(cascade.cost(cascade.target).at(1))


def laid_out(cascade: Cascade, hazards: HazardTables | None = None, *, cycles_in_block: int = 1) -> Layout:
    """Lay out a cascade.

    Args:
        cascade: The cascade; all costs and acceptances its draft uses must be given.
        hazards: Hazards that depend on more than position and type; None reads the cascade's acceptances.
        cycles_in_block: Greatest number of cycles that are summed up before they are squared.

    Raises:
        InputError: where a cost or an acceptance is missing, or costs are too far apart to be summed exactly.
    """
    return _Builder(cascade, hazards, cycles_in_block).build()


class _Builder:
    """Lays out nodes depth first."""

    def __init__(self, cascade: Cascade, hazards: HazardTables | None, cycles_in_block: int) -> None:
        self._cascade = cascade
        self._sequential = hazards is not None
        self._variants = hazards.variants if hazards is not None else [[cascade]]
        self._unit = cascade.cost(cascade.target).at(1)
        self._greatest = greatest_cost(cascade, cycles_in_block)
        self._tick = _tick(cascade, self._greatest)
        self._nodes: list[dict[str, int]] = []
        self._steps: list[dict[str, int]] = []
        self._thresholds: list[int] = []
        self._guides: list[int] = []
        self._ticks: list[int] = []
        self._counters = 0
        self._orders: list[list[Go] | None] = []
        self._reviewers: list[str] = []
        self._leaves: list[tuple[int, list[Go]]] = []
        pairs = {(reviewer, step.by): None for _, reviewer, step in walk(cascade.draft, cascade.target)}
        self._pairs = {pair: i for i, pair in enumerate(pairs)}
        self._positions = 1

    def build(self) -> Layout:
        depth, reach = self._node(self._cascade.target, self._cascade.draft)
        hazards = self._hazards()
        program = Program(
            _rows(self._nodes, NODE),
            _rows(self._steps, STEP),
            hazards.ravel(),
            np.array(hazards.shape, dtype=np.int64),
            np.array(self._thresholds, dtype=np.int64),
            np.array(self._guides, dtype=np.int16),
            np.array(self._ticks, dtype=np.int64),
            depth,
            reach,
        )
        return Layout(
            program,
            self._counters,
            self._tick,
            self._greatest,
            longest(self._cascade.draft) + 1,
            self._pairs,
            self._orders,
            self._reviewers,
            self._leaves,
        )

    def _node(self, reviewer: str, steps: Sequence[Step]) -> tuple[int, int]:
        """Lay out a round and all below it; returns (nesting, reach in tokens)."""
        length = longest(steps)
        self._positions = max(self._positions, length)
        review = [self._cascade.cost(reviewer).at(drafted + 1) for drafted in range(length + 1)]
        order = None if self._sequential else goes_of(self._cascade, steps)
        if order is not None:
            review = [cost + before for cost, before in zip(review, spent_on(self._cascade, order), strict=True)]
        table = self._table(reviewer, steps, order, length)
        node = dict.fromkeys(NODE.names or (), 0) | {
            "leaves_only": order is not None,
            "by_table": table is not None,
            "table": len(self._thresholds),
            "length": length,
            "ticks": len(self._ticks),
            "counts": self._counters,
        }
        self._counters += length + 1
        self._nodes.append(node)
        self._orders.append(order)
        self._reviewers.append(reviewer)
        self._thresholds += table or []
        self._guides += _guide(table or [])
        self._ticks += [self._in_ticks(cost) for cost in review]
        if order is not None:
            return 1, length
        node["first_step"] = len(self._steps)
        node["end_step"] = len(self._steps) + len(steps)
        rows = [self._step_row(reviewer, step) for step in steps]
        self._steps += rows
        depth, reach = 1, length
        for row, step in zip(rows, steps, strict=True):
            if not step.is_leaf:
                row["inner"] = len(self._nodes)
                below, further = self._node(step.by, step.draft)
                depth, reach = max(depth, 1 + below), max(reach, length + further)
        only = rows[0] if len(rows) == 1 and not steps[0].is_leaf else None
        node["single"] = table is not None and only is not None and self._nodes[only["inner"]]["leaves_only"]
        return depth, reach

    def _step_row(self, reviewer: str, step: Step) -> dict[str, int]:
        kind = (LEAF_TOKENS if step.tokens else LEAF_UNTIL) if step.is_leaf else (ROUNDS if step.rounds else UNTIL)
        count = step.tokens or step.rounds or step.until or 0
        row = dict.fromkeys(STEP.names or (), 0) | {
            "kind": kind,
            "count": count,
            "at_a_time": step.block,
            "pair": self._pairs[reviewer, step.by],
        }
        if step.is_leaf:
            goes = goes_of(self._cascade, [step]) or []
            spent = spent_on(self._cascade, goes)
            row["leaf_ticks"] = len(self._ticks)
            row["leaf_count"] = self._counters
            self._ticks += [self._in_ticks(cost) for cost in spent]
            self._leaves.append((self._counters, goes))
            self._counters += len(spent)
        return row

    def _table(self, reviewer: str, steps: Sequence[Step], order: list[Go] | None, length: int) -> list[int] | None:
        """Survival thresholds of a review whose hazards depend on position alone; None for any other review."""
        if self._sequential:
            return None
        drafters = drafters_of(order or ())
        if order is None:
            hazards = {self._cascade.pair(reviewer, step.by) for step in steps}
            only = hazards.pop()
            if any(other.law_json() != only.law_json() for other in hazards) or only.is_typed:
                return None
            drafters = [steps[0].by] * length
        survival, table = 1.0, []
        for position, drafter in enumerate(drafters):
            survival *= self._cascade.pair(reviewer, drafter).at(position)
            table.append(round(survival * ONE))
        return table

    def _hazards(self) -> Floats:
        shape = (len(self._variants), len(self._pairs), 2, len(self._variants[0]), self._positions)
        result = np.zeros(shape)
        for state, rows in enumerate(self._variants):
            for row, cascade in enumerate(rows):
                for (reviewer, drafter), pair in self._pairs.items():
                    acceptance = cascade.pair(reviewer, drafter)
                    for corrected in (False, True):
                        result[state, pair, int(corrected), row] = [
                            acceptance.at(position, corrected) for position in range(self._positions)
                        ]
        return result

    def _in_ticks(self, cost: float) -> int:
        return round(cost / self._unit / self._tick)


def _add(calls: Calls, more: Calls, times: int) -> None:
    for call, number in more.items():
        calls[call] += number * times


def _rows(values: Sequence[Mapping[str, int]], kind: np.dtype[np.void]) -> NDArray[np.void]:
    return np.array([tuple(row[name] for name in kind.names or ()) for row in values], dtype=kind)


def _tick(cascade: Cascade, greatest: float) -> float:
    """The finest tick that a block of this cost has room for.

    Rounding errs by at most half a tick a call: little against every call's cost, or altogether little against the
    target's review that every cycle holds.
    """
    tick: float = 2.0 ** (math.ceil(math.log2(greatest)) - TICK_BITS)
    least = least_positive_cost(cascade)
    target = cascade.cost(cascade.target)
    review = min(target.at(q) for q in range(1, longest(cascade.draft) + 2)) / target.at(1)
    if tick > TICK_ERROR * least and tick * greatest_work(cascade) > TICK_ERROR * review:
        raise InputError(
            "draft",
            f"got cycles that could cost {greatest:.3g} together and calls that cost {least:.3g}, "
            f"expected costs within a factor of {2**TICK_BITS * TICK_ERROR / 2:.2g} for exact sums",
        )
    return tick


def _guide(table: Sequence[int]) -> list[int]:
    """For each range of u the number of thresholds above all of it."""
    width = UNIFORM_BITS - GUIDE_BITS
    ends = np.array([(i + 1) << width for i in range(1 << GUIDE_BITS)], dtype=np.int64)
    rising = np.array(table[::-1], dtype=np.int64)
    counts: list[int] = (rising.size - np.searchsorted(rising, ends, side="left")).tolist()
    return counts
