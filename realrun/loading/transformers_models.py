"""Neural models and tokenizers from a name, a folder or a hub id; unfit ones are refused with the reason."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
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
from transformers.utils import cached_file, logging

from analysis.model import InputError, advise
from realrun.loading import checkpoint, embedded, hub
from realrun.loading.digests import sha256
from realrun.loading.fingerprint import derived_fingerprint, weights_fingerprint
from realrun.loading.formats import dtype_as_loaded, dtype_as_run
from realrun.loading.gguf_file import GgufFile
from realrun.loading.options import DISTILLED, Source
from realrun.loading.trial import demand_independence, demand_rollback, first_line
from realrun.network.attention import group_heads
from realrun.network.cached_model import CachedModel
from realrun.network.embedding import embedding_rows
from realrun.network.encoder_decoder import CachedEncoderDecoder, start_token
from realrun.network.int8_linear import token_levels
from realrun.network.int8_model import Int8Model, why_not_int8
from realrun.network.int8_smoothing import BEHIND_GATES, BEHIND_NORMS, Smoothing
from realrun.network.limits import limits_of, switches
from realrun.runs.prompts import shipped_prompts

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.int8,
}
"""By name. Models are loaded in a floating-point type; a run in int8 quantises them then."""

_ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}


def load_network(source: Source, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """Load a model that can be rolled back; safetensors or GGUF only, and never its own code.

    Args:
        source: What to load.
        dtype: Of the weights, where the source does not say; float32 is loaded for int8.
        device: Where they go.

    Raises:
        InputError: where it cannot be loaded or is unfit, naming it and the reason.
    """
    source.flag("packed", True)
    place, options = _place(source)
    dtype = DTYPES[dtype_as_loaded(source, name_of(dtype))]
    with _refusals(source, "cannot be loaded"):
        file = _checked(source, place, options)
        config = AutoConfig.from_pretrained(place, trust_remote_code=False, **options)
        if file is not None:
            file.settle(config)
        _demand_attention(source, config)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        if file is None and isinstance(place, Path):
            with torch.device("meta"):
                checkpoint.demand_held(source, place, kind.from_config(config))  # type: ignore[no-untyped-call]
        network: PreTrainedModel
        network, found = kind.from_pretrained(  # type: ignore[misc]
            place,
            config=config,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **options,
        )
        checkpoint.demand_weights(source, found, _advice(source) if source.name == embedded.NAME else "")
        if file is not None:
            file.complete(network)
        if config.is_encoder_decoder and start_token(network) is None:
            raise source.reject("is an encoder-decoder model without a decoder_start_token_id")
        if getattr(network, "_is_stateful", False):
            raise source.reject("keeps a state that cannot be rolled back, expected attention with a key-value cache")
        network.to(device).eval()  # type: ignore[arg-type]
    group_heads(network)
    demand_rollback(source, cached(network))
    _tell_switch(source, network)
    return network


def load_shapes(source: Source) -> PreTrainedModel:
    """A model with the shapes of its weights and without their values, on torch's device ``meta``.

    Args:
        source: What it is of.

    Raises:
        InputError: where its configuration cannot be read.
    """
    place, options = _place(source)
    with _refusals(source, "cannot be read"), torch.device("meta"):
        config = AutoConfig.from_pretrained(place, trust_remote_code=False, **options)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        network: PreTrainedModel = kind.from_config(config)  # type: ignore[no-untyped-call]
        network.tie_weights()
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
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(place, trust_remote_code=False, **options)
        return tokenizer


def fingerprint_of(source: Source) -> str:
    """Fingerprint of a model's files, its tokenizer's among them."""
    place, options = _place(source)
    return weights_fingerprint(place, options.get("gguf_file"), options.get("revision"))


def fingerprint_as_run(fingerprint: str, in_int8: bool) -> str:
    """Fingerprint of a model as it is run: in 8-bit integers it is another one, by levels and smoothing too."""
    if not in_int8:
        return fingerprint
    smoothing = [BEHIND_NORMS, BEHIND_GATES, sha256(shipped_prompts())]  # what `Smoothing.of` makes its factors of
    return derived_fingerprint(fingerprint, weights="int8", levels=token_levels(), smoothing=smoothing)


def gguf_path(source: Source) -> Path | None:
    """The GGUF file that a model comes from, for programs that read it as it is; None where it comes from another."""
    if source.name == embedded.NAME:
        return embedded.embedded_gguf()
    return _gguf_file(*_place(source))


def cached(network: PreTrainedModel, output_ids: torch.Tensor | None = None) -> CachedModel:
    """The cached model for a network of either kind."""
    wrap = CachedEncoderDecoder if network.config.is_encoder_decoder else CachedModel
    return wrap(network, output_ids, limits_of(network))


def wants_int8(source: Source, dtype: torch.dtype) -> bool:
    """Whether a model is to be run in 8-bit integers.

    Args:
        source: What to load.
        dtype: Of the run.
    """
    return dtype_as_run(source, name_of(dtype)) == "int8"


def name_of(dtype: torch.dtype) -> str:
    """A type's name among `DTYPES`."""
    return str(dtype).removeprefix("torch.")


def dtype_of(model: CachedModel) -> str:
    """Name of the number format that a loaded model runs in."""
    return "int8" if isinstance(model, Int8Model) else name_of(model.network.dtype)


