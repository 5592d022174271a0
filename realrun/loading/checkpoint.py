"""Checks of a checkpoint's files: adapters, formats that run code, absurd sizes, weights missing and weights unused."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import cached_file, is_peft_available

from analysis.model import advise
from realrun.loading.options import Source

_CONFIG, _ADAPTER, _INDEX = "config.json", "adapter_config.json", "model.safetensors.index.json"
MOST_LAYERS = 1_000
_DENSEST = 16
"""Weights in a byte of a file, far more than any format has."""
_NAMED = 3
"""Weights named in a line; of the others it gives the number."""
_ELSEWHERE = re.compile(r"(^|\.)(vision|visual|audio|multi_modal|mtp|rotary_emb\.inv_freq)")
"""Weights that a text model rightly leaves out: other parts of a model for pictures and sound, layers that predict
several tokens at once, and rotary frequencies, which are computed."""
_SIZES = {
    re.compile(r"num_.*layers|n_layers?|(en|de)coder_layers|.*_layers_num"): MOST_LAYERS,
    re.compile(r"num_.*experts.*|n_.*experts"): 100_000,
    re.compile(r"num_.*heads|n_heads?|(en|de)coder_attention_heads|num_key_value_heads"): 100_000,
    re.compile(r"hidden_size|n_embd|d_model|d_ff|n_inner|.*intermediate_size|.*ffn_dim|head_dim"): 10_000_000,
    re.compile(r"vocab_size.*"): 100_000_000,
    re.compile(r"max_.*positions?(_embeddings)?|n_positions|n_ctx|max_seq_len"): 1_000_000_000,
}
"""Greatest sizes of a configuration: far above every model there is, and small enough to be refused by the weights."""


def demand_model(source: Source, folder: Path) -> None:
    """Refuse a folder that holds no whole model and say what is there; warn of an adapter beside a model."""
    whole, adapter = (folder / _CONFIG).is_file(), (folder / _ADAPTER).is_file()
    if adapter and not whole:
        raise source.reject(
            f"is an adapter{_base(folder)}, expected a whole model: merge it (`PeftModel.merge_and_unload`, then "
            "`save_pretrained`) and name the folder of the result"
        )
    if adapter and is_peft_available():
        raise source.reject(f"has {_ADAPTER} beside its model, expected the adapter merged, or that file moved away")
    if adapter:
        advise(f"{source.field}: {source.name!r} has {_ADAPTER} beside its model; the adapter is not applied")
    if not whole and (files := sorted(folder.glob("*.gguf"))):
        raise source.reject(f"has no {_CONFIG} but {files[0].name}, expected the option `gguf` to name that file")


def demand_safetensors(source: Source, place: str | Path, options: Mapping[str, object]) -> None:
    """Refuse an index of weights in another format than safetensors, which could run code, or in another folder."""
    index = cached_file(place, _INDEX, _raise_exceptions_for_missing_entries=False, **_where(options))
    if index is None:
        return
    listed = json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"].values()
    for name in sorted(set(map(str, listed))):
        if not name.endswith(".safetensors") or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise source.reject(f"has an index that names {name!r}, expected safetensors files beside it")


def demand_sizes(source: Source, place: str | Path, options: Mapping[str, object]) -> None:
    """Refuse a configuration of a size that no model has, before anything of that size is made."""
    settings, _ = PreTrainedConfig.get_config_dict(place, **options)
    for name, value in _numbers(settings):
        for pattern, most in _SIZES.items():
            least = -1 if "position" in name else 0  # -1: none, in some configurations
            if pattern.fullmatch(name) and not least <= value <= most:
                raise source.reject(f"has {name} {value} in its configuration, expected 0 to {most}")


def demand_held(source: Source, folder: Path, model: PreTrainedModel) -> None:
    """Refuse a configuration of far more weights than the files can hold, before any of them is made.

    Args:
        source: What is loaded.
        folder: Where its safetensors lie.
        model: Made of the configuration on the device "meta", without weights.
    """
    held = _DENSEST * sum(path.stat().st_size for path in folder.glob("**/*.safetensors"))
    described = sum(weight.numel() for weight in model.parameters())
    if held and described > held:
        raise source.reject(
            f"has a configuration of {described} weights, expected at most the {held} that its files could hold"
        )


def demand_weights(source: Source, found: Mapping[str, Collection[object]], advice: str) -> None:
    """Refuse a checkpoint that does not determine the model: what it lacks would be drawn at random."""
    for key in ("missing_keys", "mismatched_keys"):
        names = sorted(str(entry[0] if isinstance(entry, tuple) else entry) for entry in found[key])
        if names:
            what = "lacks weights" if key == "missing_keys" else "has weights of another shape than its configuration's"
            raise source.reject(f"{what}: {listing(names, 1)}{advice}")
    tell_unused(source, [str(name) for name in found["unexpected_keys"]])


def tell_unused(source: Source, names: Collection[str]) -> None:
    """Warn of weights in the files that the model does not use, but for those of other parts than its text's."""
    unused = sorted(name for name in names if not _ELSEWHERE.search(name))
    if unused:
        count = "a weight" if len(unused) == 1 else f"{len(unused)} weights"
        advise(f"{source.field}: {source.name!r} has {count} that the model does not use: {listing(unused, _NAMED)}")


def not_finite(network: PreTrainedModel) -> list[str]:
    """Names of weights that hold a NaN or an infinity."""
    return [name for name, weight in network.named_parameters() if not bool(torch.isfinite(weight).all())]


def listing(names: Collection[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _base(folder: Path) -> str:
    try:
        base = json.loads((folder / _ADAPTER).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError):  # a damaged file is no reason to say less
        return ""
    return f" of {base!r}" if base else ""


def _numbers(settings: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    """Whole numbers of a configuration and of those inside it, by key."""
    for key, value in settings.items():
        if type(value) is int:
            yield key, value
        elif isinstance(value, dict):
            yield from _numbers(value)


def _where(options: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in options.items() if key in ("revision", "local_files_only")}
