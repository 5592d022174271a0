"""transformers' own greedy decoding with a static cache and a compiled forward pass, where this machine compiles."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import CompileConfig, PreTrainedModel, StaticCache

from realrun.bench.outcome import Surroundings
from realrun.bench.transformers_decoders import Arrivals, generated, only_settings
from realrun.engine.record import CallLog, GenerationRecord
from realrun.runs.measure import Outcome

_TRIAL_TOKENS = 3  # the first comes of the prompt, which is not compiled


@dataclass(frozen=True)
class Compiled:
    """`generate` with one static cache for all prompts, so that nothing is compiled twice.

    Attributes:
        around: The models.
        room: Tokens that the cache holds, prompt and text.
        backend: Of `torch.compile`.
    """

    around: Surroundings
    room: int
    backend: str = "inductor"

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        return "hf-compiled"

    @property
    def settings(self) -> dict[str, object]:
        """Size of the static cache, backend, and what it is told beside its defaults."""
        return {"max_cache_len": self.room, "backend": self.backend, "options": self._compilation.options}

    @property
    def networks(self) -> dict[str, PreTrainedModel]:
        """None that can be watched: what watches a model would be compiled with it."""
        return {}

    def problem(self, prompt: Sequence[int]) -> str | None:
        """Why it cannot run here, in one line; None where it can. What it compiles is kept."""
        if self._network.config.is_encoder_decoder:
            return f"{self.around.target!r} has an encoder"
        try:
            self.run(prompt, _TRIAL_TOKENS)
        except Exception as error:  # compilers raise anything
            return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        return None

    def run(self, prompt: Sequence[int], max_new_tokens: int) -> Outcome:
        """Continue one prompt that fits into the cache with its text."""
        around, network, cache = self.around, self._network, self._cache
        eos = sorted(around.eos)
        with only_settings(network, **around.settings):
            cache.reset()
            started = time.perf_counter()
            arrivals = Arrivals()
            ids = torch.tensor([prompt], device=network.device)
            tokens = generated(
                network,
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=min(max_new_tokens, around.context - len(prompt)),
                eos_token_id=eos or None,
                pad_token_id=eos[0] if eos else 0,
                streamer=arrivals,
                past_key_values=cache,
                compile_config=self._compilation,
            )[0, len(prompt) :].tolist()
            seconds = time.perf_counter() - started
        first, *others = arrivals.cycles  # the first reads the prompt
        calls = CallLog(prefill_seconds=first.seconds)
        for cycle in others:
            calls.count(1, cycle.seconds)
        generation = GenerationRecord(
            tokens=tokens,
            finish=around.finish(prompt, max_new_tokens, tokens),
            seconds=seconds,
            prefill_seconds=first.seconds,
            cycles=len(arrivals.cycles),
            calls={around.target: calls},
            pairs={},
            cycle_log=arrivals.cycles,
        )
        return Outcome(generation, 0)

    @property
    def _network(self) -> PreTrainedModel:
        return self.around.networks[self.around.target]

    @functools.cached_property
    def _cache(self) -> StaticCache:
        return StaticCache(self._network.config, max_cache_len=self.room)

    @property
    def _compilation(self) -> CompileConfig:
        """The compiler's fastest way here: weights laid out for the kernels on a CPU, calls captured on a GPU."""
        options: dict[str, object] | None = None
        if self.backend == "inductor":
            is_cpu = self._network.device.type == "cpu"
            options = {"freezing": True} if is_cpu else {"triton.cudagraphs": True}
        config = CompileConfig(backend=self.backend, mode=None, options=options)  # type: ignore[arg-type]
        config._compile_all_devices = True  # type: ignore[assignment]  # on a CPU too
        return config
