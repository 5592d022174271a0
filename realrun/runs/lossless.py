"""Is a cascade's greedy text the target's? Every cascade against autoregressive decoding, token for token.

In exact arithmetic they are equal. On a machine a call on several tokens may round otherwise than several calls, and
where two tokens are nearly as likely the text may fork. The first difference of each pair of texts is therefore
judged by the float32 logits at that place: near-tie, or divergent, which an engine without errors never is. A target in
8-bit integers rounds alike in both and judges itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from analysis.model import Cascade, Step, progress_bar
from realrun.engine.cascade import CascadeDecoder
from realrun.loading.ensemble import Ensemble
from realrun.runs.generate import encode_all
from realrun.runs.prompts import Prompt

Class = Literal["identical", "near-tie", "divergent"]

FLOAT32_MARGIN = 1e-4
"""Greatest margin of a near-tie of a run in float32 or int8, in logits."""

HALF_ULPS = 4.0
"""Greatest margin of a near-tie of a run in half precision, in units in the last place of its logits."""


@dataclass(frozen=True)
class TextComparison:
    """A cascade's greedy text beside the target's own.

    Attributes:
        category: identical, near-tie or divergent.
        tokens: Length of the target's own text.
        position: Index of the first generated token that differs; None where none does.
        expected: The target's token there; None where its text has ended.
        found: The cascade's token there; None where its text has ended.
        margin: How far the lower of the two is below the greatest logit there, in float32; None without two tokens.
        ulps: The margin in units in the last place of that logit in the type of the run's logits.
    """

    category: Class
    tokens: int
    position: int | None = None
    expected: int | None = None
    found: int | None = None
    margin: float | None = None
    ulps: float | None = None


def compare(
    expected: Sequence[int], found: Sequence[int], dtype: torch.dtype, logits_at: Callable[[int], Tensor]
) -> TextComparison:
    """Class the first difference of two texts.

    Args:
        expected: The target's own text.
        found: The cascade's.
        dtype: Of the run.
        logits_at: Float32 logits of the target after that many tokens of its own text, shape (vocabulary,).
    """
    if list(expected) == list(found):
        return TextComparison("identical", len(expected))
    shorter = min(len(expected), len(found))
    position = next((i for i in range(shorter) if expected[i] != found[i]), shorter)
    if position == shorter:
        ends = [text[position] if position < len(text) else None for text in (expected, found)]
        return TextComparison("divergent", len(expected), position, *ends)
    logits = logits_at(position)
    greatest = float(logits.max())
    margin = greatest - float(logits[[expected[position], found[position]]].min())
    computed = torch.float32 if dtype == torch.int8 else dtype
    ulps = margin / unit_in_last_place(greatest, computed)
    near = margin < FLOAT32_MARGIN if computed == torch.float32 else ulps <= HALF_ULPS
    category: Class = "near-tie" if near else "divergent"
    return TextComparison(category, len(expected), position, expected[position], found[position], margin, ulps)


def unit_in_last_place(value: float, dtype: torch.dtype) -> float:
    """Distance of neighbouring numbers of a type at the size of a value."""
    exponent = math.floor(math.log2(abs(value))) if value else 0
    return float(2.0**exponent * torch.finfo(dtype).eps)


def comparisons(
    cascades: Mapping[str, Cascade],
    ensemble: Ensemble,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    dtype: torch.dtype,
    exact: Callable[[], Ensemble],
    first: int = 0,
) -> Iterator[tuple[Prompt, str, TextComparison]]:
    """Compare every cascade with its target on every prompt.

    Args:
        cascades: By name; over the ensemble's models, with one target.
        ensemble: The loaded models.
        prompts: What to continue.
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
        dtype: Of the run.
        exact: Loads the target with float32 arithmetic and the run's weights, or for int8 gives the run's own models;
            called at the first difference.
        first: How many texts, counted prompt by prompt, are compared already and passed over.
    """
    target = next(iter(cascades.values())).target
    alone = next(iter(cascades.values())).with_draft(())
    decoders = {
        name: CascadeDecoder(cascade, ensemble.only(cascade), ensemble.context) for name, cascade in cascades.items()
    }
    reference = CascadeDecoder(alone, ensemble.only(alone), ensemble.context)
    judge: list[Ensemble] = []
    encoded = encode_all(prompts, ensemble)
    with progress_bar("comparing", "text", total=len(prompts) * len(cascades), initial=first) as bar:
        for i, (prompt, ids) in enumerate(zip(prompts, encoded, strict=True)):
            left = list(decoders.items())[max(0, first - i * len(decoders)) :]
            if not left:
                continue
            expected = reference.generate(ids, max_new_tokens, ensemble.eos).tokens

            def logits_at(position: int, ids: list[int] = ids, expected: list[int] = expected) -> Tensor:
                if not judge:
                    judge.append(exact())
                return judge[0].neural(target).uncached_logits(ids, [*ids, *expected[:position]]).float()

            for name, decoder in left:
                found = decoder.generate(ids, max_new_tokens, ensemble.eos).tokens
                yield prompt, name, compare(expected, found, dtype, logits_at)
                bar.update()


def rounded_to(ensemble: Ensemble, target: str, dtype: torch.dtype) -> Ensemble:
    """The ensemble with its target's weights rounded to a type, its arithmetic as it was."""
    with torch.no_grad():
        for parameter in ensemble.neural(target).network.parameters():
            parameter.copy_(parameter.to(dtype).to(parameter.dtype))
    return ensemble


def shipped_cascades(target: str) -> dict[str, Cascade]:
    """Eight cascades of every shape, whose drafters need nothing but the target.

    Args:
        target: What to load as the target.
    """
    mag = Step("mag", tokens=8)
    inner = Step("small", rounds=2, draft=(Step("mag", tokens=4),))
    drafts = {
        "speculative": (Step("large", tokens=4),),
        "max-gram": (mag,),
        "vertical": (Step("large", rounds=2, draft=(Step("mag", tokens=6),)),),
        "horizontal": (Step("large", tokens=2), Step("small", tokens=2), Step("mag", tokens=4)),
        "nested": (Step("large", rounds=1, draft=(inner,)),),
        "full": (Step("large", until=4, draft=(inner, mag)), mag),
        "lenient-inside": (Step("large", rounds=2, lenience=3.0, draft=(Step("mag", tokens=6),)), mag),
        "long": (Step("mag", until=24, block=6),),
    }
    models = {
        "t": {"load": target},
        "large": {"load": "skip:24"},
        "small": {"load": "skip:16"},
        "mag": {"load": "maxgram"},
    }
    whole = Cascade.from_json({"target": "t", "models": models, "draft": []})
    return {name: whole.with_draft(draft) for name, draft in drafts.items()}
