"""Tiny randomly initialised models, saved as a hub model would be, for tests of the decoding engine."""

from __future__ import annotations

import string

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PhiConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
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
_GPT2 = {"n_embd": 16, "n_inner": 32, "n_layer": 3, "n_head": 2, "n_positions": 128}
_GPT2 |= {key: _SHAPE[key] for key in ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id")}

CONFIGS = {
    "llama": lambda: LlamaConfig(**_GROUPED),
    "mistral": lambda: MistralConfig(**_GROUPED, sliding_window=8),
    "qwen2": lambda: Qwen2Config(**_GROUPED),
    "qwen3": lambda: Qwen3Config(**_GROUPED, head_dim=8),
    "gemma2": lambda: Gemma2Config(**_GROUPED, head_dim=8, sliding_window=8),
    "gpt2": lambda: GPT2Config(**_GPT2),
    "gpt_neox": lambda: GPTNeoXConfig(**_SHAPE),
    "opt": lambda: OPTConfig(**_SHAPE, ffn_dim=32, word_embed_proj_dim=16),
    "phi": lambda: PhiConfig(**_SHAPE),
}


def network(kind="llama", seed=0, scale=8.0):
    """A model in float32 whose greedy text is varied, because its random head is scaled up."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(CONFIGS[kind]()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(scale)
    return model


def tokenizer(pieces=PIECES):
    """One token a character."""
    backend = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token=" "))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


def save(folder, kind="llama", seed=0, pieces=PIECES):
    """Save model and tokenizer into a folder and return its name."""
    network(kind, seed).save_pretrained(folder)
    tokenizer(pieces).save_pretrained(folder)
    return str(folder)
