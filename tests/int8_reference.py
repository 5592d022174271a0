"""A model in 8-bit integers as it is documented, in float64 and plain loops: slow, and without a cache."""

from __future__ import annotations

import torch

from realrun.network.int8_linear import token_levels


def quantised(weight):
    """Each row rounded to whole numbers in -127..127 of its own step."""
    weight = weight.detach().double()
    steps = weight.abs().amax(-1, keepdim=True).clamp_min(1e-30) / 127
    return steps * (weight / steps).round()


def rounded(rows, levels):
    """Each row rounded to whole numbers in -levels..levels of its own step."""
    steps = rows.abs().amax(-1, keepdim=True).clamp_min(1e-30) / levels
    return steps * (rows / steps).round()


def linear(rows, layer):
    product = rounded(rows, token_levels()) @ quantised(layer.weight).T
    return product if layer.bias is None else product + layer.bias.detach().double()


def behind_norm(states, norm, *layers):
    """Results of layers that read normed states; the norm's factor is applied behind the product."""
    gained = states * norm.weight.detach().double()
    factor = (states.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()
    results = []
    for layer in layers:
        product = factor * (rounded(gained, token_levels()) @ quantised(layer.weight).T)
        results.append(product if layer.bias is None else product + layer.bias.detach().double())
    return results


def rotated(heads, turns):
    cos, sin = turns
    left, right = heads.chunk(2, -1)
    return heads * cos + torch.cat((-right, left), -1) * sin


def head_norm(heads, norm):
    if norm is None:
        return heads
    factor = (heads.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()
    return heads * factor * norm.weight.detach().double()


def attention(layer, states, turns, window):
    """What the heads of each token read, one token and one head after the other."""
    block = layer.self_attn
    width, groups, count = block.head_dim, block.num_key_value_groups, len(states)
    read = behind_norm(states, layer.input_layernorm, block.q_proj, block.k_proj, block.v_proj)
    queries, keys, values = (part.view(count, -1, width) for part in read)
    queries = rotated(head_norm(queries, getattr(block, "q_norm", None)), turns)
    keys = rotated(head_norm(keys, getattr(block, "k_norm", None)), turns)
    queries, keys = rounded(queries, 255), rounded(keys, 255)
    steps = values.abs().amax(-1).clamp_min(1e-30) / 255
    values = rounded(values, 255)
    result = torch.zeros(count, queries.shape[1], width, dtype=torch.float64)
    for i in range(count):
        first = 0 if window is None else max(0, i - window + 1)
        for head in range(queries.shape[1]):
            of = head // groups
            scores = keys[first : i + 1, of] @ queries[i, head] * block.scaling
            unit = steps[: i + 1, of].max() / 2**15
            weights = (scores.softmax(0) * steps[first : i + 1, of] / unit).round() * unit / steps[first : i + 1, of]
            result[i, head] = weights @ values[first : i + 1, of]
    return result.reshape(count, -1)


def windows(config):
    """Window of each layer, None for none."""
    if config.model_type == "mistral":
        return [config.sliding_window] * config.num_hidden_layers
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    return [config.sliding_window if kind == "sliding_attention" else None for kind in kinds]


def logits(network, ids):
    """Logits after every prefix, shape (tokens, columns)."""
    model = network.model
    positions = torch.arange(len(ids))[None]
    cos, sin = (turn[0, :, None].double() for turn in model.rotary_emb(torch.zeros(1), positions))
    states = quantised(model.embed_tokens.weight)[torch.tensor(ids)]
    for layer, window in zip(model.layers, windows(network.config), strict=True):
        states = states + linear(attention(layer, states, (cos, sin), window), layer.self_attn.o_proj)
        gate, up = behind_norm(states, layer.post_attention_layernorm, layer.mlp.gate_proj, layer.mlp.up_proj)
        states = states + linear(torch.nn.functional.silu(gate) * up, layer.mlp.down_proj)
    return behind_norm(states, model.norm, network.lm_head)[0]
