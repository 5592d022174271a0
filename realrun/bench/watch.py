"""How long another program spends in the models it calls, without its help."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from realrun.engine.record import CallLog


@dataclass
class ForwardWatch:
    """Logs every forward call of some models, whoever makes it, through hooks.

    The first call of a model in a generation reads the prompt, also where a draft is reviewed in the same call: its
    seconds are the model's prefill, like those of an encoder. On CUDA the calls are timed by events on the device,
    which stalls nothing.

    Attributes:
        networks: The models, by name.
        sizes: Tokens fed, call by call, of each model.
        last: Ids fed in the latest call of each model, shape (1, tokens).
    """

    networks: Mapping[str, PreTrainedModel]
    sizes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    last: dict[str, torch.Tensor] = field(default_factory=dict)
    _marks: dict[str, list[Mark]] = field(default_factory=lambda: defaultdict(list))
    _encoder_marks: dict[str, list[Mark]] = field(default_factory=lambda: defaultdict(list))

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the context lasts."""
        handles = []
        for name, network in self.networks.items():
            handles.append(network.register_forward_pre_hook(self._noting(name), with_kwargs=True))
            handles += _timed(network, self._marks[name])
            if network.config.is_encoder_decoder:
                handles += _timed(network.get_encoder(), self._encoder_marks[name])
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _noting(self, name: str) -> Callable[..., None]:
        def note(module: nn.Module, args: Sequence[torch.Tensor], kwargs: Mapping[str, object]) -> None:
            self.last[name] = _fed(args, kwargs)
            self.sizes[name].append(self.last[name].shape[1])

        return note

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
    ids = next(named, *args[:1])
    assert isinstance(ids, torch.Tensor)
    return ids


def _mark(device: torch.device) -> Mark:
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _between(start: Mark, end: Mark) -> float:
    if isinstance(start, float) or isinstance(end, float):
        assert isinstance(start, float)
        assert isinstance(end, float)
        return end - start
    end.synchronize()
    return float(start.elapsed_time(end)) / 1000
