"""From the `load` of a specification to models that can draft and review."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from analysis.model import Cascade, InputError, walk
from realrun import embedded
from realrun.bigram import Bigram, shipped_bigram, tokenizer_fingerprint
from realrun.cached_model import CachedModel
from realrun.cascade import Drafter
from realrun.maxgram import MaxGram
from realrun.skip import skip_layers

MAXGRAM = "maxgram"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}
_SKIP = re.compile(r"skip:(\d+)")


@dataclass(frozen=True)
class Ensemble:
    """The models of one cascade, ready to run.

    Attributes:
        models: Every model that the draft uses, and the target, by name.
        tokenizer: The target's.
        context: Greatest number of tokens that every model can hold.
        eos: Ids that end the target's text.
    """

    models: dict[str, Drafter]
    tokenizer: PreTrainedTokenizerBase
    context: int
    eos: frozenset[int]

    def only(self, cascade: Cascade) -> dict[str, Drafter]:
        """The models that a cascade uses, of those loaded."""
        used = {cascade.target, *(step.by for _, _, step in walk(cascade.draft, cascade.target))}
        return {name: model for name, model in self.models.items() if name in used}


@dataclass(frozen=True)
class _Source:
    """A `load` taken apart: its name and its options, and the field it stands in."""

    name: str
    options: Mapping[str, object]
    field: str

    def only(self, *allowed: str) -> None:
        for key in self.options:
            if key not in allowed:
                expected = ", ".join(("name", *allowed))
                raise InputError(f"{self.field}.{key}", f"unknown option of {self.name}, expected one of {expected}")

    def reject(self, problem: str) -> InputError:
        return InputError(self.field, f"{self.name!r} {problem}")


def load_ensemble(cascade: Cascade, dtype: torch.dtype, target: str | None = None) -> Ensemble:
    """Load the target and every model that the draft uses.

    Args:
        cascade: The specification; each of these models needs a `load`.
        dtype: Of the weights of all neural models.
        target: What to load as the target instead of the specification's `load`.

    Raises:
        InputError: where a model is unknown or unfit, naming it and the reason.
    """
    logging.disable_progress_bar()
    source = _Source(target, {}, "--target") if target else _source(cascade, cascade.target)
    if source.name == MAXGRAM or _SKIP.fullmatch(source.name):
        raise source.reject("cannot be the target, expected a neural model")
    network = _load_network(source, dtype)
    tokenizer = _load_tokenizer(source)
    vocabulary = tokenizer.get_vocab()
    models: dict[str, Drafter] = {cascade.target: CachedModel(network)}
    contexts = [_context(network)]
    for path, _, step in walk(cascade.draft, cascade.target):
        drafter = _source(cascade, step.by)
        if drafter.name == MAXGRAM and not step.is_leaf:
            raise InputError(f"{path}.by", f"{step.by!r} is Max-Gram, which cannot review an inner draft")
        if step.by in models:
            continue
        if drafter.name == MAXGRAM:
            models[step.by] = _max_gram(drafter, vocabulary)
            continue
        if _SKIP.fullmatch(drafter.name):
            smaller = _skipping(drafter, network)
        else:
            smaller = _load_network(drafter, dtype)
            if _load_tokenizer(drafter).get_vocab() != vocabulary:
                raise drafter.reject("has a vocabulary different from the target's, expected the same tokenizer")
        models[step.by] = CachedModel(smaller)
        contexts.append(_context(smaller))
    return Ensemble(models, tokenizer, min(contexts), _eos(network, tokenizer))


def load_tokenizer(target: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a target named as in `load`."""
    return _load_tokenizer(_Source(target, {}, "--target"))


def _source(cascade: Cascade, model: str) -> _Source:
    field = f"models.{model}.load"
    load = cascade.models[model].load
    if load is None:
        raise InputError(field, "missing, a real run needs it")
    if isinstance(load, str):
        return _Source(load, {}, field)
    name = load.get("name")
    if not isinstance(name, str) or not name:
        raise InputError(f"{field}.name", "missing, expected what to load: a known name, a folder or a hub id")
    return _Source(name, {key: value for key, value in load.items() if key != "name"}, field)


