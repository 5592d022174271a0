"""How long a calibration will take, from a rehearsal on the beginning of one text and a few timed calls."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.model import Cascade
from realrun.calibration.agreements import Recorder
from realrun.calibration.loop import TOKENS, trial_drafts
from realrun.calibration.roster import Roster, writing_cascade
from realrun.calibration.sampled import sampled_evidence
from realrun.calibration.texts import text_writer
from realrun.calibration.timing import SIZES, cycle_seconds
from realrun.engine.policy import Policy
from realrun.loading.ensemble import Ensemble
from realrun.runs.prompts import Prompt

_SHORT, _LONG = 4, 12
"""Tokens of the two rehearsed beginnings."""
_CONTEXTS = 3


def expected_seconds(
    cascade: Cascade,
    ensemble: Ensemble,
    roster: Roster,
    prompts: Sequence[Prompt],
    policies: Sequence[Policy],
    max_new_tokens: int,
    stride: int,
    turns: int,
    loop_prompts: int,
    vocabulary: int,
) -> dict[str, float]:
    """Seconds of the parts of a calibration, if no text ends early.

    Args:
        cascade: The models.
        ensemble: They, loaded.
        roster: Who reviews and who drafts.
        prompts: What to continue.
        policies: How tokens are chosen.
        max_new_tokens: Greatest number of tokens a text, >= 1.
        stride: Every so many-th departure is followed, >= 1.
        turns: Turns of timing, >= 1.
        loop_prompts: Prompts on which the loop is timed.
        vocabulary: Number of the target's token ids.
    """
    texts = {
        policy: _text_seconds(cascade, ensemble, roster, prompts, policy, stride, vocabulary) for policy in policies
    }
    each = [found.of(max_new_tokens) for found in texts.values()]
    trials = min(loop_prompts, len(prompts)) * (1 + len(trial_drafts(roster)))
    return {
        f"{len(prompts) * len(policies)} texts of up to {max_new_tokens} tokens": len(prompts) * sum(each),
        f"{turns} turns of timed calls": (turns + 1) * _turn_seconds(ensemble, roster),
        f"{trials} short runs": trials * texts[policies[0]].written * TOKENS,
    }


@dataclass(frozen=True)
class _TextSeconds:
    """Seconds of a text: fixed ones, of a token, and the part of that for writing it."""

    fixed: float
    per_token: float
    written: float

    def of(self, tokens: int) -> float:
        return self.fixed + self.per_token * tokens


def _text_seconds(
    cascade: Cascade,
    ensemble: Ensemble,
    roster: Roster,
    prompts: Sequence[Prompt],
    policy: Policy,
    stride: int,
    vocabulary: int,
) -> _TextSeconds:
    def timed(tokens: int) -> tuple[float, float]:
        write = text_writer(writing_cascade(cascade, roster), ensemble, prompts[:1], tokens, policy, seed=0)
        recorder = Recorder(roster, ensemble.models, ensemble.eos, stride, vocabulary)
        began = time.perf_counter()
        text = write(0)
        written = time.perf_counter() - began
        if policy.is_greedy:
            recorder.record(text)
        else:
            sampled_evidence(text, ensemble.models, roster, policy, vocabulary)
        return time.perf_counter() - began, written

    timed(_SHORT)  # libraries set themselves up
    (short, _), (long, written) = timed(_SHORT), timed(_LONG)
    per_token = max(0.0, long - short) / (_LONG - _SHORT)
    return _TextSeconds(max(0.0, long - _LONG * per_token), per_token, written / _LONG)


def _turn_seconds(ensemble: Ensemble, roster: Roster) -> float:
    """Seconds of a turn: a few sizes of call stand for all."""
    few = (SIZES[0], SIZES[-1])
    began = time.perf_counter()
    cycle_seconds(ensemble.models, roster.target, [0, 1], 1, np.random.default_rng(0), (64,), few)
    return (time.perf_counter() - began) / 2 * len(SIZES) / len(few) * _CONTEXTS
