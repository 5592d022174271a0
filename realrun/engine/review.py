"""How tokens are drafted from logits and judged by them: greedily, or by sampling. The recursion uses either alike."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args

import torch
from torch import Tensor

from realrun.engine import accept
from realrun.engine.choice import Chooser
from realrun.engine.finite import Likeliest, NotFiniteError
from realrun.engine.policy import Policy, over_vocabulary

Law: TypeAlias = Tensor | None
"""Law over the target's vocabulary that a drafted token was drawn from; None where the drafter was sure of it."""

_AT_ONCE = 2
"""Positions of a sampled draft that a CPU judges at a time: mostly the review ends with one of the first."""

Verification = Literal["tokenwise", "block"]
VERIFICATIONS: tuple[str, ...] = get_args(Verification)


class Bias(NamedTuple):
    """Distance of the law of one token that comes out of a lenient review from the reviewer's own law.

    Attributes:
        total_variation: Half the L1 distance, in [0, 1].
        kl: Kullback-Leibler divergence from the reviewer's law in nats, >= 0; None for greedy choice, where it is zero
            or infinite.
    """

    total_variation: float
    kl: float | None


class Ruling(NamedTuple):
    """Outcome of a review.

    Attributes:
        accepted: Number of accepted tokens.
        token: The reviewer's own token after them.
        laws: Law of every token that comes out, the reviewer's own last.
        biases: How far each of these laws is from the reviewer's own; empty for lenience 1.
    """

    accepted: int
    token: int
    laws: list[Law]
    biases: list[Bias]


class Judge(Protocol):
    """Drafts and reviews from logits; `NotFiniteError` where they are no numbers."""

    def draft(self, logits: Tensor, output_ids: Tensor | None) -> tuple[int, Law]:
        """A token from the logits after a sequence, shape (1, columns), and the law it was drawn from."""

    def review(
        self, logits: Tensor, output_ids: Tensor | None, tokens: list[int], laws: list[Law], lenience: float
    ) -> Ruling:
        """Judge drafted tokens.

        Args:
            logits: After the sequence before them and after each of them, shape (n + 1, columns).
            output_ids: Token id of every column; None where column i is token i.
            tokens: The n drafted tokens.
            laws: The law of each.
            lenience: >= 1; 1 is lossless.
        """


class GreedyJudge:
    """Everyone chooses the likeliest token; accepted is what the reviewer would have chosen.

    A lenient reviewer also accepts a token whose probability at temperature 1 is at least 1/lenience of the greatest.
    Either way what comes out follows from the sequence alone, so every law is certain and an outer review stays exact.

    Args:
        vocabulary: Number of the target's token ids; drafters must not propose others.
    """

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary

    def draft(self, logits: Tensor, output_ids: Tensor | None) -> tuple[int, Law]:
        """The likeliest token."""
        choices = Likeliest(logits, output_ids, self._vocabulary)
        choices.demand(1)
        return choices.tokens[0], None

    def review(
        self, logits: Tensor, output_ids: Tensor | None, tokens: list[int], laws: list[Law], lenience: float
    ) -> Ruling:
        """Accept the longest prefix of tokens that the reviewer would have chosen, or nearly so where lenient."""
        choices = Likeliest(logits, output_ids, self._vocabulary)
        own = choices.tokens
        if lenience == 1:
            accepted = _agreed(tokens, own)
            choices.demand(accepted + 1)
            return Ruling(accepted, own[accepted], [None] * (accepted + 1), [])
        good = self._near(logits, output_ids, tokens, lenience).tolist()
        accepted = good.index(0) if 0 in good else len(tokens)
        choices.demand(accepted + 1)
        out = [*tokens[:accepted], own[accepted]]
        biases = [Bias(float(token != choice), None) for token, choice in zip(out, own, strict=False)]
        return Ruling(accepted, own[accepted], [None] * (accepted + 1), biases)

    def _near(self, logits: Tensor, output_ids: Tensor | None, tokens: list[int], lenience: float) -> Tensor:
        """1 for each token whose logit is at most log(lenience) below the greatest, else 0."""
        logits = over_vocabulary(logits[: len(tokens)].float(), output_ids, self._vocabulary, -math.inf)
        own = logits.gather(-1, torch.tensor(tokens, dtype=torch.int64, device=logits.device)[:, None])[:, 0]
        return (logits.amax(-1) - own <= math.log(lenience)).long()


