"""Generating for a list of prompts, one result row each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from analysis.model import Cascade, InputError
from realrun.cascade import CascadeDecoder, Generation
from realrun.models import Ensemble
from realrun.prompts import Prompt, encode
from realrun.record import provenance


def encode_all(prompts: Sequence[Prompt], ensemble: Ensemble) -> list[list[int]]:
    """Token ids of all prompts, refused before anything is generated where one does not fit.

    Raises:
        InputError: naming the prompt that leaves no room in the context.
    """
    encoded = [encode(prompt, ensemble.tokenizer) for prompt in prompts]
    for prompt, ids in zip(prompts, encoded, strict=True):
        if len(ids) >= ensemble.context:
            raise InputError(
                f"prompt {prompt.id}", f"has {len(ids)} tokens, expected fewer than the context of {ensemble.context}"
            )
    return encoded


def generate_rows(
    cascade: Cascade, ensemble: Ensemble, prompts: Sequence[Prompt], max_new_tokens: int, dtype: str
) -> Iterator[dict[str, object]]:
    """Generate for each prompt in turn and yield its row.

    Args:
        cascade: The cascade to run; an empty draft is autoregressive decoding.
        ensemble: Its models.
        prompts: What to continue.
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
        dtype: Name of the weights' type, for the row.
    """
    decoder = CascadeDecoder(cascade, ensemble.models, ensemble.context)
    task = hashlib.sha256(f"{cascade.canonical()} {max_new_tokens} {dtype}".encode()).hexdigest()[:16]
    for prompt, ids in zip(prompts, encode_all(prompts, ensemble), strict=True):
        generation = decoder.generate(ids, max_new_tokens, ensemble.eos)
        row = result_row(prompt, ids, generation, ensemble)
        yield row | {"task": task, "dtype": dtype, **provenance()}


def result_row(prompt: Prompt, ids: Sequence[int], generation: Generation, ensemble: Ensemble) -> dict[str, object]:
    """What became of one prompt, as a row of JSON."""
    return {
        "id": prompt.id,
        "category": prompt.category,
        "prompt_tokens": len(ids),
        "tokens": generation.tokens,
        "text": ensemble.tokenizer.decode(generation.tokens, skip_special_tokens=True),
        "finish": generation.finish,
        "seconds": round(generation.seconds, 6),
        "prefill_seconds": round(generation.prefill_seconds, 6),
        "cycles": generation.cycles,
        "calls": {name: log.to_json() for name, log in generation.calls.items()},
        "acceptance": [
            {"reviewer": reviewer, "drafter": drafter, **log.to_json()}
            for (reviewer, drafter), log in generation.pairs.items()
        ],
    }
