"""Cascade decoding: the recursion of the cascade specification on real models (CS Drafting, Algorithm 1)."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from analysis.model import Cascade, Draft, InputError, Step, walk
from realrun.engine.choice import Chooser
from realrun.engine.finite import blamed_on
from realrun.engine.policy import Policy
from realrun.engine.record import BiasLog, CallLog, Cycle, Finish, GenerationRecord, Kind, Origin, PairLog
from realrun.engine.review import VERIFICATIONS, GreedyJudge, Judge, Law, SamplingJudge, Verification


class Drafter(Protocol):
    """Anything that follows a sequence that grows and is cut back; either a `Proposer` or a `Network`."""

    log: CallLog

    def prefill(self, prompt: Sequence[int]) -> None:
        """Start on a new sequence."""

    def rollback(self, length: int) -> None:
        """Forget everything from position `length` of the sequence on."""


class Proposer(Drafter, Protocol):
    """A drafter that names a next token, without probabilities."""

    def propose_next(self, sequence: Sequence[int]) -> int | None:
        """The next token, or None to abstain; it must follow from the sequence alone."""


class Network(Drafter, Protocol):
    """A model with probabilities, which can draft and review.

    Attributes:
        vocabulary: Number of token ids that it can read.
        output_ids: Token id of every output column; None where column i is token i.
        end: Greatest number of tokens, prompt included, of the text that is written; set after `prefill`.
        reach: Greatest number of tokens, prompt included, that it can read after the last prompt.
    """

    vocabulary: int
    output_ids: Tensor | None
    end: int | None
    reach: int

    def logits(self, sequence: Sequence[int], positions: int) -> Tensor:
        """Logits after each of the last `positions` prefixes of the sequence, in one call; (positions, columns)."""


def reach(model: Drafter) -> int:
    """Greatest number of tokens that a drafter can read after the last prompt; a proposer reads any number."""
    return int(getattr(model, "reach", sys.maxsize))


Watch = Callable[[list[int]], int | None]
"""Called after every cycle with all tokens generated so far; a number ends the text after that many of them."""


class _Drafted(NamedTuple):
    """A drafted token: who hands it up, whether that one's own review had to correct or add it, its law and origin."""

    by: str
    corrected: bool
    law: Law
    origin: Origin


