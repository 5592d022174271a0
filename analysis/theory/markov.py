"""Acceptance that varies along the text: a hidden chain of hard and easy tokens decides the target's alpha.

Every position of the text is hard or easy, and the state moves on one step with each token of the text, drafted or
not. The target accepts a drafted token with the alpha of its position's state. A cycle that yields T tokens moves the
text by T positions, so the state at a cycle's start has a law of its own, which is neither the text's (equal weight
to tokens) nor independent of the past: cycles end early where the text is hard, so more of them start there.

Weighting: the long-run EWIF of one endless text, E[T] / E[C] under the stationary law of cycle starts (Markov renewal
theorem). Limits: with states drawn anew at every token it is the i.i.d. EWIF at the mean alpha; with endlessly long
stretches the harmonic mean of the two states' EWIFs, weighted by tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, Step, acceptances, longest, scalar_models
from analysis.model.boundary.fields import InputError, read_number, reject
from analysis.theory.exact import cycle_law, ewif
from analysis.theory.joint import JointRounds
from analysis.theory.parameters import Parameters

Vector = NDArray[np.float64]
Alphas = Mapping[str, tuple[float, float]]
"""Alpha of the target by drafter: (in hard text, in easy text), each in [0, 1]."""


@dataclass(frozen=True)
class HiddenChain:
    """The chain of hard and easy tokens of a text.

    Attributes:
        leave_hard: P(the next token is easy | this one is hard), in (0, 1].
        leave_easy: P(the next token is hard | this one is easy), in (0, 1].
    """

    leave_hard: float
    leave_easy: float

    def __post_init__(self) -> None:
        for name in ("leave_hard", "leave_easy"):
            value = read_number(getattr(self, name), name, 0, 1)
            if value == 0:
                reject(name, value, "a number in (0, 1]")

    @property
    def moves(self) -> Vector:
        """Transition matrix, states (hard, easy)."""
        return np.array([[1 - self.leave_hard, self.leave_hard], [self.leave_easy, 1 - self.leave_easy]])

    @property
    def shares(self) -> Vector:
        """Long-run share of (hard, easy) tokens in the text."""
        return np.array([self.leave_easy, self.leave_hard]) / (self.leave_hard + self.leave_easy)

    @classmethod
    def from_share(cls, hard_share: float, memory: float) -> HiddenChain:
        """Chain with a share of hard tokens in (0, 1) and correlation `memory` in [0, 1) of neighbouring states."""
        return cls((1 - hard_share) * (1 - memory), hard_share * (1 - memory))


@dataclass(frozen=True)
class MarkovEwif:
    """Long-run behaviour of a cascade on a text with a hidden chain.

    Attributes:
        starts: Long-run share of cycles that start on a (hard, easy) token.
        tokens: Expected tokens of a cycle that starts on a (hard, easy) token.
        cost_per_cycle: Expected cost of a cycle, in one-token target calls.
        iid: EWIF of the i.i.d. model at the mean alpha over tokens of the text.
        slow_limit: EWIF if stretches were endless: harmonic mean of the states' EWIFs, weighted by tokens.
    """

    starts: Vector
    tokens: Vector
    cost_per_cycle: float
    iid: float
    slow_limit: float

    @property
    def ewif(self) -> float:
        """E[tokens] / E[cost] over the cycles of an endless text."""
        return float(self.starts @ self.tokens) / self.cost_per_cycle

    @property
    def error(self) -> float:
        """Relative error iid / ewif - 1 of the i.i.d. prediction; positive: it promises too much."""
        return self.iid / self.ewif - 1


def markov_ewif(cascade: Cascade, chain: HiddenChain, alphas: Alphas) -> MarkovEwif:
    """EWIF of any cascade whose target accepts by the hidden state of the text.

    Inner reviews keep the acceptances of the cascade and do not see the state, so the law of the draft, and with it
    the expected cost, is the cascade's own.

    Args:
        cascade: The cascade; its own acceptances by the target are not read.
        chain: The chain of hard and easy tokens.
        alphas: The target's alpha of every drafter its draft uses directly.

    Raises:
        InputError: for an alpha outside its range or a drafter without one.
    """
    for step in cascade.draft:
        if step.by not in alphas:
            raise InputError(f"alphas.{step.by}", "missing, the draft uses this drafter")
    checked = {d: tuple(read_number(x, f"alphas.{d}", 0, 1) for x in pair) for d, pair in alphas.items()}
    mean = {d: float(chain.shares @ pair) for d, pair in checked.items()}
    by_state = [_constant(cascade, {d: pair[state] for d, pair in checked.items()}) for state in (0, 1)]
    survival, following = _review(cascade, chain, {d: np.array(pair) for d, pair in checked.items()})
    return MarkovEwif(
        starts=_stationary(following, chain),
        tokens=1.0 + survival[1:].sum(axis=0),
        cost_per_cycle=cycle_law(_constant(cascade, mean)).cost_per_cycle,
        iid=ewif(_constant(cascade, mean)),
        slow_limit=1 / float(chain.shares @ [1 / ewif(state) for state in by_state]),
    )


def survival_by_position(chain: HiddenChain, alphas: tuple[float, float], draft_length: int) -> Vector:
    """P(the first j tokens of a leaf draft are accepted), j = 0..draft_length, in the long run of cycles.

    Ratios of neighbours are the hazards that an endless text shows for this draft length.
    """
    cascade = Cascade(
        "t", scalar_models({"t": 1, "d": 0}), acceptances({"t": {"d": 0}}), (Step("d", tokens=draft_length),)
    )
    survival, following = _review(cascade, chain, {"d": np.array(alphas)})
    result: Vector = survival @ _stationary(following, chain)
    return result


def _review(cascade: Cascade, chain: HiddenChain, alphas: Mapping[str, Vector]) -> tuple[Vector, Vector]:
    """What the target's review does from either starting state.

    ``alive[L, s, z]`` = P(the draft so far has L tokens, all accepted, and position L is in state z | start s).

    Returns:
        (survival, following): ``survival[j, s]`` = P(at least j tokens are accepted | start s), and
        ``following[s, z]`` = P(the next cycle starts in state z | this one in s).
    """
    rounds = JointRounds(cascade, Parameters(cascade, differentiate=False), orders=1)
    moves = chain.moves
    alive = np.zeros((longest(cascade.draft) + 1, 2, 2))
    alive[0] = np.eye(2)
    accepted = np.zeros(alive.shape[:2])
    following = np.zeros((2, 2))
    for step in cascade.draft:
        if step.is_leaf:
            sizes = np.zeros(step.tokens or step.block)
            sizes[-1] = 1.0
        else:
            sizes = rounds.round(step.by, step.draft, longest(step.draft))[0, 0]
        existing = np.cumsum(sizes[::-1])[::-1]
        keep = alphas[step.by][:, None] * moves
        lose = (1 - alphas[step.by])[:, None] * moves
        for lengths in _batches(step, alive.shape[0]):
            lengths = lengths[alive[lengths].any(axis=(1, 2))]
            start = alive[lengths]
            alive[lengths] = 0.0
            for i, size in enumerate(sizes):
                lost = existing[i] * (start @ lose)
                accepted[lengths + i] += lost.sum(axis=2)
                following += lost.sum(axis=0)
                start = start @ keep
                if size:
                    alive[lengths + i + 1] += size * start
    accepted += alive.sum(axis=2)
    following += alive.sum(axis=0) @ moves
    survival: Vector = np.cumsum(accepted[::-1], axis=0)[::-1]
    return survival, following


def _batches(step: Step, lengths: int) -> Iterator[NDArray[np.intp]]:
    """The draft lengths from which the step adds an increment, in turn."""
    if step.until is None:
        for _ in range(step.rounds or 1):
            yield np.arange(lengths)
    else:
        for length in range(min(step.until, lengths)):
            yield np.array([length])


def _stationary(following: Vector, chain: HiddenChain) -> Vector:
    """Long-run law of the starting state; where it never changes, that of the text's first token, its shares."""
    out_of_hard, out_of_easy = following[0, 1], following[1, 0]
    if out_of_hard + out_of_easy == 0:
        return chain.shares
    result: Vector = np.array([out_of_easy, out_of_hard]) / (out_of_hard + out_of_easy)
    return result


def _constant(cascade: Cascade, alphas: Mapping[str, float]) -> Cascade:
    """The cascade with these alphas of the target."""
    row = {**cascade.acceptance.get(cascade.target, {}), **acceptances({"t": alphas})["t"]}
    return replace(cascade, acceptance={**cascade.acceptance, cascade.target: row})
