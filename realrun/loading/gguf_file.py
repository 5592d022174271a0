"""GGUF files: what transformers' reader leaves out of the configuration is applied, or the file is refused.

The reader takes some keys of a file over and drops the others without a word, among them the scaling of rotary
positions. A model would then be another one than the file's, and say other things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from realrun.loading.checkpoint import MOST_LAYERS, tell_unused
from realrun.loading.options import Source

_CLOSE = 1e-4
_GATES = {0: "softmax", 1: "softmax", 2: "sigmoid"}  # 0: not said
_EPSILONS = ("rms_norm_eps", "norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon")
_FREQUENCIES = "rope_freqs.weight"
_FACTORS = ("rope_factors_long.weight", "rope_factors_short.weight")

_EQUAL: Mapping[str, tuple[tuple[str, ...], object]] = {
    "attention.sliding_window": (("sliding_window",), 0),
    "attention.shared_kv_layers": (("num_kv_shared_layers",), 0),
    "attention.layer_norm_epsilon": (_EPSILONS, None),
    "attention.layer_norm_rms_epsilon": (_EPSILONS, None),
    "attention.clamp_kqv": (("clip_qkv",), 0),
    "attention.max_alibi_bias": (("alibi_bias_max",), 0),
    "attention.causal": ((), True),
    "attention.temperature_length": ((), 0),
    "attention.temperature_scale": ((), 0),
    "attention.output_scale": ((), 0),
    "attn_logit_softcapping": (("attn_logit_softcapping",), 0),
    "final_logit_softcapping": (("final_logit_softcapping",), 0),
    "router_logit_softcapping": (("router_logit_softcapping",), 0),
    "logit_scale": (("logit_scale",), 1),
    "residual_scale": (("residual_multiplier",), 1),
    "embedding_scale": (("embedding_multiplier",), 1),
    "use_parallel_residual": (("use_parallel_residual", "parallel_attn"), None),
    "expert_count": (("num_experts", "num_local_experts", "n_routed_experts"), 0),
    "expert_used_count": (("num_experts_per_tok",), 0),
    "expert_shared_count": (("n_shared_experts", "num_shared_experts"), 0),
    "expert_weights_norm": (("norm_topk_prob",), False),
    "expert_weights_scale": (("routed_scaling_factor",), 1),
    "expert_gating_func": (("scoring_func",), "softmax"),
    "expert_group_count": (("n_group",), 0),
    "expert_group_used_count": (("topk_group",), 0),
    "leading_dense_block_count": (("first_k_dense_replace",), 0),
    "swiglu_clamp_exp": ((), 0),
    "swiglu_clamp_shexp": ((), 0),
}
"""Keys of a file that change the text: attributes of a configuration that say the same, and what it means if none."""


@dataclass(frozen=True)
class GgufFile:
    """The keys and tensors of a GGUF file.

    Attributes:
        source: What is loaded, for messages.
        architecture: The file's word for it.
        values: What it says of the architecture, by key without that word.
        tensors: By name, as `gguf` reads them.
    """

    source: Source
    architecture: str
    values: Mapping[str, Any]
    tensors: Mapping[str, Any]

    @classmethod
    def read(cls, source: Source, path: Path) -> GgufFile:
        """Read all but the weights.

        Raises:
            InputError: where it has more layers than any model.
        """
        from gguf import GGUFReader

        reader = GGUFReader(path)
        architecture = str(reader.fields["general.architecture"].contents())
        prefix = f"{architecture}."
        values = {
            key.removeprefix(prefix): field.contents() for key, field in reader.fields.items() if key.startswith(prefix)
        }
        layers = values.get("block_count", 0)
        if not 0 <= layers <= MOST_LAYERS:
            raise source.reject(f"has {prefix}block_count {layers}, expected 0 to {MOST_LAYERS}")
        return cls(source, architecture, values, {tensor.name: tensor for tensor in reader.tensors})

    def settle(self, config: PreTrainedConfig) -> None:
        """Give a configuration what the reader has left out of it.

        Args:
            config: As transformers reads it from the file; changed in place.

        Raises:
            InputError: where it says something else than the file, by key.
        """
        if getattr(config, "sliding_window", 0) is None and not getattr(config, "layer_types", None):
            config.sliding_window = self.values.get("attention.sliding_window") or None  # Phi-3's, of every layer
        for key, (names, default) in _EQUAL.items():
            if key in self.values:
                self._demand_equal(key, config, names, default)
        odd = next((name for name in _FACTORS if name in self.tensors), None)
        if odd is not None:
            raise self.source.reject(f"has the tensor {odd}, which transformers does not read, expected safetensors")
        scalar, width = (getattr(config, key, None) for key in ("query_pre_attn_scalar", "head_dim"))
        if scalar is not None and scalar != width and "attention.scale" not in self.values:
            raise self.source.reject(
                f"does not say by what its attention is scaled (heads of {width}), use safetensors"
            )
        self._settle_rope(config)

    def complete(self, network: PreTrainedModel) -> None:
        """Give a model what is in the file and in no configuration: frequencies of its rotary positions.

        Raises:
            InputError: where the model does not do what the file says.
        """
        rotary: list[Any] = [
            module for module in network.modules() if isinstance(getattr(module, "inv_freq", None), torch.Tensor)
        ]
        width = self.values.get("rope.dimension_count")
        for module in rotary:
            if width is not None and 2 * module.inv_freq.numel() != width:
                found = 2 * module.inv_freq.numel()
                raise self._unread("rope.dimension_count", f"the model turns {found} of each head's dimensions")
        scale = self.values.get("attention.scale")
        for module in network.modules():
            found = getattr(module, "scaling", None)
            if scale and isinstance(found, float) and not math.isclose(found, scale, rel_tol=_CLOSE):
                raise self._unread("attention.scale", f"the model scales by {found:g}")
        if _FREQUENCIES in self.tensors:
            self._slow_down(rotary)
        self._tell_unused(network)

    def _demand_equal(self, key: str, config: PreTrainedConfig, names: tuple[str, ...], default: object) -> None:
        value = self.values[key]
        if key == "expert_gating_func":
            value = _GATES.get(value, value)
        found = next((attribute for name in names if (attribute := getattr(config, name, None)) is not None), default)
        if found is None or isinstance(value, list) or value == found or (not value and not found):
            return
        numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (value, found))
        if not numbers or not math.isclose(value, found, rel_tol=_CLOSE):  # type: ignore[arg-type]
            raise self._unread(key, f"the configuration made of it has {found!r}")

    def _settle_rope(self, config: PreTrainedConfig) -> None:
        rope = getattr(config, "rope_parameters", None)
        base = self.values.get("rope.freq_base")
        by_layer = rope is not None and "rope_theta" not in rope
        full = rope.get("full_attention", {}) if rope is not None and by_layer else rope or {}
        if base is not None and not math.isclose(full.get("rope_theta", 0), base, rel_tol=_CLOSE):
            if by_layer or rope is None:
                raise self._unread("rope.freq_base", f"the configuration made of it has {full.get('rope_theta')!r}")
            rope["rope_theta"] = base
        factor = self.values.get("rope.scaling.factor") or self.values.get("rope.scale_linear") or 1.0
        kind = self.values.get("rope.scaling.type", "linear")
        if kind == "none" or (factor == 1 and kind in ("linear", "yarn")):
            return
        if (
            rope is None
            or by_layer
            or kind not in ("linear", "yarn")
            or "rope.scaling.yarn_log_multiplier" in self.values
        ):
            raise self._unread("rope.scaling.type", f"by a factor of {factor:g}")
        config.rope_parameters = (
            rope | {"rope_type": kind, "factor": factor} | (self._yarn(factor) if kind == "yarn" else {})
        )

    def _yarn(self, factor: float) -> dict[str, Any]:
        """What yarn reads besides the factor, with llama.cpp's defaults."""
        get = self.values.get
        original = get("rope.scaling.original_context_length") or get("context_length")
        result = {"original_max_position_embeddings": original}
        for name in ("beta_fast", "beta_slow"):
            if f"rope.scaling.yarn_{name}" in self.values:
                result[name] = get(f"rope.scaling.yarn_{name}")
        more = get("rope.scaling.attn_factor", 1.0) * get("rope.scaling.yarn_attn_factor", 1.0)
        if more != 1:
            result["attention_factor"] = more * (1 + 0.1 * math.log(factor))
        return result

    def _slow_down(self, rotary: list[Any]) -> None:
        """Divide rotary frequencies by the factors in the file: of Llama 3.1 and later, whose keys do not say them."""
        from gguf import dequantize

        tensor = self.tensors[_FREQUENCIES]
        factors = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).flatten()
        fits = [
            getattr(m, "rope_type", None) in ("default", "linear") and m.inv_freq.numel() == factors.numel()
            for m in rotary
        ]
        if not fits or not all(fits):
            raise self.source.reject(f"has the tensor {_FREQUENCIES}, which does not fit its rotary positions")
        for module in rotary:
            for name in ("inv_freq", "original_inv_freq"):
                frequencies = getattr(module, name)
                setattr(module, name, frequencies / factors.to(frequencies))

    def _tell_unused(self, network: PreTrainedModel) -> None:
        from transformers.modeling_gguf_pytorch_utils import (
            TENSOR_PROCESSORS,
            TensorProcessor,
            get_gguf_hf_weights_map,
        )

        kind = TENSOR_PROCESSORS.get(self.architecture, TensorProcessor)
        processor = kind(config=network.config.to_dict())  # type: ignore[no-untyped-call]
        known = get_gguf_hf_weights_map(network, processor)
        tell_unused(
            self.source,
            [
                name
                for name in self.tensors
                if name not in (*known, _FREQUENCIES, "output.weight") and name.removesuffix(".weight") not in known
            ],
        )

    def _unread(self, key: str, what: str) -> Exception:
        value = self.values.get(key)
        return self.source.reject(
            f"has {self.architecture}.{key} {value!r}, which transformers does not read ({what}), expected safetensors"
        )
