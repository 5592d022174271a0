"""Lossless review as pure rules on tensors: how many drafted tokens a reviewer keeps, and what it says next.

A review of n drafted tokens x_1 .. x_n compares two laws at every position: `target_probs`, the reviewer's own, shape
(n + 1, vocabulary), and `draft_probs`, the law each token was drawn from, of the same shape; its last row is zero,
since nothing was drafted there. The outcome is a draw of the number of accepted tokens from the weights below, then
one draw of the reviewer's next token from `residual` at that position. Rows are laws given all tokens before them.

All functions keep the dtype and the device of their arguments and never look at a value on the host.
"""

from __future__ import annotations

import torch
from torch import Tensor


def dense_draft_probs(laws: list[Tensor | None], tokens: list[int], like: Tensor) -> Tensor:
    """Laws of drafted tokens as the first rows of a matrix, whose further rows are zero.

    Args:
        laws: Law of each drafted token, shape (vocabulary,); None for a drafter that was sure of its token.
        tokens: The drafted tokens.
        like: A matrix of the wanted shape, dtype and device.
    """
    draft_probs = torch.zeros_like(like)
    certain = [position for position, law in enumerate(laws) if law is None]
    if certain:
        draft_probs[certain, [tokens[position] for position in certain]] = 1
    for position, law in enumerate(laws):
        if law is not None:
            draft_probs[position] = law
    return draft_probs


def drafted_probs(laws: list[Tensor | None], tokens: list[int], like: Tensor) -> Tensor:
    """Probability of each drafted token under the law it was drawn from, shape (n,), in the type of `like`."""
    certain = like.new_ones(())
    values = [certain if law is None else law[token] for law, token in zip(laws, tokens, strict=True)]
    return torch.stack(values).to(like.dtype)


def tokenwise_weights(target_of: Tensor, draft_of: Tensor, lenience: float = 1.0) -> Tensor:
    """P(exactly a tokens are accepted), a = 0..n, when tokens are judged one after the other.

    Token x_i, all before it accepted, is accepted with min(1, l p_i(x_i) / q_i(x_i)): Leviathan 2023 (Algorithm 1) for
    l = 1, and its appendix A.5 for lenience l > 1.

    Args:
        target_of: Probabilities p_i(x_i) of the drafted tokens under the reviewer, shape (n,).
        draft_of: Probabilities q_i(x_i) > 0 that they were drawn with, shape (n,).
        lenience: l >= 1.
    """
    accept = _times(lenience, target_of / draft_of).clamp(max=1)
    one = accept.new_ones(1)
    return torch.cat([one, accept.cumprod(0)]) * torch.cat([1 - accept, one])


def block_weights(scaled_probs: Tensor, draft_probs: Tensor, scales: Tensor) -> Tensor:
    """P(exactly a tokens are accepted), a = 0..n, when the draft is judged as a block.

    Sun et al. 2024 (arXiv 2403.10444, Algorithm 2). The longest prefix whose own coin falls right is accepted; the coin
    of prefix i falls right with h_i = e_i / (e_i + 1 - s_i), e_i = sum max(0, s_i p_{i+1} - q_{i+1}), h_0 = 1. A draft
    that ends after i tokens has q_{i+1} = 0, so that h_i = s_i, whatever made it end there.

    Args:
        scaled_probs: Laws p of the reviewer, each times its scale s, shape (n + 1, vocabulary).
        draft_probs: Laws q of the drafts, same shape, last row zero.
        scales: s of `block_scales`, shape (n + 1,).
    """
    excess = (scaled_probs - draft_probs).clamp_(min=0).sum(-1)
    rest = excess + 1 - scales
    # Where rest is zero, s_i = 1 and p = q on the next token, which then passes for certain: the coin is not needed.
    accept = torch.where(rest > 0, excess / torch.where(rest > 0, rest, 1), 1)
    accept = torch.cat([accept.new_ones(1), accept[1:].clamp(max=1)])
    failures = torch.cat([(1 - accept[1:]).flip(0).cumprod(0).flip(0), accept.new_ones(1)])
    return accept * failures


def block_scales(target_probs: Tensor, draft_probs: Tensor, tokens: Tensor) -> Tensor:
    """Scales s_0 = 1, s_i = min(1, s_{i-1} p_i(x_i) / q_i(x_i)) of block verification, shape (n + 1,)."""
    scales = [target_probs.new_ones(())]
    for ratio in _ratios(target_probs, draft_probs, tokens):
        scales.append((scales[-1] * ratio).clamp(max=1))
    return torch.stack(scales)


def residual(target_law: Tensor, draft_law: Tensor) -> Tensor:
    """Law of the reviewer's own token after the accepted ones: max(0, p - q) over its sum, p where that is zero.

    It does not depend on the lenience: the mass accepted, min(q, l p), is >= p wherever q is, and q elsewhere.
    For block verification p comes multiplied by the scale. Any shape (..., vocabulary).
    """
    excess = (target_law - draft_law).clamp(min=0)
    total = excess.sum(-1, keepdim=True)
    return torch.where(total > 0, excess / torch.where(total > 0, total, 1), target_law)


def handed_up(target_probs: Tensor, draft_probs: Tensor, lenience: float) -> Tensor:
    """Law of the token that comes out of a token-wise review at a position, shape (..., vocabulary).

    m + (1 - sum m) residual with m = min(q, l p): the reviewer's own p for l = 1; a zero q gives p.
    """
    if lenience == 1:
        return target_probs
    kept = torch.minimum(draft_probs, _times(lenience, target_probs))
    rejected = (1 - kept.sum(-1, keepdim=True)).clamp(min=0)
    return kept + rejected * residual(target_probs, draft_probs)


def total_variation(law: Tensor, reference: Tensor) -> Tensor:
    """Half the L1 distance of two laws, in [0, 1], over the last axis."""
    return (law - reference).abs().sum(-1) / 2


def kl_divergence(law: Tensor, reference: Tensor) -> Tensor:
    """KL(law || reference) in nats over the last axis, >= 0; infinite where the reference lacks support."""
    return torch.where(law > 0, law * (law.log() - reference.log()), 0).sum(-1).clamp(min=0)


def _times(lenience: float, values: Tensor) -> Tensor:
    """The product; a lenience beyond the type's range, as infinite, would make zeros of the values no numbers."""
    return min(lenience, torch.finfo(values.dtype).max) * values


def _ratios(target_probs: Tensor, draft_probs: Tensor, tokens: Tensor) -> Tensor:
    """p_i(x_i) / q_i(x_i) of the drafted tokens, shape (n,)."""
    drafted = tokens[:, None]
    n = len(tokens)
    return (target_probs[:n].gather(-1, drafted) / draft_probs[:n].gather(-1, drafted))[:, 0]
