"""Other ways to decode greedily, timed beside ours: transformers' own, with the same models in the same process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel
from transformers.generation.streamers import BaseStreamer

from realrun.bench.outcome import LOOKUP, Review, Surroundings, agreed
from realrun.bench.watch import ForwardWatch
from realrun.engine.record import Cycle
from realrun.network.encoder_decoder import start_token
from realrun.runs.measure import Outcome


class Arrivals(BaseStreamer):
    """Takes down how many new tokens arrive at a time, and when.

    Attributes:
        cycles: Tokens and seconds since the arrival before (since the start, for the first) of every arrival.
    """

    def __init__(self) -> None:
        self.cycles: list[Cycle] = []
        self._last = time.perf_counter()
        self._is_prompt = True

    def put(self, value: torch.Tensor) -> None:
        """New tokens; the first call brings the prompt."""
        if self._is_prompt:
            self._is_prompt = False
            return
        now = time.perf_counter()
        self.cycles.append(Cycle(value.numel(), now - self._last))
        self._last = now

    def end(self) -> None:
        """Nothing more comes."""


@contextlib.contextmanager
def only_settings(network: PreTrainedModel, **settings: object) -> Iterator[None]:
    """Give a model these generation settings and no others while the context lasts.

    What a checkpoint brings along and our engine does not apply (beams, say) would otherwise slip into `generate`, and
    what transformers adapts in the assistant's settings would carry over from one prompt to the next.
    """
    before = network.generation_config
    if network.config.is_encoder_decoder:
        settings["decoder_start_token_id"] = start_token(network)
    network.generation_config = GenerationConfig(**settings)
    try:
        yield
    finally:
        network.generation_config = before


def generated(network: PreTrainedModel, ids: torch.Tensor, **options: object) -> torch.Tensor:
    """What `generate` of transformers, which only models with a head have, makes of token ids; shape (rows, tokens)."""
    generate: Any = network.generate
    sequences: torch.Tensor = generate(ids, **options)
    return sequences


@dataclass(frozen=True)
class Plain:
    """transformers' own greedy `generate`, and what its assisted forms share.

    Attributes:
        around: The models.
    """

    around: Surroundings

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        return "hf-autoregressive"

    @property
    def settings(self) -> dict[str, object]:
        """Nothing to set."""
        return {}

    @property
    def networks(self) -> dict[str, PreTrainedModel]:
        """The target, and the assistant if there is one."""
        return self.around.only(self.around.target)

    @property
    def _drafter(self) -> str:
        """What the drafter is called in the counts."""
        return ""

    def _options(self) -> dict[str, object]:
        """What `generate` is given beside prompt and limits."""
        return {}

    def _afresh(self) -> contextlib.AbstractContextManager[object]:
        """A context in which the assistant, if any, starts with its settings."""
        return contextlib.nullcontext()

    def run(self, prompt: Sequence[int], max_new_tokens: int) -> Outcome:
        """Continue one prompt."""
        around = self.around
        network = around.networks[around.target]
        eos = sorted(around.eos)
        watch = ForwardWatch(self.networks)
        with only_settings(network, **around.settings), self._afresh(), watch.watching():
            started = time.perf_counter()
            arrivals = Arrivals()
            ids = torch.tensor([prompt], device=network.device)
            sequence = generated(
                network,
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=min(max_new_tokens, around.context - len(prompt)),
                eos_token_id=eos or None,
                pad_token_id=eos[0] if eos else 0,
                streamer=arrivals,
                **self._options(),
            )[0].tolist()
            seconds = time.perf_counter() - started
        read = 1 if network.config.is_encoder_decoder else len(prompt)
        sizes = watch.sizes[around.target]
        drafted = [sizes[0] - read, *(q - 1 for q in sizes[1:])]
        reviews = [
            Review(self._drafter, offered, cycle.tokens - 1)
            for offered, cycle in zip(drafted[:-1], arrivals.cycles, strict=False)
        ]
        # What ends a text may itself have been drafted, so that the last review's own token is missing.
        last = watch.last[around.target][0].tolist()[-drafted[-1] :] if drafted[-1] else []
        reviews.append(Review(self._drafter, drafted[-1], agreed(last, sequence[-arrivals.cycles[-1].tokens :])))
        return around.outcome(prompt, max_new_tokens, sequence[read:], arrivals.cycles, reviews, watch, seconds)


@dataclass(frozen=True)
class Assisted(Plain):
    """Assisted generation (`assistant_model=`), its adaptive state set afresh for every prompt.

    Attributes:
        assistant: Name of the drafting model.
        tokens: `num_assistant_tokens`, >= 1.
        schedule: `num_assistant_tokens_schedule`: constant, or heuristic (adapts the number within a text).
        threshold: `assistant_confidence_threshold` in [0, 1]: the assistant stops below this probability; 0 never.
    """

    assistant: str
    tokens: int
    schedule: str = "constant"
    threshold: float = 0.0

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        schedule = "" if self.schedule == "constant" else f", {self.schedule}"
        threshold = f", threshold {self.threshold}" if self.threshold else ""
        return f"hf-assisted[{self.assistant} {self.tokens}{schedule}{threshold}]"

    @property
    def settings(self) -> dict[str, object]:
        """Assistant, and the settings as transformers calls them."""
        return {"assistant": self.assistant, **self._adaptive}

    @property
    def networks(self) -> dict[str, PreTrainedModel]:
        """Target and assistant."""
        return self.around.only(self.around.target, self.assistant)

    @property
    def _adaptive(self) -> dict[str, object]:
        return {
            "num_assistant_tokens": self.tokens,
            "num_assistant_tokens_schedule": self.schedule,
            "assistant_confidence_threshold": self.threshold,
        }

    @property
    def _drafter(self) -> str:
        return self.assistant

    def _options(self) -> dict[str, object]:
        return {"assistant_model": self.around.networks[self.assistant]}

    def _afresh(self) -> contextlib.AbstractContextManager[object]:
        return only_settings(self.around.networks[self.assistant], **self._adaptive)


@dataclass(frozen=True)
class PromptLookup(Plain):
    """Prompt lookup (`prompt_lookup_num_tokens=`), transformers' counterpart of Max-Gram.

    Attributes:
        tokens: Tokens copied at most, >= 1.
        ngram: Longest end of the text that is looked up, >= 1; 2 is transformers' default.
    """

    tokens: int
    ngram: int = 2

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        return f"hf-prompt-lookup[{self.tokens}{'' if self.ngram == 2 else f', {self.ngram}-grams'}]"

    @property
    def settings(self) -> dict[str, object]:
        """Draft length and longest match, as transformers calls them."""
        return {"prompt_lookup_num_tokens": self.tokens, "max_matching_ngram_size": self.ngram}

    @property
    def _drafter(self) -> str:
        return LOOKUP

    def _options(self) -> dict[str, object]:
        return self.settings