def quantised(
    source: Source,
    network: PreTrainedModel,
    texts: Sequence[Sequence[int]],
    output_ids: torch.Tensor | None = None,
) -> Int8Model:
    """The model in 8-bit integers.

    Args:
        source: What it was loaded from.
        network: The model.
        texts: Token ids to find its outliers along; those that it cannot read are left out.
        output_ids: As for `CachedModel`.

    Raises:
        InputError: where its architecture, its device or this machine does not allow it.
    """
    problem = why_not_int8(network)
    if problem is not None:
        raise source.reject(f'{problem} (or the option "weights": "float" in its `load`)')
    readable = [text for text in texts if max(text) < embedding_rows(network)]
    smoothing = Smoothing.of(network, readable) if readable else None
    model = Int8Model(network, output_ids, limits_of(network), smoothing)
    demand_independence(source, model)
    return model


def context_of(network: PreTrainedModel) -> int:
    """Greatest number of tokens that a model can hold, whatever the prompt; unlimited with relative positions."""
    return limits_of(network).context


def eos_of(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids that end a model's text."""
    listed = network.generation_config.eos_token_id if network.generation_config else None
    ids = listed if isinstance(listed, list) else [listed]
    odd = next((i for i in ids if i is not None and type(i) is not int), None)
    if odd is not None:
        raise InputError(
            "eos_token_id", f"got {listed!r} in the model's settings, expected a token id or a list of them"
        )
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if i is not None)


def tell_unreadable(source: Source, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Warn of pieces of a tokenizer that its model has no embedding for: a target refuses a prompt that holds one.

    Tokens added to a vocabulary are not told: transformers adds some of its own, and prompts hardly hold them.
    """
    rows = embedding_rows(network)
    added = tokenizer.added_tokens_decoder
    beyond = [piece for piece, i in tokenizer.get_vocab().items() if i >= rows and i not in added]
    if beyond:
        advise(
            f"{source.field}: {source.name!r} has an embedding of {rows} rows, too few for {len(beyond)} pieces of its "
            f"tokenizer ({checkpoint.listing(sorted(beyond), 3)})"
        )


def _place(source: Source) -> tuple[str | Path, hub.FileOptions]:
    """Where `from_pretrained` finds the model, and which of its files or versions."""
    common = ("dtype", "head", "packed", "weights")
    if source.name == embedded.NAME:
        source.only(*common)
        return embedded.embedded_model(), {}
    folder = Path(source.name).expanduser()
    if folder.is_file() and folder.suffix == ".gguf":
        source.only(*common)
        return folder.parent, {"gguf_file": folder.name}
    if folder.is_file() or folder.suffix == ".gguf":
        problem = "is a file of another kind" if folder.is_file() else "is no file"
        raise source.reject(f"{problem}, expected a folder with a model, a .gguf file, or a hub id")
    source.only(*common, "gguf", *(() if folder.is_dir() else ("revision",)))
    gguf, revision = source.text("gguf"), source.text("revision")
    if gguf is not None and (Path(gguf).is_absolute() or ".." in Path(gguf).parts):
        raise InputError(f"{source.field}.gguf", f"got {gguf!r}, expected a file inside the folder or repository")
    options: hub.FileOptions = {} if gguf is None else {"gguf_file": gguf}
    if folder.is_dir():
        return folder, options
    options |= hub.download_options()
    return source.name, options if revision is None else options | {"revision": revision}


def _checked(source: Source, place: str | Path, options: hub.FileOptions) -> GgufFile | None:
    """Refuse by its files what must not be read or made; the GGUF file, where it is one."""
    file = _gguf_file(place, options)
    if file is not None:
        return GgufFile.read(source, file)
    if isinstance(place, Path):
        checkpoint.demand_model(source, place)
    checkpoint.demand_sizes(source, place, options)
    checkpoint.demand_safetensors(source, place, options)
    return None


def _gguf_file(place: str | Path, options: hub.FileOptions) -> Path | None:
    if "gguf_file" not in options:
        return None
    at = {key: value for key, value in options.items() if key != "gguf_file"}
    file = cached_file(place, options["gguf_file"], **at)
    assert file is not None  # it raises where there is none
    return Path(file)


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
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":  # of a library in Rust
            raise
        raise source.reject(f"{problem}: {first_line(error)}{_advice(source)}") from None
    finally:
        logging.set_verbosity(verbosity)


def _advice(source: Source) -> str:
    if source.name == embedded.NAME:
        return f" (delete the folder {embedded.embedded_model()} to have it fetched anew)"
    if Path(source.name).expanduser().exists():
        return ""
    known = ", ".join((embedded.NAME, *DISTILLED))
    return f" (expected {known}, maxgram, skip:N, a folder with a model, or a hub id within reach or cached)"


def _demand_attention(source: Source, config: PreTrainedConfig) -> None:
    """Refuse by its configuration, before the weights are loaded, a model that could not be rolled back."""
    text = config.get_text_config(decoder=True)
    other = set(getattr(text, "layer_types", None) or ()) - _ATTENTION
    if other:
        raise source.reject(f"has layers that cannot be rolled back ({', '.join(sorted(other))})")


def _tell_switch(source: Source, network: PreTrainedModel) -> None:
    """Warn of rotary positions that change in the middle of a text, before which our texts end."""
    limits = limits_of(network)
    if limits.switch is not None and not limits.renews:
        kinds = ", ".join(sorted({kind for kind, _ in switches(network)}))
        advise(
            f"{source.field}: {source.name!r} has {kinds} positions, which change beyond {limits.switch} tokens: the "
            f"text after a prompt of up to {limits.switch} ends there, after a longer prompt at {limits.text}"
        )
