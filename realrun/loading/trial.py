"""A short trial of a loaded model: finite logits, causal attention, and a cache that can be cut back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from analysis.model import InputError
from realrun.loading import checkpoint
from realrun.loading.options import Source
from realrun.network.cached_model import CachedModel, check_cache

_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.05}
"""Greatest difference of logits with and without the cache, as a share of the greatest, by the type of the weights.

It tells a model that ignores its cache or keeps more than that from rounding.
"""
_SAME = 1e-5
"""The same for logits in float32 that the same arithmetic gives."""
_PROBE = 6


def demand_rollback(source: Source, model: CachedModel) -> None:
    """Refuse a model that a short trial shows not to be what its cache says, whatever its architecture."""
    network = model.network
    text = [i % model.vocabulary for i in range(2, 2 + _PROBE)]
    try:
        _demand_finite(source, model, text)
        if not network.config.is_encoder_decoder and looks_ahead(network, text):
            raise AssertionError("its attention is not causal")
        model.prefill(text[:2])
        model.logits(text, 1)
        model.rollback(3)
        if not model.cached_tokens()[1]:
            raise AssertionError("it keeps no key-value cache")
        check_cache(model, text[:2], [*text[:3], text[-1]], _TOLERANCE[network.dtype])
    except AssertionError as error:
        raise source.reject(f"cannot be rolled back: {error}") from None
    except InputError:
        raise
    except (TypeError, ValueError, AttributeError, IndexError, NotImplementedError, RuntimeError) as error:
        raise source.reject(f"cannot be run with a key-value cache: {first_line(error)}") from None


def demand_independence(source: Source, model: CachedModel) -> None:
    """Refuse a model whose logits for a token depend on how many tokens a call has, by as little as a bit.

    What is compiled when it is first used is compiled then.
    """
    text = [i % model.vocabulary for i in range(2, 2 + _PROBE)]
    model.prefill(text[:2])
    alone = torch.cat([model.logits(text[:end], 1) for end in range(3, len(text) + 1)])
    together = model.logits(text, len(alone))
    if not bool(torch.isfinite(alone).all()):
        raise source.reject("gives logits that are not finite in int8, expected another dtype")
    if not torch.equal(alone, together):
        raise source.reject("gives other logits for several tokens than one by one in int8, expected another dtype")


def _demand_finite(source: Source, model: CachedModel, text: Sequence[int]) -> None:
    """Refuse a model whose logits are no numbers, and say whether its weights or its type are to blame."""
    logits = model.uncached_logits(text[:2], text)
    if not bool((logits.isnan() | (logits == torch.inf)).any()):
        return
    names = checkpoint.not_finite(model.network)
    if names:
        raise source.reject(f"has weights that are NaN or infinite: {checkpoint.listing(names, 1)}")
    dtype = str(model.network.dtype).removeprefix("torch.")
    raise source.reject(f"gives logits that are not finite in {dtype}, expected another dtype")


@torch.inference_mode()
def looks_ahead(network: PreTrainedModel, text: Sequence[int]) -> bool:
    """Whether logits depend on a later token: in a causal model two calls of one shape differ there by nothing.

    A difference in half precision may come from experts, which see other batches.
    """
    texts = (list(text), [*text[:-1], text[0]])
    first, second = (
        network(input_ids=torch.tensor([ids], device=network.device), use_cache=False).logits[0, :-1] for ids in texts
    )
    tolerance = _SAME if network.dtype == torch.float32 else _TOLERANCE[network.dtype]
    return float((first - second).abs().max()) > tolerance * float(first.abs().max())


def first_line(error: Exception | BaseException) -> str:
    """The first line of what an error says, with the next where it leads to that, or its kind."""
    if isinstance(error, KeyError):
        return f"unknown or missing key {error}"
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1])
