"""How long texts may be: context of a model, positions of encoder and decoder, and where rotary positions change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel

_POSITIONS = ("max_position_embeddings", "max_seq_len")
_ENCODER_POSITIONS = ("max_encoder_position_embeddings", *_POSITIONS)
_DECODER_POSITIONS = ("max_decoder_position_embeddings", *_POSITIONS)

_LONGROPE = "longrope"


@dataclass(frozen=True)
class Limits:
    """How many tokens a model can hold, which may depend on the prompt.

    Attributes:
        text: Positions of the model that follows the text: of a decoder-only model for prompt and text, of an
            encoder-decoder model for its start token and the text.
        prompt: Positions of the encoder; None for a decoder-only model.
        switch: Number of tokens up to which rotary positions are those of a short text; with more, those of all tokens
            are others, and what is in the cache is worth nothing. None where they never change.
        renews: Whether transformers reads a text that grows beyond the switch anew, as it should. Where it goes on with
            the old cache instead, there is no right text to follow, and one that begins below the switch ends there.
    """

    text: int = sys.maxsize
    prompt: int | None = None
    switch: int | None = None
    renews: bool = False

    @property
    def context(self) -> int:
        """Greatest number of tokens, prompt and text, that the model can hold however they are divided."""
        return min(self.text, sys.maxsize if self.prompt is None else self.prompt, self._end)

    @property
    def most(self) -> int:
        """Greatest number of tokens, prompt and text, that the model can hold after some prompt."""
        return self.text if self.prompt is None else self.after(self.prompt)

    def after(self, prompt: int) -> int:
        """Greatest number of tokens, prompt and text, that the model can hold after a prompt of so many.

        It is at most `prompt` where there is no room for a text.
        """
        if self.prompt is not None:
            return prompt - 1 + self.text if prompt <= self.prompt else 0  # the start token stands for the last one
        return self.text if self.is_long(prompt) else self._end

    def is_long(self, tokens: int) -> bool:
        """Whether the rotary positions of so many tokens are those of a long text."""
        return self.switch is not None and tokens > self.switch

    @property
    def _end(self) -> int:
        """Where a text that begins below the switch ends."""
        return self.text if self.switch is None or self.renews else self.switch

    def problem(self, prompt: int) -> str | None:
        """Why there is no text after a prompt of so many tokens; None where there is."""
        if self.after(prompt) > prompt:
            return None
        if self.prompt is not None:
            return f"has {prompt} tokens, expected at most the {self.prompt} positions of the encoder"
        if prompt == self.switch:
            return f"has {prompt} tokens, after which the target's positions change, expected fewer or more"
        return f"has {prompt} tokens, expected fewer than the context of {self.text}"


def limits_of(network: PreTrainedModel) -> Limits:
    """What a model was made for; unlimited with relative positions."""
    config = network.config
    text = _positions(config.get_text_config(decoder=True), _DECODER_POSITIONS)
    if config.is_encoder_decoder:
        return Limits(text, _positions(config.get_text_config(encoder=True), _ENCODER_POSITIONS))
    found = list(switches(network))
    text = min([text, *(n for kind, n in found if kind != _LONGROPE)])  # other frequencies with every token from there
    switch = min((n for kind, n in found if kind == _LONGROPE), default=text)
    return Limits(text, switch=switch, renews=_renews(network, switch)) if switch < text else Limits(text)


def switches(network: PreTrainedModel) -> Iterator[tuple[str, int]]:
    """Kind of each rotary embedding whose frequencies change with the length of the text, and beyond which length.

    transformers chooses the frequencies of a call by its last position (`dynamic_rope_update`), for all tokens of the
    call, while keys in the cache keep those of their own call.
    """
    module: Any  # every architecture has a class of its own
    for module in network.modules():
        kinds = getattr(module, "rope_type", None)
        for layers, kind in kinds.items() if isinstance(kinds, dict) else [(None, kinds)]:
            if kind == _LONGROPE:
                parameters = module.config.rope_parameters if layers is None else module.config.rope_parameters[layers]
                yield kind, int(parameters["original_max_position_embeddings"])
            elif isinstance(kind, str) and "dynamic" in kind:
                yield kind, int(module.original_max_seq_len)


def _renews(network: PreTrainedModel, switch: int) -> bool:
    """Whether `generate` of transformers reads the text anew at the switch, as it does for Phi-3 and its kin."""
    assert isinstance(network, GenerationMixin)
    code = type(network).prepare_inputs_for_generation.__code__
    name = "original_max_position_embeddings"
    return name in code.co_names + code.co_consts and getattr(network.config, name, None) == switch


def _positions(config: PreTrainedConfig, names: tuple[str, ...]) -> int:
    return next((int(value) for name in names if (value := getattr(config, name, None) or 0) > 0), sys.maxsize)