def _load_network(source: _Source, dtype: torch.dtype) -> PreTrainedModel:
    """Load a decoder-only model that can be rolled back; safetensors only, and never its own code."""
    source.only("revision")
    place, options = _place(source)
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False, **options)
        _demand_rollback(source, config)
        model = AutoModelForCausalLM.from_pretrained(
            place, config=config, dtype=dtype, trust_remote_code=False, use_safetensors=True, **options
        )
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise source.reject(f"cannot be loaded: {_first_line(error)}{_advice(source)}") from None
    if getattr(model, "_is_stateful", False):
        raise source.reject("keeps a state that cannot be rolled back, expected attention with a key-value cache")
    return model.eval()


def _load_tokenizer(source: _Source) -> PreTrainedTokenizerBase:
    place, options = _place(source)
    try:
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False, **options)
    except (OSError, ValueError) as error:
        raise source.reject(f"has no tokenizer that can be loaded: {_first_line(error)}") from None


def _place(source: _Source) -> tuple[str | Path, dict[str, object]]:
    """Where `from_pretrained` finds the model."""
    if source.name == embedded.NAME:
        return embedded.embedded_model(), {}
    folder = Path(source.name).expanduser()
    if folder.is_dir():
        return folder, {}
    return source.name, dict(source.options)


def _advice(source: _Source) -> str:
    if Path(source.name).expanduser().is_dir():
        return ""
    return f" (expected {embedded.NAME}, {MAXGRAM}, skip:N, a folder with a model, or a hub id within reach or cached)"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _demand_rollback(source: _Source, config) -> None:
    if config.is_encoder_decoder:
        raise source.reject("is an encoder-decoder model, expected a decoder-only one")
    other = set(getattr(config, "layer_types", None) or ()) - _ATTENTION
    if other:
        raise source.reject(f"has layers that cannot be rolled back ({', '.join(sorted(other))})")


def _context(network: PreTrainedModel) -> int:
    return int(getattr(network.config, "max_position_embeddings", None) or sys.maxsize)


def _eos(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    listed = network.generation_config.eos_token_id if network.generation_config else None
    ids = listed if isinstance(listed, list) else [listed]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if i is not None)


def _max_gram(source: _Source, vocabulary: Mapping[str, int]) -> MaxGram:
    source.only("match", "bigram")
    match = source.options.get("match", "recent")
    if match not in ("recent", "leftmost"):
        raise InputError(f"{source.field}.match", f"got {match!r}, expected recent or leftmost")
    fingerprint = tokenizer_fingerprint(vocabulary)
    if "bigram" not in source.options:
        return MaxGram(shipped_bigram(fingerprint), match)
    file = source.options["bigram"]
    if file is None:
        return MaxGram(None, match)
    if not isinstance(file, str):
        raise InputError(f"{source.field}.bigram", f"got {file!r}, expected a file name or null")
    table = Bigram.load(Path(file))
    if table.tokenizer != fingerprint:
        raise InputError(f"{source.field}.bigram", f"{file!r} was learnt with another tokenizer than the target's")
    return MaxGram(table, match)


def _skipping(source: _Source, target: PreTrainedModel) -> PreTrainedModel:
    source.only("layers")
    match = _SKIP.fullmatch(source.name)
    assert match
    kept = int(match[1])
    total = target.config.num_hidden_layers
    if not 1 <= kept < total:
        raise source.reject(f"keeps {kept} layers, expected a whole number in 1..{total - 1}")
    layers = source.options.get("layers")
    if layers is None:
        return skip_layers(target, kept)
    good = isinstance(layers, list) and all(type(i) is int and 0 <= i < total for i in layers)
    if not good or len(set(layers)) != kept:
        raise InputError(
            f"{source.field}.layers", f"got {layers!r}, expected {kept} different layers in 0..{total - 1}"
        )
    return skip_layers(target, kept, layers)
