"""The target's own texts, along which everything is calibrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.model import Cascade
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.policy import Policy
from realrun.loading.ensemble import Ensemble
from realrun.runs.generate import RunSettings, encode_all
from realrun.runs.prompts import Prompt

_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class TargetText:
    """A prompt and what the target says to it.

    Attributes:
        prompt: The prompt.
        prompt_ids: Its token ids.
        tokens: The target's token ids, an end-of-sequence id included.
        finish: "eos", or "length" where the text was cut.
    """

    prompt: Prompt
    prompt_ids: list[int]
    tokens: list[int]
    finish: str

    @property
    def sequence(self) -> list[int]:
        """Prompt and text."""
        return self.prompt_ids + self.tokens


def text_writer(
    cascade: Cascade, ensemble: Ensemble, prompts: Sequence[Prompt], max_new_tokens: int, policy: Policy, seed: int
) -> Callable[[int], TargetText]:
    """Let the target continue prompts by a lossless cascade; gives the text to the prompt at an index.

    In half precision a review rounds differently from calls on one token, so that near-ties may fall otherwise than in
    autoregressive decoding: another text, as good as that one.

    Args:
        cascade: What writes.
        ensemble: The loaded models.
        prompts: What to continue.
        max_new_tokens: Greatest number of tokens a text, >= 1.
        policy: How tokens are chosen.
        seed: Root of the random choices; not read by a greedy policy.
    """
    encoded = encode_all(prompts, ensemble)
    decoder = CascadeDecoder(cascade, ensemble.only(cascade), ensemble.context, policy)
    settings = RunSettings(max_new_tokens, policy, seed)

    def write(i: int) -> TargetText:
        generation = decoder.generate(encoded[i], max_new_tokens, ensemble.eos, source=settings.source(i))
        return TargetText(prompts[i], encoded[i], generation.tokens, "eos" if generation.finish == "eos" else "length")

    return write


def contexts_of(texts: Sequence[TargetText]) -> list[int]:
    """How many tokens a call finds held in the middle of a short, a middling and a long text, ascending, each once."""
    held = [len(text.prompt_ids) + len(text.tokens) / 2 for text in texts]
    return sorted({max(1, round(float(q))) for q in np.quantile(held, _QUANTILES)})
