"""From step to step through recorded texts: what a rule counts, and the least cost that clairvoyance could reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Draft, InputError
from analysis.model.records.length_traces import LengthTrace
from simulate.kernel.compiled import compiled
from simulate.lengths.copier import copies
from simulate.lengths.costs import StepCosts
from simulate.lengths.rules import COPIER, NETWORK, MatchRule

Whole = NDArray[np.int64]
_NOTHING, _NETWORK, _COPIER = range(3)
_KINDS = {NETWORK: _NETWORK, COPIER: _COPIER}
_SLOTS = 2
_COLUMNS = 8
MOST_DRAFTED = 20
"""Tokens that the recorded engine drafted at most."""


@dataclass(frozen=True)
class Starts:
    """What is known at every place of some texts, one text behind the other.

    Attributes:
        network: Tokens that the network's draft would get accepted, shape (places,); 0 behind the end of its record.
        copier: The same of the copier, where any token matches.
        matches: Length of the longest earlier match, shape (places,).
        ends: First place of each text, and the end of the last, shape (texts + 1,).
        prompts: Tokens of each prompt, shape (texts,).
    """

    network: Whole
    copier: Whole
    matches: Whole
    ends: Whole
    prompts: Whole

    @classmethod
    def of(cls, traces: Sequence[LengthTrace]) -> Starts:
        """Those of some texts, at least one; what the copier proposes follows from their tokens.

        Raises:
            InputError: where a text lacks the network's lengths.
        """
        for trace in traces:
            if NETWORK not in trace.lengths:
                raise InputError(f"acc_{NETWORK}", f"missing in text {trace.id!r}")
        lengths = [len(trace.text) for trace in traces]
        along = [copies(trace, MOST_DRAFTED, least=1) for trace in traces]
        return cls(
            network=np.concatenate([_accepted(trace) for trace in traces]),
            copier=np.concatenate([each.accepted for each in along]),
            matches=np.concatenate([each.matches for each in along]),
            ends=np.cumsum([0, *lengths]),
            prompts=np.array([len(trace.prompt) for trace in traces], dtype=np.int64),
        )

    @property
    def texts(self) -> int:
        """Their number."""
        return len(self.prompts)

    @property
    def tokens(self) -> Whole:
        """Tokens that steps write, by text: all but the first, which the prompt's call writes. Shape (texts,)."""
        return np.diff(self.ends) - 1

    def counts(self, rule: MatchRule) -> NDArray[np.float64]:
        """What the steps of a rule count by text, shape (texts, 8), columns as in `costs`.

        A draft is as long as the rule says, at the end of a text too, which no engine foresees. Behind a token that the
        target rejects nothing is recorded: there the copier is taken to propose as many tokens as it may, which makes
        cascades look a little worse than they are. A text that ends in a draft ends the step.
        """
        kinds = np.zeros((2, _SLOTS), dtype=np.int64)
        tokens = np.zeros((2, _SLOTS), dtype=np.int64)
        for branch, draft in enumerate((rule.otherwise, rule.matched)):
            _write(draft, kinds[branch], tokens[branch])
        found = np.zeros((self.texts, _COLUMNS))
        least = np.array([rule.least, rule.copier_least], dtype=np.int64)
        _walk(self.network, self.copier, self.matches, self.ends, self.prompts, kinds, tokens, least, found)
        return found

    def least_milliseconds(self, costs: StepCosts) -> NDArray[np.float64]:
        """The least that any choice of drafts could cost, by text, if every acceptance were known before.

        At every place the network drafts some tokens that will be accepted, or none, and the copier some behind them,
        or none: shortest path through the places. Shape (texts,).
        """
        found = np.zeros(self.texts)
        rest = np.zeros(int(np.diff(self.ends).max()) + 1)
        machine = (costs.call, costs.per_fed, costs.per_held, costs.overhead, costs.draft, costs.per_drafted)
        _shortest(self.network, self.copier, self.ends, self.prompts, (*machine, costs.copy_share), rest, found)
        return found


def _accepted(trace: LengthTrace) -> Whole:
    """The network's accepted tokens from each place of the text, no more than it has left."""
    n = len(trace.text)
    found = np.zeros(n, dtype=np.int64)
    recorded = np.array(trace.lengths[NETWORK][:n], dtype=np.int64) - 1
    found[: len(recorded)] = recorded
    return np.minimum(found, n - np.arange(n))


def _write(draft: Draft, kinds: Whole, tokens: Whole) -> None:
    if len(draft) > _SLOTS:
        raise InputError("draft", f"got {len(draft)} steps, expected at most {_SLOTS}")
    for slot, step in enumerate(draft):
        if step.by not in _KINDS or step.tokens is None:
            raise InputError(f"draft[{slot}]", f"expected tokens of {NETWORK} or {COPIER}")
        kinds[slot], tokens[slot] = _KINDS[step.by], step.tokens


@compiled
def _walk(
    network: Whole,
    copier: Whole,
    matches: Whole,
    ends: Whole,
    prompts: Whole,
    kinds: Whole,
    tokens: Whole,
    least: Whole,
    found: NDArray[np.float64],
) -> None:
    for text in range(len(prompts)):
        place, end = ends[text] + 1, ends[text + 1]
        while place < end:
            branch = 1 if least[0] > 0 and matches[place] >= least[0] else 0
            here, alive, offered, drafted, copied = place, True, 0, 0, False
            for slot in range(2):
                kind, most = kinds[branch, slot], tokens[branch, slot]
                if kind == 0 or (kind == 2 and alive and (here >= end or matches[here] < least[1])):
                    continue  # no step, or a copier that finds no match and proposes nothing
                offered += most
                if kind == 1:
                    drafted += most
                else:
                    copied = True
                if alive:
                    accepted = 0
                    if here < end:
                        accepted = min(most, network[here] if kind == 1 else copier[here])
                    here += accepted
                    alive = accepted == most
            held = prompts[text] + place - ends[text] - 1
            found[text, 0] += 1
            found[text, 1] += 1 + offered
            found[text, 2] += held
            if drafted > 0:
                found[text, 3] += 1
                found[text, 4] += drafted
            if copied:
                found[text, 5] += 1
                found[text, 6] += 1 + offered
                found[text, 7] += held
            place = here + 1


@compiled
def _shortest(
    network: Whole,
    copier: Whole,
    ends: Whole,
    prompts: Whole,
    machine: tuple[float, float, float, float, float, float, float],
    rest: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    call, per_fed, per_held, overhead, draft, per_drafted, copy_share = machine
    for text in range(len(prompts)):
        start, n = ends[text], ends[text + 1] - ends[text]
        rest[n] = 0.0
        for i in range(n - 1, 0, -1):
            held = prompts[text] + i - 1
            best = np.inf
            for first in range(network[start + i] + 1):
                drafting = draft + per_drafted * first if first > 0 else 0.0
                behind = copier[start + i + first] if i + first < n else 0
                for second in range(behind + 1):
                    verify = call + per_fed * (1 + first + second) + per_held * held
                    copying = copy_share * verify if second > 0 else 0.0
                    cost = verify + overhead + drafting + copying + rest[min(n, i + first + second + 1)]
                    best = min(best, cost)
            rest[i] = best
        found[text] = rest[1] if n > 1 else 0.0
