"""What every model would say next, given a text that is already there: one pass a model, not one decoding a start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from realrun.calibration.texts import TargetText
from realrun.engine.cascade import Drafter, Network, Proposer, reach
from realrun.engine.finite import Likeliest, NotFiniteError, blamed_on
from realrun.engine.policy import Policy, over_vocabulary

CHUNK = 32
"""Positions read in one call, which limits the memory for their logits."""


def is_proposer(model: Drafter) -> bool:
    """Whether a drafter has no probabilities."""
    return hasattr(model, "propose_next")


def readable(model: Drafter, sequence: Sequence[int], start: int) -> int:
    """How many of the positions from `start` on a model's context lets it predict: it reads at most all before one."""
    return max(0, min(len(sequence), reach(model) + 1) - start)


def logits_along(network: Network, sequence: Sequence[int], start: int, chunk: int = CHUNK) -> Iterator[Tensor]:
    """A network's logits for each of the tokens of a sequence from position `start` on, given all before it.

    Args:
        network: Prefilled with the sequence up to `start`, or having read more than that and been rolled back there.
        sequence: What is there.
        start: First predicted position, >= 1.
        chunk: Positions a call, >= 1.

    Yields:
        Shapes (positions, columns), ending where the network's context does.
    """
    end = start + readable(network, sequence, start)
    for first in range(start, end, chunk):
        last = min(first + chunk, end)
        yield network.logits(sequence[: last - 1], last - first)


def choices_along(
    model: Drafter, sequence: Sequence[int], start: int, vocabulary: int, chunk: int = CHUNK
) -> list[int | None]:
    """A model's greedy next token for each position of a sequence from `start` on, given all before it.

    A proposer's follows from the sequence alone, so what it proposes here is what it drafts there by itself, as long as
    its drafts agree with the sequence.

    Args:
        model: Prefilled with the sequence up to `start`, or having read more than that and been rolled back there.
        sequence: What is there.
        start: First predicted position, >= 1.
        vocabulary: Number of the target's token ids.
        chunk: Positions a call, >= 1.

    Returns:
        None where the model abstains or its context has ended.

    Raises:
        NotFiniteError: where its logits are no numbers.
    """
    if is_proposer(model):
        proposer: Proposer = model  # type: ignore[assignment]
        return [proposer.propose_next(sequence[:end]) for end in range(start, len(sequence))]
    network: Network = model  # type: ignore[assignment]
    result: list[int | None] = []
    for logits in logits_along(network, sequence, start, chunk):
        choices = Likeliest(logits, network.output_ids, vocabulary)
        choices.demand(len(logits))
        result += choices.tokens
    return result + [None] * (len(sequence) - start - len(result))


def laws_along(
    models: Mapping[str, Drafter], sequence: Sequence[int], start: int, policy: Policy, vocabulary: int
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """The laws of all models for the tokens of a sequence from position `start` on, some positions at a time.

    Args:
        models: By name, each as for `choices_along`.
        sequence: What is there.
        start: First predicted position, >= 1.
        policy: Turns logits into laws; not greedy.
        vocabulary: Number of the target's token ids.

    Yields:
        The tokens at some positions, and by model the laws there, shape (positions, vocabulary). A proposer's law is a
        point mass; it is zero where the model abstains or its context has ended.
    """
    for first in range(start, len(sequence), CHUNK):
        part = sequence[: first + CHUNK]
        laws = {}
        for name, model in models.items():
            with blamed_on(name, model):
                laws[name] = _laws(model, part, first, policy, vocabulary)
        yield list(part[first:]), laws


def _laws(model: Drafter, sequence: Sequence[int], start: int, policy: Policy, vocabulary: int) -> Tensor:
    result = torch.zeros(len(sequence) - start, vocabulary)
    if is_proposer(model):
        for position, token in enumerate(choices_along(model, sequence, start, vocabulary)):
            if token is not None:
                result[position, token] = 1
        return result
    network: Network = model  # type: ignore[assignment]
    for logits in logits_along(network, sequence, start):
        columns = logits if network.output_ids is not None else logits[..., :vocabulary]
        laws = over_vocabulary(policy.probabilities(columns), network.output_ids, vocabulary).cpu()
        if not bool((laws.amax(-1) > 0).all()):  # NaN is not, and neither is a law that nothing is left of
            raise NotFiniteError
        result[: len(laws)] = laws
    return result


def rounding(name: str, network: Network, texts: Sequence[TargetText], vocabulary: int) -> dict[str, int]:
    """How often a network's greedy token differs between calls on many tokens and on one: near-ties, in half precision.

    Args:
        name: Of the model.
        network: The model.
        texts: Along which.
        vocabulary: Number of the target's token ids.
    """
    positions = different = 0
    for text in texts:
        choices = []
        for chunk in (1, CHUNK):
            network.prefill(text.prompt_ids)
            with blamed_on(name, network):
                choices.append(choices_along(network, text.sequence, len(text.prompt_ids), vocabulary, chunk))
        positions += len(text.tokens)
        different += sum(one != many for one, many in zip(*choices, strict=True))
    return {"positions": positions, "different": different}
