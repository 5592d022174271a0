"""Timing several ways to decode side by side, on the same prompts and in turns."""

from __future__ import annotations

import functools
import gc
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from transformers import PreTrainedModel

from analysis.model import Cascade, progress_bar
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.record import Cycle, GenerationRecord
from realrun.loading.ensemble import Ensemble
from realrun.network.cached_model import CachedModel
from realrun.runs.generate import encode_all, result_row
from realrun.runs.journal import Journal
from realrun.runs.prompts import Prompt

WARM_UP_TOKENS = 16


@dataclass(frozen=True)
class Outcome:
    """What a method did with one prompt.

    Attributes:
        generation: The tokens, and what they took.
        drafted: Tokens offered to the target, in all its reviews.
        accepted: Tokens of them that it accepted, of an engine that does not tell where; else None.
        decoding: Tokens and seconds after the first review, of an engine that tells no cycles; else None.
    """

    generation: GenerationRecord
    drafted: int
    accepted: int | None = None
    decoding: Cycle | None = None


class Method(Protocol):
    """A way to continue prompts greedily that can be timed beside others."""

    @property
    def name(self) -> str:
        """What rows and tables call it."""

    @property
    def settings(self) -> dict[str, object]:
        """All that distinguishes it from another method of its class, as JSON."""

    @property
    def networks(self) -> Mapping[str, PreTrainedModel]:
        """The neural models that it calls, by name; none where they are in another process or cannot be watched."""

    def run(self, prompt: Sequence[int], max_new_tokens: int) -> Outcome:
        """Continue one prompt."""


@dataclass(frozen=True)
class CascadeMethod:
    """A cascade, or with an empty draft its target alone, run by our engine.

    Attributes:
        label: What the specification is called.
        cascade: The specification, over models of the ensemble.
        ensemble: The loaded models.
        variant: What tells it from other drafts under the same label.
    """

    label: str
    cascade: Cascade
    ensemble: Ensemble
    variant: str = ""

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        return self.label + self.variant

    @property
    def settings(self) -> dict[str, object]:
        """The draft, and the target's lenience where it is not lossless."""
        draft: dict[str, object] = {"draft": [step.to_json() for step in self.cascade.draft]}
        return draft if self.cascade.lenience == 1 else draft | {"lenience": self.cascade.lenience}

    @property
    def networks(self) -> dict[str, PreTrainedModel]:
        """The neural models that the cascade uses."""
        models = self.ensemble.only(self.cascade)
        return {name: model.network for name, model in models.items() if isinstance(model, CachedModel)}

    def run(self, prompt: Sequence[int], max_new_tokens: int) -> Outcome:
        """Continue one prompt."""
        generation = self._decoder.generate(prompt, max_new_tokens, self.ensemble.eos)
        reviews = generation.calls[self.cascade.target].q  # each on the drafted tokens and the one before them
        return Outcome(generation, sum((q - 1) * n for q, n in reviews.items()))

    @functools.cached_property
    def _decoder(self) -> CascadeDecoder:
        return CascadeDecoder(self.cascade, self.ensemble.only(self.cascade), self.ensemble.context)


def interleave(
    methods: Sequence[Method],
    ensemble: Ensemble,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    description: str,
    repeats: int = 1,
    journal: Journal | None = None,
) -> Iterator[dict[str, object]]:
    """Run every method on every prompt, in turns, and yield the rows with the method's name under `method`.

    Each prompt is run by all methods before the next one, starting with another method each time and going through
    them in alternating directions, so that a machine that slows down disturbs all alike and no method always follows
    the same one. Every method is warmed up first. Garbage is collected between runs, so that no run pays for another's.

    Args:
        methods: With different names.
        ensemble: The loaded models.
        prompts: What to continue.
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
        description: Of the progress bar.
        repeats: How often each method runs each prompt, >= 1.
        journal: Keeps every row, under the description.
    """
    journal = Journal() if journal is None else journal
    encoded = encode_all(prompts, ensemble)
    runs = repeats * len(prompts) * len(methods)
    if any(f"{description} {number}" not in journal for number in range(runs)):
        for method in methods:
            method.run(encoded[0], WARM_UP_TOKENS)
    gc.collect()
    gc.freeze()  # what is there by now stays, and need not be looked through between runs
    numbers = itertools.count()
    try:
        with progress_bar(description, "run", total=runs) as bar:
            for repeat in range(repeats):
                for i, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True)):
                    for method in turn(methods, repeat * len(prompts) + i):

                        def timed(method=method, repeat=repeat, prompt=prompt, ids=ids):  # type: ignore[no-untyped-def]
                            gc.collect()
                            return _row(method, repeat, prompt, ids, method.run(ids, max_new_tokens), ensemble)

                        yield journal.once(f"{description} {next(numbers)}", timed)
                        bar.update()
    finally:
        gc.unfreeze()


def _row(
    method: Method, repeat: int, prompt: Prompt, ids: Sequence[int], outcome: Outcome, ensemble: Ensemble
) -> dict[str, object]:
    row: dict[str, object] = {
        "method": method.name,
        "settings": method.settings,
        "repeat": repeat,
        **result_row(prompt, ids, outcome.generation, ensemble),
        "drafted": outcome.drafted,
        "cycle_log": [[cycle.tokens, round(cycle.seconds, 6)] for cycle in outcome.generation.cycle_log],
    }
    row |= {} if outcome.accepted is None else {"accepted": outcome.accepted}
    if outcome.decoding is not None:
        row["decoding"] = [outcome.decoding.tokens, round(outcome.decoding.seconds, 6)]
    return row


Item = TypeVar("Item")


def turn(items: Sequence[Item], i: int) -> list[Item]:
    """The i-th order: each item is first once in ``len(items)`` turns, and their direction alternates."""
    start = i % len(items)
    order = [*items[start:], *items[:start]]
    return order if i // len(items) % 2 == 0 else [order[0], *reversed(order[1:])]


def measure(
    cascades: Mapping[str, Cascade],
    ensemble: Ensemble,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    description: str,
) -> Iterator[dict[str, object]]:
    """Run every cascade on every prompt, interleaved, and yield the rows with the cascade's name under `method`.

    Args:
        cascades: By name; all over the ensemble's models.
        ensemble: The loaded models.
        prompts: What to continue.
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
        description: Of the progress bar.
    """
    methods = [CascadeMethod(name, cascade, ensemble) for name, cascade in cascades.items()]
    yield from interleave(methods, ensemble, prompts, max_new_tokens, description)
