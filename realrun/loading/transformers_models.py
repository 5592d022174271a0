"""Neural models and tokenizers from a name, a folder or a hub id; unfit ones are refused with the reason."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from analysis.model import InputError
from realrun.loading import embedded, hub
from realrun.loading.fingerprint import weights_fingerprint
from realrun.loading.options import DISTILLED, Source
from realrun.network.attention import group_heads
from realrun.network.cached_model import CachedModel, check_cache
from realrun.network.encoder_decoder import CachedEncoderDecoder

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}
_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.05}
"""Greatest difference of logits with and without the cache, as a share of the greatest, by the type of the weights.

It tells a model that ignores its cache or keeps more than that from rounding.
"""
_SAME = 1e-5
"""The same for logits in float32 that the same arithmetic gives."""
_PROBE = 6


def load_network(source: Source, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """Load a model that can be rolled back; safetensors or GGUF only, and never its own code.

    Args:
        source: What to load.
        dtype: Of the weights, where the source does not say.
        device: Where they go.

    Raises:
        InputError: where it cannot be loaded or is unfit, naming it and the reason.
    """
    source.flag("packed", True)
    place, options = _place(source)
    if "dtype" in source.options:
        dtype = DTYPES[source.choice("dtype", tuple(DTYPES), "float32")]
    with _refusals(source, "cannot be loaded"):
        config = AutoConfig.from_pretrained(place, trust_remote_code=False, **options)
        _demand_attention(source, config)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        network, found = kind.from_pretrained(
            place,
            config=config,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **options,
        )
        _demand_weights(source, found)
        if getattr(network, "_is_stateful", False):
            raise source.reject("keeps a state that cannot be rolled back, expected attention with a key-value cache")
        network = network.to(device).eval()
    group_heads(network)
    _demand_rollback(source, network)
    return network


def load_tokenizer(source: Source) -> PreTrainedTokenizerBase:
    """Load the tokenizer that comes with a model.

    Raises:
        InputError: where there is none that can be loaded.
    """
    place, options = _place(source)
    if isinstance(place, Path) and (place / "tokenizer.json").is_file():
        options.pop("gguf_file", None)  # what the model was trained with rather than what was made of it
    with _refusals(source, "has no tokenizer that can be loaded"):
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False, **options)


def fingerprint_of(source: Source) -> str:
    """Fingerprint of a model's files, its tokenizer's among them."""
    place, _ = _place(source)
    return weights_fingerprint(place, source.text("gguf"), source.text("revision"))


def cached(network: PreTrainedModel, output_ids: torch.Tensor | None = None) -> CachedModel:
    """The cached model for a network of either kind."""
    wrap = CachedEncoderDecoder if network.config.is_encoder_decoder else CachedModel
    return wrap(network, output_ids, context_of(network))


def context_of(network: PreTrainedModel) -> int:
    """Greatest number of tokens that a model was made for; unlimited with relative positions."""
    config = network.config.get_text_config(decoder=True)
    return int(getattr(config, "max_position_embeddings", None) or sys.maxsize)


def eos_of(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids that end a model's text."""
    listed = network.generation_config.eos_token_id if network.generation_config else None
    ids = listed if isinstance(listed, list) else [listed]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if i is not None)


def demand_embedding(source: Source, network: PreTrainedModel, vocabulary: Mapping[str, int]) -> None:
    """Refuse a model that cannot read every token of its tokenizer; more rows than that do no harm."""
    rows = network.get_input_embeddings().num_embeddings
    if rows <= max(vocabulary.values()):
        raise source.reject(
            f"has an embedding of {rows} rows, expected at least {max(vocabulary.values()) + 1} for its tokenizer"
        )


