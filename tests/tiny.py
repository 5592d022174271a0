"""Tiny randomly initialised models, saved as a hub model would be, for tests of the decoding engine."""

from __future__ import annotations

import string

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Phi3Config,
    PhiConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    StableLmConfig,
    T5Config,
)

PIECES = ["<s>", "</s>", *string.ascii_lowercase, " "]
VOCABULARY = len(PIECES)
EOS = 1

_SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 0,
    "eos_token_id": EOS,
    "pad_token_id": EOS,
}
_GROUPED = _SHAPE | {"num_key_value_heads": 1}
_IDS = {key: _SHAPE[key] for key in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")}
_GPT2 = _IDS | {"n_embd": 16, "n_inner": 32, "n_layer": 3, "n_head": 2, "n_positions": 128}
_T5 = _IDS | {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": EOS}
_BART = {f"{side}_{key}": n for side in ("encoder", "decoder") for key, n in {"layers": 2, "ffn_dim": 32}.items()}
_BART |= {f"{side}_attention_heads": 2 for side in ("encoder", "decoder")}
_BART |= _IDS | {
    "d_model": 16,
    "max_position_embeddings": 128,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": None,
}

CONFIGS = {
    "llama": lambda: LlamaConfig(**_GROUPED),
    "mistral": lambda: MistralConfig(**_GROUPED, sliding_window=8),
    "qwen2": lambda: Qwen2Config(**_GROUPED),
    "qwen2-window": lambda: Qwen2Config(**_GROUPED, use_sliding_window=True, sliding_window=8, max_window_layers=1),
    "qwen3": lambda: Qwen3Config(**_GROUPED, head_dim=8),
    "gemma": lambda: GemmaConfig(**_GROUPED, head_dim=8),
    "gemma2": lambda: Gemma2Config(**_GROUPED, head_dim=8, sliding_window=8),
    "gemma3": lambda: Gemma3TextConfig(**_GROUPED, head_dim=8, sliding_window=8, sliding_window_pattern=2),
    "gpt2": lambda: GPT2Config(**_GPT2),
    "gpt_neox": lambda: GPTNeoXConfig(**_SHAPE),
    "opt": lambda: OPTConfig(**_SHAPE, ffn_dim=32, word_embed_proj_dim=16),
    "phi": lambda: PhiConfig(**_SHAPE),
    "phi3": lambda: Phi3Config(**_GROUPED),
    "stablelm": lambda: StableLmConfig(**_GROUPED),
}
"""Decoder-only models; the windows are shorter than the texts of the tests."""

ENCODER_DECODERS = {
    "t5": lambda: T5Config(**_T5, feed_forward_proj="relu"),
    "flan-t5": lambda: T5Config(**_T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "bart": lambda: BartConfig(**_BART),
}


def network(kind="llama", seed=0, scale=8.0, **changes):
    """A model in float32 whose greedy text is varied, because its random weights are scaled up; no bias is zero."""
    torch.manual_seed(seed)
    config = (ENCODER_DECODERS | CONFIGS)[kind]()
    for key, value in changes.items():
        setattr(config, key, value)
    if kind in ENCODER_DECODERS:
        model = AutoModelForSeq2SeqLM.from_config(config).eval()
    else:
        model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.mul_(scale)
            elif name.endswith("bias"):
                parameter.normal_(std=0.2)
    return model


def tokenizer(pieces=PIECES, stride=1):
    """One token a character; ids are the multiples of the stride."""
    backend = Tokenizer(models.WordLevel({piece: stride * i for i, piece in enumerate(pieces)}, unk_token=" "))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


def save(folder, kind="llama", seed=0, pieces=PIECES, **changes):
    """Save model and tokenizer into a folder and return its name."""
    network(kind, seed, **changes).save_pretrained(folder)
    tokenizer(pieces).save_pretrained(folder)
    return str(folder)
