"""What other programs did, in the terms of our engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedModel

from realrun.bench.llama_server import Llama
from realrun.bench.watch import ForwardWatch
from realrun.engine.record import Cycle, Finish, GenerationRecord, PairLog
from realrun.runs.measure import Outcome

LOOKUP = "prompt-lookup"
"""What a baseline's own lookup is called in the counts."""


@dataclass(frozen=True)
class Review:
    """One review by the target of another program's draft.

    Attributes:
        drafter: Who drafted.
        drafted: Tokens offered.
        accepted: Tokens of them that the target agreed with and that stayed in the text.
    """

    drafter: str
    drafted: int
    accepted: int


def pair_logs(target: str, reviews: Sequence[Review]) -> dict[tuple[str, str], PairLog]:
    """The reviews as counts by position; a review examines up to and including the first token it rejects."""
    pairs: dict[tuple[str, str], PairLog] = {}
    for review in reviews:
        log = pairs.setdefault((target, review.drafter), PairLog())
        for position in range(min(review.drafted, review.accepted + 1)):
            log.examined[position, False] += 1
        for position in range(review.accepted):
            log.accepted[position, False] += 1
    return {pair: log for pair, log in pairs.items() if log.examined}


def agreed(draft: Sequence[int], text: Sequence[int]) -> int:
    """How many leading tokens of a draft the text has."""
    return next((i for i, (a, b) in enumerate(zip(draft, text, strict=False)) if a != b), min(len(draft), len(text)))


@dataclass(frozen=True)
class Surroundings:
    """What every baseline needs to know.

    Attributes:
        target: Name of the target.
        networks: Target and drafters as transformers models, by name.
        context: Greatest number of tokens that every model can hold.
        eos: Ids that end the text.
        settings: Generation settings of the target that our engine applies too, by transformers' names.
        room: Tokens that the longest prompt takes with its text, for programs that set their caches up beforehand.
        llama: Ways to run llama.cpp.
    """

    target: str
    networks: Mapping[str, PreTrainedModel]
    context: int
    eos: frozenset[int]
    settings: Mapping[str, object] = field(default_factory=dict)
    room: int = 0
    llama: Sequence[Llama] = ()

    def only(self, *names: str | None) -> dict[str, PreTrainedModel]:
        """Some of the models; None names none."""
        return {name: self.networks[name] for name in names if name is not None}

    def finish(self, prompt: Sequence[int], max_new_tokens: int, tokens: Sequence[int]) -> Finish:
        """Why a text ended."""
        if tokens and tokens[-1] in self.eos:
            return "eos"
        return "length" if len(prompt) + max_new_tokens <= self.context else "context"

    def outcome(
        self,
        prompt: Sequence[int],
        max_new_tokens: int,
        tokens: list[int],
        cycles: Sequence[Cycle],
        reviews: Sequence[Review],
        watch: ForwardWatch,
        seconds: float,
    ) -> Outcome:
        """What a baseline did, in the terms of our engine."""
        calls = watch.logs()
        generation = GenerationRecord(
            tokens=tokens,
            finish=self.finish(prompt, max_new_tokens, tokens),
            seconds=seconds,
            prefill_seconds=sum(log.prefill_seconds for log in calls.values()),
            cycles=len(cycles),
            calls=calls,
            pairs=pair_logs(self.target, reviews),
            cycle_log=cycles,
        )
        return Outcome(generation, sum(review.drafted for review in reviews))