def _place(source: Source) -> tuple[str | Path, dict[str, object]]:
    """Where `from_pretrained` finds the model, and which of its files or versions."""
    common = ("dtype", "head", "packed")
    if source.name == embedded.NAME:
        source.only(*common)
        return embedded.embedded_model(), {}
    folder = Path(source.name).expanduser()
    source.only(*common, "gguf", *(() if folder.is_dir() else ("revision",)))
    gguf, revision = source.text("gguf"), source.text("revision")
    if gguf is not None and (Path(gguf).is_absolute() or ".." in Path(gguf).parts):
        raise InputError(f"{source.field}.gguf", f"got {gguf!r}, expected a file inside the folder or repository")
    options: dict[str, object] = {} if gguf is None else {"gguf_file": gguf}
    if folder.is_dir():
        return folder, options
    options |= hub.download_options()
    return source.name, options if revision is None else options | {"revision": revision}


@contextlib.contextmanager
def _refusals(source: Source, problem: str) -> Iterator[None]:
    """Turn whatever goes wrong with files from elsewhere into one line with the model's name; keep transformers quiet.

    The libraries raise anything: safetensors errors of its own, tokenizers bare exceptions.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise source.reject(f"{problem}: {_first_line(error)}{_advice(source)}") from None
    finally:
        logging.set_verbosity(verbosity)


def _demand_weights(source: Source, found: Mapping[str, Collection[object]]) -> None:
    """Refuse a checkpoint that does not determine the model: what it lacks would be drawn at random."""
    for key in ("missing_keys", "mismatched_keys"):
        names = sorted(str(entry[0] if isinstance(entry, tuple) else entry) for entry in found[key])
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            what = "lacks weights" if key == "missing_keys" else "has weights of another shape than its configuration's"
            raise source.reject(f"{what}: {names[0]}{more}{_advice(source) if source.name == embedded.NAME else ''}")


def _advice(source: Source) -> str:
    if source.name == embedded.NAME:
        return f" (delete the folder {embedded.embedded_model()} to have it fetched anew)"
    if Path(source.name).expanduser().is_dir():
        return ""
    known = ", ".join((embedded.NAME, *DISTILLED))
    return f" (expected {known}, maxgram, skip:N, a folder with a model, or a hub id within reach or cached)"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _demand_attention(source: Source, config: PreTrainedConfig) -> None:
    """Refuse by its configuration, before the weights are loaded, a model that could not be rolled back."""
    text = config.get_text_config(decoder=True)
    other = set(getattr(text, "layer_types", None) or ()) - _ATTENTION
    if other:
        raise source.reject(f"has layers that cannot be rolled back ({', '.join(sorted(other))})")
    if config.is_encoder_decoder and getattr(config, "decoder_start_token_id", None) is None:
        raise source.reject("is an encoder-decoder model without a decoder_start_token_id")


def _demand_rollback(source: Source, network: PreTrainedModel) -> None:
    """Refuse a model that a short trial shows not to be what its cache says, whatever its architecture."""
    model = cached(network)
    text = [i % model.vocabulary for i in range(2, 2 + _PROBE)]
    try:
        if not network.config.is_encoder_decoder and _looks_ahead(network, text):
            raise AssertionError("its attention is not causal")
        model.prefill(text[:2])
        model.logits(text, 1)
        model.rollback(3)
        if not model.cached_tokens()[1]:
            raise AssertionError("it keeps no key-value cache")
        check_cache(model, text[:2], [*text[:3], text[-1]], _TOLERANCE[network.dtype])
    except AssertionError as error:
        raise source.reject(f"cannot be rolled back: {error}") from None
    except (TypeError, ValueError, AttributeError, IndexError, NotImplementedError, RuntimeError) as error:
        raise source.reject(f"cannot be run with a key-value cache: {_first_line(error)}") from None


@torch.inference_mode()
def _looks_ahead(network: PreTrainedModel, text: Sequence[int]) -> bool:
    """Whether logits depend on a later token: in a causal model two calls of one shape differ there by nothing.

    A difference in half precision may come from experts, which see other batches.
    """
    texts = (list(text), [*text[:-1], text[0]])
    first, second = (
        network(input_ids=torch.tensor([ids], device=network.device), use_cache=False).logits[0, :-1] for ids in texts
    )
    tolerance = _SAME if network.dtype == torch.float32 else _TOLERANCE[network.dtype]
    return float((first - second).abs().max()) > tolerance * float(first.abs().max())
