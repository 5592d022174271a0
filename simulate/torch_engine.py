"""The torch engine: thousands of cycles side by side as tensors, on a processor or a GPU.

For the same cascades as the compiled kernel (stationary cycles, the specification's hazards), it is its second witness,
and what uses a GPU. It reads hazards and costs from the cascade itself and shares with the kernel only the unit that
costs are counted in and the sums over cycles. On a processor it is far slower: every operation goes through memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from analysis.model import Acceptance, ByDraft, Cascade, InputError, Step, longest
from simulate.kernel.generator import lanes_for
from simulate.kernel.goes import Calls
from simulate.kernel.totals import MAX_CHUNK, Totals, block_moments, totals_of_constant_cost
from simulate.sampler import Sampler

_ONE = 1 << 63
"""Torch draws whole numbers from [0, 2^63); this stands for probability one."""

_FLAT_LANES = {"cpu": 1 << 15, "cuda": 1 << 27}
_LANES = {"cpu": 1 << 14, "cuda": 1 << 22}


class TorchSampler:
    """Draws stationary cycles of one cascade.

    Args:
        cascade: The cascade; all costs and acceptances its draft uses must be given.
        device: ``cpu`` or ``cuda``.

    Raises:
        InputError: where a cost or an acceptance is missing, or there is no such device.
    """

    def __init__(self, cascade: Cascade, device: str = "cpu") -> None:
        if device not in _LANES or (device == "cuda" and not torch.cuda.is_available()):
            found = "cpu or cuda" if torch.cuda.is_available() else "cpu (no GPU was found)"
            raise InputError("device", f"got {device!r}, expected {found}")
        self._cascade = cascade
        self._sampler = Sampler(cascade)
        self._device = device
        self._unit = cascade.cost(cascade.target).at(1)

    @property
    def sampler(self) -> Sampler:
        """The sampler whose ticks the totals are in."""
        return self._sampler

    def draw(self, key: tuple[object, ...], cycles: int) -> Totals:
        """Draw cycles and sum them up; equal keys give equal totals on equal devices.

        Args:
            key: Names the random numbers.
            cycles: Number of cycles, >= 1; any number in constant memory.
        """
        generator = torch.Generator(self._device)
        generator.manual_seed(int(lanes_for(*key, "torch")[0, 0]) >> 1)
        if self._sampler.is_fast:
            return self._count(cycles, generator)
        totals = Totals()
        while totals.cycles < cycles:
            totals += self._draw_chunk(min(_LANES[self._device], cycles - totals.cycles), generator)
        return totals

    def _count(self, cycles: int, generator: torch.Generator) -> Totals:
        """Cycles of a draft that is always the same: one 63-bit number each, compared with every threshold."""
        goes = _goes(self._cascade.draft)
        order = [by for by, tokens in goes for _ in range(tokens)]
        survival, thresholds = 1.0, []
        for position, drafter in enumerate(order):
            survival *= self._cascade.pair(self._cascade.target, drafter).at(position)
            thresholds.append(round(survival * _ONE))
        uniforms = torch.empty(min(_FLAT_LANES[self._device], cycles), dtype=torch.int64, device=self._device)
        passing = torch.zeros(len(thresholds), dtype=torch.int64, device=self._device)
        for first in range(0, cycles, uniforms.numel()):
            drawn = uniforms[: cycles - first].random_(generator=generator)
            for j, threshold in enumerate(thresholds):
                passing[j] += drawn.numel() if threshold == _ONE else torch.count_nonzero(drawn < threshold)
        at_least = [cycles, *passing.tolist(), 0]
        yields = Counter({j + 1: at_least[j] - at_least[j + 1] for j in range(len(at_least) - 1)})
        calls: Calls = Counter({(self._cascade.target, len(order) + 1): cycles})
        cost = self._cascade.cost(self._cascade.target).at(len(order) + 1)
        for drafter, tokens in goes:
            call, times = _call(self._cascade, drafter, tokens)
            calls[call] += times * cycles
            cost += self._cascade.cost(drafter).drafting(tokens)
        return totals_of_constant_cost(+yields, round(cost / self._unit / self._sampler.layout.tick), calls)

    def _draw_chunk(self, cycles: int, generator: torch.Generator) -> Totals:
        calls: Calls = Counter()
        lanes = _Lanes(self._cascade, self._device, generator, calls, self._sampler.layout.tick * self._unit)
        tokens, ticks = (part.cpu().numpy() for part in lanes.round(self._cascade.target, self._cascade.draft, cycles))
        sums = np.array(
            [
                block_moments(tokens[first : first + MAX_CHUNK], ticks[first : first + MAX_CHUNK])
                for first in range(0, cycles, MAX_CHUNK)
            ],
            dtype=object,
        ).sum(axis=0)
        histogram = np.bincount(tokens)
        yields = Counter({n: int(times) for n, times in enumerate(histogram) if times})
        return Totals(cycles, cycles, sums[0], sums[1], sums[2], sums[3], sums[4], yields, calls)


def _goes(steps: Sequence[Step]) -> list[tuple[str, int]]:
    """(drafter, tokens) of every go of a draft of leaves."""
    goes: list[tuple[str, int]] = []
    length = 0
    for step in steps:
        if step.tokens is not None:
            goes.append((step.by, step.tokens))
            length += step.tokens
        while step.until is not None and length < step.until:
            goes.append((step.by, step.block))
            length += step.block
    return goes


def _call(cascade: Cascade, drafter: str, tokens: int) -> tuple[tuple[str, int], int]:
    """What a go is counted as, (model, tokens), and how often: a call for each token, or once where priced by draft."""
    at_once = isinstance(cascade.cost(drafter), ByDraft)
    return ((drafter, tokens), 1) if at_once else ((drafter, 1), tokens)


@dataclass
class _Draft:
    """The drafts of all lanes.

    Attributes:
        length: Tokens by lane.
        ticks: Cost by lane.
        accepted: Tokens accepted so far by lane.
        survival: Probability that all of them are accepted, by lane.
        uniform: The review's uniform number by lane.
    """

    length: torch.Tensor
    ticks: torch.Tensor
    accepted: torch.Tensor
    survival: torch.Tensor
    uniform: torch.Tensor


class _Lanes:
    """Review rounds of many lanes at once; counts calls as it goes."""

    def __init__(self, cascade: Cascade, device: str, generator: torch.Generator, calls: Calls, tick: float) -> None:
        self._cascade = cascade
        self._device = device
        self._generator = generator
        self._calls = calls
        self._tick = tick

    def round(self, reviewer: str, steps: Sequence[Step], lanes: int) -> tuple[torch.Tensor, torch.Tensor]:
        """One round of every lane: (yield, cost in ticks)."""
        draft = _Draft(
            torch.zeros(lanes, dtype=torch.int64, device=self._device),
            torch.zeros(lanes, dtype=torch.int64, device=self._device),
            torch.zeros(lanes, dtype=torch.int64, device=self._device),
            torch.ones(lanes, dtype=torch.float64, device=self._device),
            torch.rand(lanes, dtype=torch.float64, device=self._device, generator=self._generator),
        )
        top = longest(steps)
        for step in steps:
            self._run_step(reviewer, step, draft, top)
        costs = [self._in_ticks(self._cascade.cost(reviewer).at(drafted + 1)) for drafted in range(top + 1)]
        ticks = draft.ticks + torch.tensor(costs, device=self._device)[draft.length]
        for drafted, times in enumerate(torch.bincount(draft.length).tolist()):
            if times:
                self._calls[reviewer, drafted + 1] += times
        return draft.accepted + 1, ticks

    def _run_step(self, reviewer: str, step: Step, draft: _Draft, top: int) -> None:
        hazards = self._hazards(self._cascade.pair(reviewer, step.by), top)
        repeats = 0
        while True:
            if step.until is not None:
                active = torch.nonzero(draft.length < step.until).flatten()
            else:
                done = repeats == (step.rounds or 1)
                active = torch.arange(0 if done else draft.length.numel(), device=self._device)
            if active.numel() == 0:
                return
            repeats += 1
            if step.is_leaf:
                size = step.tokens or step.block
                call, times = _call(self._cascade, step.by, size)
                self._calls[call] += times * active.numel()
                draft.ticks[active] += self._in_ticks(self._cascade.cost(step.by).drafting(size))
                added = torch.full_like(active, size)
            else:
                added, ticks = self.round(step.by, step.draft, active.numel())
                draft.ticks[active] += ticks
            _land(draft, active, added, hazards, ends_corrected=not step.is_leaf)

    def _hazards(self, acceptance: Acceptance, top: int) -> torch.Tensor:
        rows = [[acceptance.at(j, corrected) for j in range(top)] for corrected in (False, True)]
        return torch.tensor(rows, dtype=torch.float64, device=self._device)

    def _in_ticks(self, cost: float) -> int:
        return round(cost / self._tick)


def _land(
    draft: _Draft, active: torch.Tensor, added: torch.Tensor, hazards: torch.Tensor, *, ends_corrected: bool
) -> None:
    """Append tokens to the drafts of active lanes and review them one position after the other."""
    length, accepted = draft.length[active], draft.accepted[active]
    survival, uniform = draft.survival[active], draft.uniform[active]
    for i in range(int(added.max())):
        present = added > i
        corrected = ((added == i + 1) & ends_corrected).to(torch.int64)
        position = (length + i).clamp(max=hazards.shape[1] - 1)
        survival = torch.where(present, survival * hazards[corrected, position], survival)
        accepted += present & (uniform < survival)
    draft.survival[active] = survival
    draft.accepted[active] = accepted
    draft.length[active] = length + added
