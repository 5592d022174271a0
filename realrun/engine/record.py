"""What a generation gave and did: tokens and their origins, calls of every model, acceptance of every pair."""

from __future__ import annotations

import functools
import platform
from collections import Counter
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch

from analysis.model.boundary.provenance import package_commit, package_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from realrun.engine.review import Bias

SCHEMA = 1
"""Version of the row format."""


@dataclass
class CallLog:
    """Calls of one model in one generation; the prefill is counted apart.

    Attributes:
        q: Number of calls by the number of tokens fed.
        seconds: Wall-clock seconds inside those calls.
        prefill_seconds: Wall-clock seconds for reading the prompt.
    """

    q: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    prefill_seconds: float = 0.0

    def count(self, q: int, seconds: float) -> None:
        """Add one call on q tokens."""
        self.q[q] += 1
        self.seconds += seconds

    def to_json(self) -> dict[str, object]:
        """Counts and seconds, with the q-histogram by the number of tokens as text."""
        return {
            "calls": self.q.total(),
            "q": {str(q): n for q, n in sorted(self.q.items())},
            "seconds": round(self.seconds, 6),
            "prefill_seconds": round(self.prefill_seconds, 6),
        }


@dataclass
class PairLog:
    """How often a reviewer examined and accepted a drafter's tokens, by position in its whole draft.

    Attributes:
        examined: By (position, corrected), where corrected tells a token that the drafter's own inner review had
            corrected or added.
        accepted: The same for the tokens accepted.
    """

    examined: Counter[tuple[int, bool]] = field(default_factory=Counter)
    accepted: Counter[tuple[int, bool]] = field(default_factory=Counter)

    def to_json(self) -> dict[str, list[int]]:
        """Lists by position: of all tokens, and of the corrected ones among them."""
        positions = range(1 + max((position for position, _ in self.examined), default=-1))
        return {
            "examined": [self.examined[j, False] + self.examined[j, True] for j in positions],
            "accepted": [self.accepted[j, False] + self.accepted[j, True] for j in positions],
            "corrected_examined": [self.examined[j, True] for j in positions],
            "corrected_accepted": [self.accepted[j, True] for j in positions],
        }


@dataclass
class BiasLog:
    """Distance of a lenient target's tokens from its own law, summed over the tokens it let out.

    The law of a token given all before it is known in closed form, so nothing here is estimated from counts. By the
    chain rule the mean of `kl` over generations bounds KL(text || target's text) from above.

    Attributes:
        tokens: Number of tokens.
        total_variation: Sum of total variation distances, each in [0, 1]; for greedy choice the number of tokens that
            are not the target's.
        kl: Sum of Kullback-Leibler divergences in nats; None for greedy choice.
    """

    tokens: int = 0
    total_variation: float = 0.0
    kl: float | None = 0.0

    def add(self, biases: Iterable[Bias]) -> None:
        """Add the tokens of one review."""
        for bias in biases:
            self.tokens += 1
            self.total_variation += bias.total_variation
            self.kl = None if self.kl is None or bias.kl is None else self.kl + bias.kl

    def to_json(self) -> dict[str, object]:
        """The three sums."""
        kl = None if self.kl is None else round(self.kl, 9)
        return {"tokens": self.tokens, "total_variation": round(self.total_variation, 9), "kl": kl}


Kind = Literal["draft", "correction", "bonus"]
"""How a token was made: by a leaf drafter, or by a reviewer in place of a rejected token or after a whole draft."""

Finish = Literal["eos", "length", "context", "stop"]


class Origin(NamedTuple):
    """Where a token came from.

    Attributes:
        by: The model that made it.
        kind: How it made it.
        reviewers: The models that accepted it since, innermost first; the target last, unless it made the token.
    """

    by: str
    kind: Kind
    reviewers: tuple[str, ...] = ()

    def accepted(self, reviewer: str) -> Origin:
        """The same token after one more review."""
        return Origin(self.by, self.kind, (*self.reviewers, reviewer))


class Cycle(NamedTuple):
    """One cycle: the tokens the target let out (before any cut by a stop), and the wall-clock seconds it took."""

    tokens: int
    seconds: float


@dataclass(frozen=True)
class GenerationRecord:
    """One continuation of a prompt, and what it took.

    Attributes:
        tokens: Generated ids, an end-of-sequence id included.
        finish: Why it ended: an end-of-sequence id, the wanted number of tokens, the end of the context, or the watch.
        seconds: Wall-clock seconds, prefill included.
        prefill_seconds: Wall-clock seconds for reading the prompt with all models.
        cycles: Number of the target's reviews.
        calls: Calls by model, with the seconds inside them.
        pairs: Examined and accepted tokens by (reviewer, drafter).
        cycle_log: Each of the cycles in order; empty where another engine does not tell.
        origins: Where each of the tokens came from; empty where another engine does not tell.
        bias: Distance from the target's law; None where the target's review is lossless.
        counts: By drafter without probabilities, where its proposals came from, as JSON.
    """

    tokens: list[int]
    finish: Finish
    seconds: float
    prefill_seconds: float
    cycles: int
    calls: dict[str, CallLog]
    pairs: dict[tuple[str, str], PairLog]
    cycle_log: Sequence[Cycle] = ()
    origins: Sequence[Origin] = ()
    bias: BiasLog | None = None
    counts: Mapping[str, dict[str, object]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Everything but tokens and origins, in the keys of a result row."""
        result: dict[str, object] = {
            "finish": self.finish,
            "seconds": round(self.seconds, 6),
            "prefill_seconds": round(self.prefill_seconds, 6),
            "cycles": self.cycles,
            "calls": {name: log.to_json() for name, log in self.calls.items()},
            "acceptance": [
                {"reviewer": reviewer, "drafter": drafter, **log.to_json()}
                for (reviewer, drafter), log in self.pairs.items()
            ],
        }
        result |= {"counts": dict(self.counts)} if self.counts else {}
        return result if self.bias is None else result | {"bias": self.bias.to_json()}

    def trace(self) -> list[dict[str, object]]:
        """Origin of every token, as JSON."""
        return [
            {"token": token, "by": origin.by, "kind": origin.kind, "reviewers": list(origin.reviewers)}
            for token, origin in zip(self.tokens, self.origins, strict=True)
        ]


@functools.cache
def provenance() -> dict[str, object]:
    """Versions and machine, the same for every row of a run."""
    versions = {name: metadata.version(name) for name in ("torch", "transformers")}
    return {
        "schema": SCHEMA,
        "cascade_ewif": package_version(),
        "commit": package_commit(),
        **versions,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
    }
