"""What a target counted with ten times its parameters does: the slip in the authors' table for LLaMA-7B."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.model import Affine
from analysis.paper.published import read_rows
from analysis.paper.scale.published import prediction


@dataclass(frozen=True)
class Tenfold:
    """What a target counted with ten times its parameters does, at one acceptance.

    Attributes:
        alpha: Acceptance of the 160M drafter's tokens.
        wrong_c: Cost of the drafter by the table of the authors' code.
        right_c: The same by the true numbers of parameters.
        wrong_k: Best draft length by the wrong cost.
        right_k: Best draft length by the right one.
        claimed: EWIF by the wrong cost at its best draft length.
        true: EWIF by the right cost there.
        best: EWIF by the right cost at its own best draft length.
    """

    alpha: float
    wrong_c: float
    right_c: float
    wrong_k: int
    right_k: int
    claimed: float
    true: float
    best: float


LLAMA_7B_MILLIONS = 6738.415616
"""Parameters of LLaMA-7B and Llama 2 7B."""


def tenfold(alphas: Sequence[float]) -> list[Tenfold]:
    """Speculative decoding with LLaMA-7B and the 160M drafter, by the published costs and by the right ones."""
    sizes = {row["model"]: float(row["model_parameters"]) for row in read_rows("swi_costs.csv")}
    wrong, right = sizes["llama-160m"] / sizes["llama-7b"], sizes["llama-160m"] / LLAMA_7B_MILLIONS
    one = Affine(1.0)
    result = []
    for alpha in alphas:
        claimed = prediction("MS", alpha, Affine(wrong), one, 0, (Affine(right), one))
        honest = prediction("MS", alpha, Affine(right), one, 0, None)
        assert claimed.true_at_best_k is not None
        result.append(
            Tenfold(
                alpha,
                wrong,
                right,
                claimed.best_k,
                honest.best_k,
                claimed.best,
                claimed.true_at_best_k,
                honest.best,
            )
        )
    return result


def overstated(calls_per_review: float) -> float:
    """Published over true SWI with LLaMA-7B, by the 160M drafter's calls in each of the target's reviews.

    (1 + m c) / (1 + m c'), c the right and c' the published cost of the drafter, m calls a review: the tokens cancel.
    """
    wrong = tenfold([0.5])[0]
    return (1 + calls_per_review * wrong.right_c) / (1 + calls_per_review * wrong.wrong_c)