class CascadeDecoder:
    """Runs the draft of a cascade on models, one prompt at a time.

    All models follow one token sequence. A round lets the steps of its draft append tokens to it, has the reviewer
    judge every position in one call, cuts the sequence after the accepted prefix and appends the reviewer's own token
    there; the target's rounds are the cycles. What a round hands up has the law of its reviewer (or the lenient law,
    which is handed up with it), so reviews nest and the text keeps the target's law.

    Args:
        cascade: The specification; an empty draft is autoregressive decoding.
        models: Every model the draft uses and the target, by name; those with inner drafts and the target must be
            networks.
        context: Greatest number of tokens, prompt included, that the text may have, if the target can hold as many.
            A drafter that can't adds nothing from there on.
        policy: How target and drafters choose tokens; the default is greedy.
        verification: Judge drafts token by token or as a block; the same for greedy choice.

    Attributes:
        origins: Where the tokens of the latest text, until now, came from.

    Raises:
        InputError: where verification by block meets a lenience, or a step with an inner draft is no network's.
    """

    def __init__(
        self,
        cascade: Cascade,
        models: Mapping[str, Drafter],
        context: int,
        policy: Policy | None = None,
        verification: Verification = "tokenwise",
    ) -> None:
        self._cascade = cascade
        self._models = models
        self._context = context
        self._policy = policy or Policy()
        self._verification = verification
        self._vocabulary = models[cascade.target].vocabulary  # type: ignore[attr-defined]
        self.origins: list[Origin] = []
        self._demand_verification()
        self._demand_reviewers()

    @torch.inference_mode()
    def generate(
        self,
        prompt: Sequence[int],
        max_new_tokens: int,
        eos: Collection[int] = (),
        *,
        source: Chooser | None = None,
        watch: Watch | None = None,
    ) -> GenerationRecord:
        """Continue a prompt with tokens of exactly the law, or greedily the very tokens, of the target alone.

        Args:
            prompt: At least one token id, shorter than the context.
            max_new_tokens: Greatest number of tokens to generate, >= 1.
            eos: Ids that end the text.
            source: Makes the random choices; needed unless the policy is greedy.
            watch: Sees the tokens of every cycle and may end the text.
        """
        started = time.perf_counter()
        self._judge = self._new_judge(source)
        self._sequence = list(prompt)
        self._eos = frozenset(eos)
        self._pairs: dict[tuple[str, str], PairLog] = defaultdict(PairLog)
        self._bias = BiasLog() if self._cascade.lenience > 1 else None
        for model in self._models.values():
            model.log = CallLog()
            model.prefill(prompt)
        prefilled = time.perf_counter()

        end = min(len(prompt) + max_new_tokens, self._context, reach(self._models[self._cascade.target]))
        finish: Finish = "length" if len(prompt) + max_new_tokens == end else "context"
        self._network(self._cascade.target).end = end  # drafters never say the last token
        self.origins = []
        cycles: list[Cycle] = []
        while len(self._sequence) < end:
            began = time.perf_counter()
            room = end - len(self._sequence)
            out = self._round(self._cascade.target, self._cascade.draft, room, self._cascade.lenience)
            self.origins += [drafted.origin for drafted in out]
            cycles.append(Cycle(len(out), time.perf_counter() - began))
            kept = watch(self._sequence[len(prompt) :]) if watch else None
            if kept is not None:
                del self._sequence[len(prompt) + kept :]
                finish = "stop"
                break
            if self._has_ended():
                finish = "eos"
                break
        finished = time.perf_counter()
        return GenerationRecord(
            tokens=self._sequence[len(prompt) :],
            finish=finish,
            seconds=finished - started,
            prefill_seconds=prefilled - started,
            cycles=len(cycles),
            calls={name: model.log for name, model in self._models.items()},
            pairs=dict(self._pairs),
            cycle_log=cycles,
            origins=self.origins[: len(self._sequence) - len(prompt)],
            bias=self._bias,
            counts={name: model.counts.to_json() for name, model in self._models.items() if hasattr(model, "counts")},
        )

    def _round(self, by: str, draft: Draft, room: int, lenience: float) -> list[_Drafted]:
        """One review round over a draft: appends the accepted tokens and the reviewer's own, at most `room`."""
        start = len(self._sequence)
        drafted = self._draft(draft, room - 1)
        tokens = self._sequence[start:]
        network = self._network(by)
        logits = network.logits(self._sequence, len(drafted) + 1)
        laws = [token.law for token in drafted]
        with blamed_on(by, network):
            accepted, own, laws, biases = self._judge.review(logits, network.output_ids, tokens, laws, lenience)

        out = []
        for position, token in enumerate(drafted):
            log = self._pairs[by, token.by]
            log.examined[position, token.corrected] += 1
            if position == accepted:
                break
            log.accepted[position, token.corrected] += 1
            out.append(_Drafted(by, False, laws[position], token.origin.accepted(by)))
        if accepted < len(drafted):
            self._cut(start + accepted)
        if not (accepted and self._has_ended()):  # nothing is said after an accepted end of the text
            self._sequence.append(own)
            kind: Kind = "bonus" if accepted == len(drafted) else "correction"
            out.append(_Drafted(by, True, laws[accepted], Origin(by, kind)))
        if self._bias is not None and by == self._cascade.target:
            self._bias.add(biases[: len(out)])
        return out

    def _draft(self, draft: Draft, room: int) -> list[_Drafted]:
        """Append the tokens of all steps, at most `room`, and none after the end of the text."""
        drafted: list[_Drafted] = []
        for step in draft:
            repeats = 0
            while len(drafted) < room and not _is_done(step, repeats, len(drafted)):
                if drafted and self._has_ended():
                    return drafted
                added = self._increment(step, room - len(drafted))
                if not added:  # the drafter abstains
                    break
                drafted += added
                repeats += 1
        return drafted

    def _increment(self, step: Step, room: int) -> list[_Drafted]:
        """What a step adds at a time: a block of leaf tokens, or the yield of a round; nothing beyond its context.

        A model adds a token after at most as many as its context holds, by drafting it or as its own after a review.
        """
        room = min(room, reach(self._models[step.by]) + 1 - len(self._sequence))
        if not step.is_leaf:
            return self._round(step.by, step.draft, room, step.lenience) if room > 0 else []
        drafted: list[_Drafted] = []
        wanted = min(step.block if step.tokens is None else step.tokens, room)
        while len(drafted) < wanted and not (drafted and self._has_ended()):
            proposal = self._proposal(step.by)
            if proposal is None:
                break
            token, law = proposal
            self._sequence.append(token)
            drafted.append(_Drafted(step.by, False, law, Origin(step.by, "draft")))
        return drafted

    def _proposal(self, name: str) -> tuple[int, Law] | None:
        """The next token of a leaf drafter and its law, or None where it abstains."""
        model = self._models[name]
        if hasattr(model, "propose_next"):
            token = model.propose_next(self._sequence)
            return None if token is None else (token, None)
        network = self._network(name)
        with blamed_on(name, network):
            return self._judge.draft(network.logits(self._sequence, 1), network.output_ids)

    def _cut(self, length: int) -> None:
        """Drop the sequence from `length` on, for every model that has seen it."""
        del self._sequence[length:]
        for model in self._models.values():
            model.rollback(length)

    def _has_ended(self) -> bool:
        return self._sequence[-1] in self._eos

    def _network(self, name: str) -> Network:
        return self._models[name]  # type: ignore[return-value]

    def _new_judge(self, source: Chooser | None) -> Judge:
        if self._policy.is_greedy:
            return GreedyJudge(self._vocabulary)
        if source is None:
            raise InputError("source", "missing, sampling needs a source of random choices")
        return SamplingJudge(self._policy, source, self._vocabulary, self._verification)

    def _demand_reviewers(self) -> None:
        for path, _, step in walk(self._cascade.draft, self._cascade.target):
            if step.draft and hasattr(self._models[step.by], "propose_next"):
                raise InputError(f"{path}.by", f"got {step.by!r}, which has no probabilities to review a draft with")

    def _demand_verification(self) -> None:
        if self._verification not in VERIFICATIONS:
            raise InputError("verification", f"got {self._verification!r}, expected one of {', '.join(VERIFICATIONS)}")
        lenient = {"": self._cascade.lenience} | {
            f"{path}.": step.lenience for path, _, step in walk(self._cascade.draft, self._cascade.target)
        }
        for path, lenience in lenient.items():
            if self._verification == "block" and lenience > 1:
                raise InputError(f"{path}lenience", f"got {lenience:g}, expected 1 with verification by block")


def _is_done(step: Step, repeats: int, drafted: int) -> bool:
    """Whether a step that has added `repeats` increments to a draft now of `drafted` tokens is finished."""
    if step.until is not None:
        return drafted >= step.until
    return repeats >= (step.rounds or 1)
