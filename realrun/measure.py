"""Timing several cascades of the same models side by side, against the target alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tqdm import tqdm

from analysis.model import Cascade
from realrun.cascade import CascadeDecoder
from realrun.models import Ensemble
from realrun.prompts import Prompt
from realrun.run import encode_all, result_row

WARM_UP_TOKENS = 8


def measure(
    cascades: Mapping[str, Cascade],
    ensemble: Ensemble,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    description: str,
) -> Iterator[dict[str, object]]:
    """Run every cascade on every prompt, interleaved, and yield the rows with the cascade's name under `method`.

    Each prompt is run by all cascades in turn before the next one, starting with another cascade each time, so that a
    machine that slows down disturbs all alike. Every cascade is warmed up first.

    Args:
        cascades: By name; all over the ensemble's models.
        ensemble: The loaded models.
        prompts: What to continue.
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
        description: Of the progress bar.
    """
    encoded = encode_all(prompts, ensemble)
    names = list(cascades)
    decoders = {
        name: CascadeDecoder(cascade, ensemble.only(cascade), ensemble.context) for name, cascade in cascades.items()
    }
    for decoder in decoders.values():
        decoder.generate(encoded[0], WARM_UP_TOKENS, ensemble.eos)
    with tqdm(total=len(prompts) * len(names), desc=description, unit="run", delay=2) as bar:
        for i, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True)):
            for name in names[i % len(names) :] + names[: i % len(names)]:
                generation = decoders[name].generate(ids, max_new_tokens, ensemble.eos)
                yield {"method": name, **result_row(prompt, ids, generation, ensemble)}
                bar.update()
