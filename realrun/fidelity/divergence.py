"""How far one law of the next token is from another: Kullback-Leibler divergence, total variation, greatest token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from analysis.model import InputError

DIGITS = 4


@dataclass(frozen=True)
class Divergence:
    """Laws of one model held against those of a reference, place by place of a text.

    Attributes:
        kl: KL(reference || other) in nats, >= 0.
        total_variation: Half the sum of absolute differences, in [0, 1].
        agreed: Whether the likeliest token is the same, of equal ones the first.
    """

    kl: list[float]
    total_variation: list[float]
    agreed: list[bool]

    @classmethod
    def between(cls, reference: Tensor, other: Tensor) -> Divergence:
        """Compare laws at temperature 1, in double precision.

        Args:
            reference: Its logits, shape (places, vocabulary); -infinity rules a token out.
            other: The other's, the same shape.

        Example:
            >>> laws = torch.tensor([[0.5, 0.5], [0.75, 0.25]]).log()
            >>> round(Divergence.between(laws[:1], laws[1:]).total_variation[0], 6)
            0.25
        """
        first, second = (logits.double().log_softmax(-1) for logits in (reference, other))
        weights = first.exp()
        terms = torch.where(weights > 0, weights * (first - second), 0.0)
        return cls(
            terms.sum(-1).clamp(min=0.0).tolist(),
            ((weights - second.exp()).abs().sum(-1) / 2).tolist(),
            (reference.argmax(-1) == other.argmax(-1)).tolist(),
        )

    def to_json(self) -> dict[str, object]:
        """Lists by place, numbers to four digits; of agreement as ones and zeros."""
        numbers = {"kl": self.kl, "total_variation": self.total_variation}
        rounded = {key: [float(f"{value:.{DIGITS}g}") for value in values] for key, values in numbers.items()}
        return rounded | {"agreed": "".join(str(int(agreed)) for agreed in self.agreed)}


def demand_finite(logits: Tensor, where: str) -> Tensor:
    """Logits as they are, refused where they give no law.

    Raises:
        InputError: naming the place.
    """
    if not bool(logits.amax(-1).isfinite().all()):
        raise InputError(where, "its logits are not finite numbers: are its weights damaged, or its format too narrow?")
    return logits
