"""Evidence at a temperature: chances of acceptance from whole laws along a sampled text, with no further sampling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from realrun.calibration.evidence import Evidence, Pair, along, starts
from realrun.calibration.path import laws_along
from realrun.calibration.roster import Roster
from realrun.calibration.texts import TargetText
from realrun.engine.cascade import Drafter
from realrun.engine.policy import Policy

ESTIMATOR = "sum min(p,q), contexts weighted by prod min(1,q/p)"


@torch.inference_mode()
def sampled_evidence(
    text: TargetText, models: Mapping[str, Drafter], roster: Roster, policy: Policy, vocabulary: int
) -> Evidence:
    """What one text that the target has sampled says of every pair.

    Args:
        text: Sampled by the target under the policy.
        models: The target and all drafters.
        roster: Who reviews and who drafts.
        policy: Of target and drafters; not greedy.
        vocabulary: Number of the target's token ids.
    """
    for model in models.values():
        model.prefill(text.prompt_ids)
    parts: dict[Pair, list[tuple[Tensor, ...]]] = defaultdict(list)
    for tokens, laws in laws_along(models, text.sequence, len(text.prompt_ids), policy, vocabulary):
        for pair, chances in pair_chances(tokens, laws, roster).items():
            parts[pair].append(chances)
    whole = {
        pair: [torch.cat(part, -1).double().numpy() for part in zip(*listed, strict=True)]
        for pair, listed in parts.items()
    }
    begin = {drafter: starts(weights) for (who, drafter), (weights, *_) in whole.items() if who == roster.target}
    counts, first = {}, {}
    for (reviewer, drafter), (weights, examined, accepted) in whole.items():
        cycles = begin[drafter if reviewer == roster.target else reviewer]
        counts[reviewer, drafter] = along(weights, examined, accepted, cycles)
        first[reviewer, drafter] = float(accepted.sum()), float(weights.size)
    return Evidence(text, counts, first)


def pair_chances(
    tokens: Sequence[int], laws: Mapping[str, Tensor], roster: Roster
) -> dict[Pair, tuple[Tensor, Tensor, Tensor]]:
    """What `along` needs of some places of a sampled text, by pair: w, and chances of examination and acceptance.

    Token-wise review accepts a draft with sum min(p, q). An inner review of law u, judged by q, hands up a token x that
    it accepted with chance min(u, q)(x), and corrected ones with the rest of q; the outer review then accepts x with
    min(1, p/q)(x). A drafter r that reviews d meets contexts that all three of d, r and the target let pass, with the
    weight min(1, u/q) min(1, q/p) for the laws u of d, q of r, p of the target: the rounds on the target's path, the
    only ones whose tokens can be accepted.

    Args:
        tokens: The text's tokens at these places.
        laws: By model, shape (places, vocabulary).
        roster: Who reviews and who drafts.

    Returns:
        By pair: w of shape (places,); examined and accepted, each of shape (TYPES, places).
    """
    here = torch.tensor(tokens)[:, None]
    target = laws[roster.target]
    result = {}
    for reviewer, drafter in roster.pairs():
        reviewing, drafting = laws[reviewer], laws[drafter]
        weight = _ratio(drafting, reviewing).gather(-1, here)[:, 0]
        if reviewer != roster.target:
            weight = weight * _ratio(reviewing, target).gather(-1, here)[:, 0]
        accepted = torch.minimum(reviewing, drafting).sum(-1).clamp(max=1)
        inner = roster.inner(drafter)
        if inner is None:
            first, first_accepted = torch.ones_like(accepted), accepted
        else:
            kept = torch.minimum(laws[inner], drafting)
            first = kept.sum(-1)
            first_accepted = torch.minimum((kept * _ratio(reviewing, drafting)).sum(-1), accepted)
        examined = torch.stack([first, (1 - first).clamp(min=0)])
        result[reviewer, drafter] = weight, examined, torch.stack([first_accepted, accepted - first_accepted])
    return result


def _ratio(upper: Tensor, lower: Tensor) -> Tensor:
    """min(1, upper / lower); 1 where the lower law is zero and the upper is not, 0 where the upper is."""
    return torch.where(upper > 0, (upper / lower.clamp(min=torch.finfo(lower.dtype).tiny)).clamp(max=1), 0)
