"""What published acceptances give at the paper's scale, by assumed and by measured cost ratios.

Assumed are the parameter ratio (MS) and the costs of prior work (PW), a number each; measured are the call times of
the same architectures, as a number (a call on one token) and as curves over q, in which the target's review of a longer
draft costs more than one token does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.exact import ewif
from analysis.model import Affine, Cascade, Cost, Model, Step, acceptances
from analysis.published import read_rows
from analysis.shape_rows import MeasuredShape, tabulated

GREATEST_K = 40
"""Greatest draft length searched."""
T5_TARGET = "flan-t5-xxl"
"""Leviathan et al. measured with T5 1.1, whose shapes FLAN-T5 has unchanged."""


def speculative(alpha: float, drafter: Cost, target: Cost, k: int) -> float:
    """EWIF of k drafted tokens at a constant acceptance, the costs in one-token target calls."""
    models = {"t": Model(target), "d": Model(drafter)}
    draft = (Step("d", tokens=k),) if k else ()
    return ewif(Cascade("t", models, acceptances({"t": {"d": alpha}}), draft))


@dataclass(frozen=True)
class Prediction:
    """EWIF of one published configuration by one kind of cost.

    Attributes:
        costs: ``MS``, ``PW``, ``c`` (a number measured) or ``t(q)`` (curves measured).
        c: Cost of a drafter's one-token call, in one-token target calls.
        ewif: EWIF at the published draft length.
        best_k: Draft length of the greatest EWIF.
        best: EWIF there.
        true_at_best_k: EWIF by the curves at that draft length: what choosing k by these costs would bring; None where
            there are no curves.
    """

    costs: str
    c: float
    ewif: float
    best_k: int
    best: float
    true_at_best_k: float | None


@dataclass(frozen=True)
class Scaled:
    """One published configuration under all kinds of costs.

    Attributes:
        task: Task.
        drafter: Shape of the drafter.
        temperature: Sampling temperature.
        alpha: Published acceptance.
        k: Published draft length.
        measured: Published speedup.
        by: Predictions, those from measurements only where both shapes were measured.
    """

    task: str
    drafter: str
    temperature: float
    alpha: float
    k: int
    measured: float
    by: tuple[Prediction, ...]


def leviathan(measured: Mapping[str, MeasuredShape]) -> list[Scaled]:
    """The twelve configurations of Leviathan et al. with the costs of one condition."""
    sizes = {row["model"]: float(row["model_parameters"]) for row in read_rows("swi_costs.csv")}
    result = []
    for row in read_rows("leviathan2023.csv"):
        drafter, alpha, k = f"flan-t5-{row['drafter']}", float(row["alpha"]), int(row["gamma"])
        one = Affine(1.0)
        costs: dict[str, tuple[Cost, Cost]] = {
            "MS": (Affine(sizes[drafter] / sizes[T5_TARGET]), one),
            "PW": (Affine(float(row["c"])), one),
        }
        if drafter in measured and T5_TARGET in measured:
            unit = measured[T5_TARGET].curve[1]
            costs["c"] = Affine(measured[drafter].curve[1] / unit), one
            costs["t(q)"] = tabulated(measured[drafter].curve, unit), tabulated(measured[T5_TARGET].curve, unit)
        by = tuple(_prediction(kind, alpha, *pair, k, costs.get("t(q)")) for kind, pair in costs.items())
        published = float(row["measured_speedup"])
        result.append(Scaled(row["task"], drafter, float(row["temperature"]), alpha, k, published, by))
    return result


def _prediction(
    kind: str, alpha: float, drafter: Cost, target: Cost, k: int, curves: tuple[Cost, Cost] | None
) -> Prediction:
    values = [speculative(alpha, drafter, target, length) for length in range(GREATEST_K + 1)]
    best_k = max(range(len(values)), key=values.__getitem__)
    true = None if curves is None else speculative(alpha, *curves, best_k)
    return Prediction(kind, drafter.at(1), values[k], best_k, values[best_k], true)


@dataclass(frozen=True)
class CostRatio:
    """Assumed and measured cost of a drafter's one-token call, in one-token calls of its target.

    Attributes:
        target: Shape of the target.
        drafter: Shape of the drafter, one of fewer parameters.
        parameters: Ratio of all parameters.
        assumed: By the table of the authors' code: ``MS`` and ``PW``, where it has both models.
        measured: Ratio of the medians.
        review: The target's cost of a call on `review_q` tokens; None where that was not measured.
    """

    target: str
    drafter: str
    parameters: float
    assumed: Mapping[str, float]
    measured: float
    review: float | None


REVIEW_Q = 8

FAMILIES = ("flan-t5", "llama", "qwen2.5", "smollm2")
"""Shapes whose names begin alike speak one vocabulary: only they can draft for each other."""


def cost_ratios(measured: Mapping[str, MeasuredShape]) -> list[CostRatio]:
    """Every drafter with the largest measured target of its family, the largest target first."""
    table = {row["model"]: row for row in read_rows("swi_costs.csv")}
    result = []
    for family in FAMILIES:
        members = sorted((s for s in measured if s.startswith(family)), key=lambda s: measured[s].parameters)
        if not members:
            continue
        *drafters, target = members
        unit = measured[target].curve[1]
        for drafter in drafters:
            assumed = {}
            for label, key in (("MS", "model_parameters"), ("PW", "previous_work")):
                cells = [table.get(_published_name(model), {}).get(key) for model in (drafter, target)]
                if all(cells):
                    assumed[label] = float(cells[0] or 0) / float(cells[1] or 1)
            review = measured[target].curve.get(REVIEW_Q)
            result.append(
                CostRatio(
                    target,
                    drafter,
                    measured[drafter].parameters / measured[target].parameters,
                    assumed,
                    measured[drafter].curve[1] / unit,
                    None if review is None else review / unit,
                )
            )
    return result


def _published_name(shape: str) -> str:
    return {"llama-2-7b": "llama-7b"}.get(shape, shape)


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
        claimed = _prediction("MS", alpha, Affine(wrong), one, 0, (Affine(right), one))
        honest = _prediction("MS", alpha, Affine(right), one, 0, None)
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
