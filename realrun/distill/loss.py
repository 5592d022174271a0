"""The loss of distillation, with its gradient at once: no vocabulary-sized tensor outlives its chunk of positions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx

from realrun.distill.student import Head

_CHUNK = 512
"""Positions at a time."""


class _Distance(torch.autograd.Function):
    """Mean cross-entropy of the drafter against a mixture of the target's law and its greatest token."""

    @staticmethod
    def forward(ctx: FunctionCtx, states: Tensor, lessons: Tensor, head: Head, hard: float) -> Tensor:
        total = torch.zeros((), device=states.device)
        gradient = torch.empty_like(states)
        for start in range(0, len(states), _CHUNK):
            part = slice(start, start + _CHUNK)
            log_draft = torch.log_softmax(head.logits(states[part]), -1)
            wanted = head.logits(lessons[part])
            greatest = wanted.argmax(-1, keepdim=True)
            wanted = torch.softmax(wanted, -1).mul_(1 - hard)
            wanted.scatter_add_(-1, greatest, torch.full_like(greatest, hard, dtype=wanted.dtype))
            total -= torch.linalg.vecdot(wanted.flatten(), log_draft.flatten())
            difference = log_draft.exp_().sub_(wanted).div_(len(states)).to(head.weight.dtype)
            gradient[part] = difference @ head.weight
        ctx.save_for_backward(gradient)
        return total / len(states)

    @staticmethod
    def backward(ctx: BackwardCFunction, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream, None, None, None


def distance(states: Tensor, lessons: Tensor, head: Head, hard: float) -> Tensor:
    """Cross-entropy of a drafter against its target over the head's tokens, in nats a position.

    With ``p`` the target's law over the head's tokens and ``q`` the drafter's, it is the mean over positions of
    ``-sum_x ((1 - hard) p(x) + hard [x = argmax p]) log q(x)``. Both laws come from the same output layer.

    Args:
        states: The drafter's last hidden states, shape (positions, width).
        lessons: The target's.
        head: The tokens that the drafter knows; its weights are constants here.
        hard: Share of the target's greatest token in what is wanted, in [0, 1]: greedy acceptance asks for that alone.
    """
    loss: Tensor = _Distance.apply(states, lessons, head, hard)  # type: ignore[no-untyped-call]
    return loss
