"""How often a drafter agrees with its target along text that the target wrote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from realrun.distill.dataset import Conversation, batches
from realrun.distill.student import Head
from realrun.distill.teacher import padded

_TOKENS = 4096
"""In a batch of the evaluation."""


@dataclass(frozen=True)
class Agreement:
    """Greedy agreement along texts: of one text each its number of tokens and of those that the drafter names.

    Attributes:
        tokens: By text.
        agreed: By text.
    """

    tokens: tuple[int, ...]
    agreed: tuple[int, ...]

    @property
    def rate(self) -> float:
        """Share of tokens named, in [0, 1]: the greedy acceptance of the first token of a draft."""
        return sum(self.agreed) / sum(self.tokens)

    @property
    def error(self) -> float:
        """Standard error of the rate over texts, as of a ratio of means (linearised)."""
        count = len(self.tokens)
        if count < 2:
            return float("nan")
        mean = sum(self.tokens) / count
        residuals = [a - self.rate * n for a, n in zip(self.agreed, self.tokens, strict=True)]
        return math.sqrt(sum(r * r for r in residuals) / (count * (count - 1))) / mean


@torch.inference_mode()
def agreement(student: PreTrainedModel, head: Head, conversations: Sequence[Conversation]) -> Agreement:
    """Greedy agreement along answers, every position given the true text before it.

    Args:
        student: Its last hidden states are looked at.
        head: What it proposes from.
        conversations: With greedy answers.
    """
    agreed = [0] * len(conversations)
    for batch in batches([len(c.ids) for c in conversations], _TOKENS, seed=0):
        chosen = [conversations[i] for i in batch]
        states = student.base_model(input_ids=padded([c.ids for c in chosen], head.ids.device), use_cache=False)
        for i, conversation, found in zip(batch, chosen, states.last_hidden_state, strict=True):
            logits = head.logits(found[len(conversation.prompt) - 1 : len(conversation.ids)])
            truth = torch.tensor(conversation.answer, device=head.ids.device)
            agreed[i] = int((head.ids[logits.argmax(-1)] == truth).sum())
    return Agreement(tuple(len(c.answer) for c in conversations), tuple(agreed))