class SamplingJudge:
    """Everyone samples by the same policy; the review keeps the reviewer's law exactly (Leviathan 2023, Chen 2023).

    Args:
        policy: Turns logits into laws; not greedy.
        source: Makes the choices.
        vocabulary: Number of the target's token ids.
        verification: Token by token, or the draft as a block (arXiv 2403.10444), which accepts at least as many.
    """

    def __init__(self, policy: Policy, source: Chooser, vocabulary: int, verification: Verification) -> None:
        self._policy = policy
        self._source = source
        self._vocabulary = vocabulary
        self._verification = verification

    def draft(self, logits: Tensor, output_ids: Tensor | None) -> tuple[int, Law]:
        """A token drawn from the drafter's law."""
        columns = self._probabilities(logits, output_ids)[0]
        place = _checked(self._source.choose(columns), columns)
        law = over_vocabulary(columns, output_ids, self._vocabulary)
        return (place if output_ids is None else int(output_ids[place])), law

    def review(
        self, logits: Tensor, output_ids: Tensor | None, tokens: list[int], laws: list[Law], lenience: float
    ) -> Ruling:
        """Draw the number of accepted tokens, then the reviewer's own token from the residual there."""
        if self._verification == "block":
            accepted, target_probs, own_law = self._reviewed_as_a_block(logits, output_ids, tokens, laws)
        else:
            accepted, target_probs = self._reviewed_by_token(logits, output_ids, tokens, laws, lenience)
            own_law = target_probs[accepted]
            if accepted < len(tokens):
                rejected = slice(accepted, accepted + 1)
                draft_law = accept.dense_draft_probs(laws[rejected], tokens[rejected], like=own_law[None])[0]
                own_law = accept.residual(own_law, draft_law)
        token = _checked(self._source.choose(own_law), own_law)
        if lenience == 1:
            return Ruling(accepted, token, list(target_probs[: accepted + 1]), [])
        own = torch.stack(target_probs[: accepted + 1])
        out = accept.handed_up(own, accept.dense_draft_probs(laws[: accepted + 1], tokens, like=own), lenience)
        return Ruling(accepted, token, list(out), _biases(out, own))

    def _reviewed_by_token(
        self, logits: Tensor, output_ids: Tensor | None, tokens: list[int], laws: list[Law], lenience: float
    ) -> tuple[int, list[Tensor]]:
        """How many tokens are accepted, and the reviewer's laws up to that position at least.

        A draft is judged some positions at a time, and the laws after the first rejected token are not worked out. A
        device that works apart from the host gets all positions at once.
        """
        target_probs: list[Tensor] = []
        step = _AT_ONCE if logits.device.type == "cpu" else len(logits)
        for first in range(0, len(logits), step):
            block = self._laws(logits[first : first + step], output_ids)
            target_probs += block.unbind()
            judged = slice(first, min(first + step, len(tokens)))
            drafted = torch.tensor(tokens[judged], dtype=torch.int64, device=logits.device)
            if not len(drafted):
                break
            target_of = block[: len(drafted)].gather(-1, drafted[:, None])[:, 0]
            draft_of = accept.drafted_probs(laws[judged], tokens[judged], like=block)
            weights = accept.tokenwise_weights(target_of, draft_of, lenience)
            accepted = _checked(self._source.choose(weights), weights)
            if accepted < len(drafted):
                return first + accepted, target_probs
        return len(tokens), target_probs

    def _reviewed_as_a_block(
        self, logits: Tensor, output_ids: Tensor | None, tokens: list[int], laws: list[Law]
    ) -> tuple[int, list[Tensor], Tensor]:
        """How many tokens are accepted, the reviewer's laws, and that of its own token after them."""
        target_probs = self._laws(logits, output_ids)
        draft_probs = accept.dense_draft_probs(laws, tokens, like=target_probs)
        scales = accept.block_scales(target_probs, draft_probs, torch.tensor(tokens, device=logits.device).long())
        scaled = scales[:, None] * target_probs
        weights = accept.block_weights(scaled, draft_probs, scales)
        accepted = _checked(self._source.choose(weights), weights)
        return accepted, list(target_probs), accept.residual(scaled[accepted], draft_probs[accepted])

    def _laws(self, logits: Tensor, output_ids: Tensor | None) -> Tensor:
        """Laws over the target's vocabulary, shape (positions, vocabulary)."""
        return over_vocabulary(self._probabilities(logits, output_ids), output_ids, self._vocabulary)

    def _probabilities(self, logits: Tensor, output_ids: Tensor | None) -> Tensor:
        """Laws over a model's output columns, less those that are no token of the target's."""
        return self._policy.probabilities(logits if output_ids is not None else logits[..., : self._vocabulary])


def _checked(choice: Tensor, weights: Tensor) -> int:
    place = int(choice)
    if place >= len(weights):  # inversion runs off the end where nothing compares
        raise NotFiniteError
    return place


def _agreed(tokens: list[int], choices: list[int]) -> int:
    """Length of the common prefix of the draft and the reviewer's own choices."""
    for position, token in enumerate(tokens):
        if token != choices[position]:
            return position
    return len(tokens)


def _biases(laws: Tensor, reference: Tensor) -> list[Bias]:
    distances = torch.stack([accept.total_variation(laws, reference), accept.kl_divergence(laws, reference)], -1)
    return [Bias(*pair) for pair in distances.tolist()]
