"""Other ways to decode greedily, timed beside ours: transformers' own, with the same models in the same process."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import GenerationConfig, PreTrainedModel
from transformers.generation.streamers import BaseStreamer

from realrun.measure import Outcome
from realrun.record import CallLog, Cycle, Finish, Generation, PairLog

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


@dataclass
class ForwardWatch:
    """Logs every forward call of some models, whoever makes it, through hooks.

    The first call of a model in a generation reads the prompt, also where a draft is reviewed in the same call: its
    seconds are the model's prefill, like those of an encoder. On CUDA the calls are timed by events on the device,
    which stalls nothing.

    Attributes:
        networks: The models, by name.
        sizes: Tokens fed, call by call, of each model.
    """

    networks: Mapping[str, PreTrainedModel]
    sizes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _marks: dict[str, list[Mark]] = field(default_factory=lambda: defaultdict(list))
    _encoder_marks: dict[str, list[Mark]] = field(default_factory=lambda: defaultdict(list))

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the context lasts."""
        handles = []
        for name, network in self.networks.items():
            sizes = self.sizes[name]
            handles.append(
                network.register_forward_pre_hook(
                    lambda module, args, kwargs, sizes=sizes: sizes.append(_fed(args, kwargs).shape[1]),
                    with_kwargs=True,
                )
            )
            handles += _timed(network, self._marks[name])
            if network.config.is_encoder_decoder:
                handles += _timed(network.get_encoder(), self._encoder_marks[name])
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def logs(self) -> dict[str, CallLog]:
        """The calls by model; the first one of each is its prefill."""
        return {name: self._log(name) for name in self.networks}

    def _log(self, name: str) -> CallLog:
        log = CallLog()
        seconds = _durations(self._marks[name])
        log.prefill_seconds = sum(seconds[:1]) + sum(_durations(self._encoder_marks[name]))
        for q, duration in zip(self.sizes[name][1:], seconds[1:], strict=True):
            log.count(q, duration)
        return log


Mark = float | torch.cuda.Event
"""A moment: seconds on a clock, or an event on a device."""


def _timed(module: nn.Module, marks: list[Mark]) -> list[RemovableHandle]:
    """Let a module take down the moments when its calls begin and end."""
    device = next(module.parameters()).device
    return [
        module.register_forward_pre_hook(lambda *call: marks.append(_mark(device))),
        module.register_forward_hook(lambda *call: marks.append(_mark(device))),
    ]


def _durations(marks: Sequence[Mark]) -> list[float]:
    return [_between(start, end) for start, end in zip(marks[::2], marks[1::2], strict=True)]


def _fed(args: Sequence[torch.Tensor], kwargs: Mapping[str, object]) -> torch.Tensor:
    """The ids a model is called on, by name or in the first place; of encoder-decoder models the decoder's."""
    named = (kwargs[key] for key in ("decoder_input_ids", "input_ids") if kwargs.get(key) is not None)
    return next(named, *args[:1])


def _mark(device: torch.device) -> Mark:
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _between(start: Mark, end: Mark) -> float:
    if isinstance(start, float):
        return end - start
    end.synchronize()
    return start.elapsed_time(end) / 1000


@contextlib.contextmanager
def only_settings(network: PreTrainedModel, **settings: object) -> Iterator[None]:
    """Give a model these generation settings and no others while the context lasts.

    What a checkpoint brings along (a repetition penalty, say) would otherwise slip into `generate`, and what
    transformers adapts in the assistant's settings would carry over from one prompt to the next.
    """
    before = network.generation_config
    if network.config.is_encoder_decoder:
        settings["decoder_start_token_id"] = network.config.decoder_start_token_id
    network.generation_config = GenerationConfig(**settings)
    try:
        yield
    finally:
        network.generation_config = before


@dataclass(frozen=True)
class Surroundings:
    """What every baseline needs to know.

    Attributes:
        target: Name of the target.
        networks: Target and drafters as transformers models, by name.
        context: Greatest number of tokens that every model can hold.
        eos: Ids that end the text.
    """

    target: str
    networks: Mapping[str, PreTrainedModel]
    context: int
    eos: frozenset[int]

    def only(self, *names: str | None) -> dict[str, PreTrainedModel]:
        """Some of the models; None names none."""
        return {name: self.networks[name] for name in names if name is not None}

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
        if tokens and tokens[-1] in self.eos:
            finish: Finish = "eos"
        else:
            finish = "length" if len(prompt) + max_new_tokens < self.context else "context"
        generation = Generation(
            tokens=tokens,
            finish=finish,
            seconds=seconds,
            prefill_seconds=sum(log.prefill_seconds for log in calls.values()),
            cycles=len(cycles),
            calls=calls,
            pairs=pair_logs(self.target, reviews),
            cycle_log=cycles,
        )
        return Outcome(generation, sum(review.drafted for review in reviews))


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
        with only_settings(network), self._afresh(), watch.watching():
            started = time.perf_counter()
            arrivals = Arrivals()
            ids = torch.tensor([prompt], device=network.device)
            sequence = network.generate(
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
            Review(self._drafter, offered, min(offered, cycle.tokens - 1))
            for offered, cycle in zip(drafted, arrivals.cycles, strict=True)
        ]
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
