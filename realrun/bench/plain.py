"""The models as transformers itself would run them: what its own decoding, and FlashSpec, are fairly timed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from analysis.model import Cascade
from realrun.loading.drafters import folder_of
from realrun.loading.ensemble import MAXGRAM, Ensemble
from realrun.loading.formats import dtype_as_loaded, dtype_as_run
from realrun.loading.options import Source
from realrun.network.attention import NAME as GROUPED
from realrun.network.cached_model import CachedModel

STANDARD_ATTENTION = "sdpa"
"""transformers' own default where a model has it, for which ours stands in."""


def plain_cascade(cascade: Cascade) -> Cascade:
    """The same models without what our engine alone can use: packed or int8 weights, and output layers cut short.

    A distilled drafter has no further columns, so its logits are spread over the whole vocabulary.
    """
    models = {
        name: replace(model, load=_plain(model.load)) if model.load is not None else model
        for name, model in cascade.models.items()
    }
    return replace(cascade, models=models)


def plain_dtype(cascade: Cascade, dtype: str) -> str:
    """Name of the number format of these models: bfloat16, on which transformers is fastest, beside a target in int8.

    Args:
        cascade: With a `load` of its target.
        dtype: Name of the run's.
    """
    source = Source.of(cascade, cascade.target)
    return "bfloat16" if dtype_as_run(source, dtype) == "int8" else dtype_as_loaded(source, dtype)


def _plain(load: str | Mapping[str, object]) -> str | Mapping[str, object]:
    name, options = (load, {}) if isinstance(load, str) else (str(load["name"]), dict(load))
    if name == MAXGRAM:
        return load
    for ours in ("head", "weights"):
        options.pop(ours, None)
    if folder_of(Source(name, {}, "")) is not None:
        return {"name": name, "spread": True}
    if not name.startswith("skip:"):  # which has the layers of the target as they are
        options["packed"] = False
    return options | {"name": name}


def restore_attention(ensemble: Ensemble) -> None:
    """Let all models attend by transformers' own kernel instead of ours."""
    for model in ensemble.models.values():
        if isinstance(model, CachedModel) and model.network.config._attn_implementation == GROUPED:
            model.network.set_attn_implementation(STANDARD_ATTENTION)
