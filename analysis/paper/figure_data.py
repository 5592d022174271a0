"""Data of the theory's figures: numbers only, which `figures.theory_*` draw; those of the maps are in `regions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import Cascade, Step, acceptances, scalar_models
from analysis.paper.published import read_rows
from analysis.paper.table1 import PARAMETERS_IN_MILLIONS
from analysis.theory.grid import flat_ewif, leaves_ewif
from analysis.theory.heterogeneity import beta_ewif, beta_from_mean
from analysis.theory.markov import HiddenChain, markov_ewif

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """EWIF of speculative decoding against the draft length.

    Attributes:
        label: What the curve stands for.
        alpha: Acceptance.
        c: Cost of one drafted token, in one-token target calls.
        ewif: ``ewif[k]`` at draft length k, shape (greatest k + 1,).
    """

    label: str
    alpha: float
    c: float
    ewif: Vector

    @property
    def best_k(self) -> int:
        """Draft length of the greatest EWIF."""
        return int(self.ewif.argmax())


def ewif_curves(drafters: Sequence[tuple[str, float, float]], greatest_k: int = 30) -> list[Curve]:
    """EWIF at every draft length 0..greatest_k for drafters (label, alpha, c); Theorem 3.8 of Leviathan et al."""
    k = np.arange(greatest_k + 1)
    return [Curve(label, alpha, c, flat_ewif(alpha, c, k)) for label, alpha, c in drafters]


@dataclass(frozen=True)
class Allocation:
    """EWIF of k1 tokens of a first drafter followed by k2 tokens of a second.

    Attributes:
        labels: Names of the two drafters.
        alphas: Their acceptances by the target.
        costs: Their costs, in one-token target calls.
        ewif: ``ewif[k1, k2]``.
        published: (k1, k2) that the paper reports, None without one.
    """

    labels: tuple[str, str]
    alphas: tuple[float, float]
    costs: tuple[float, float]
    ewif: Vector
    published: tuple[int, int] | None

    @property
    def best(self) -> tuple[int, int]:
        """(k1, k2) of the greatest EWIF."""
        k1, k2 = np.unravel_index(int(self.ewif.argmax()), self.ewif.shape)
        return int(k1), int(k2)


def allocation(
    labels: tuple[str, str],
    alphas: tuple[float, float],
    costs: tuple[float, float],
    greatest: tuple[int, int] = (16, 24),
    published: tuple[int, int] | None = None,
) -> Allocation:
    """EWIF at every allocation up to the greatest lengths."""
    lengths = np.moveaxis(np.indices((greatest[0] + 1, greatest[1] + 1)), 0, -1)
    return Allocation(labels, alphas, costs, leaves_ewif(alphas, costs, lengths), published)


def greedy_rows(task: str) -> list[dict[str, str]]:
    """The published greedy measurements of one task of Leviathan et al., one row per drafter."""
    return [row for row in read_rows("leviathan2023.csv") if row["task"] == task and float(row["temperature"]) == 0]


def curves_of_published_drafters() -> list[Curve]:
    """EWIF against draft length for the English-German drafters of Leviathan et al."""
    return ewif_curves([(f"T5-{r['drafter']}", float(r["alpha"]), float(r["c"])) for r in greedy_rows("ENDE")])


def allocation_of_table1() -> Allocation:
    """How many tokens of the base and of the small drafter, around the paper's 5 + 3 for CNN/DailyMail."""
    alphas = {row["drafter"]: float(row["alpha"]) for row in greedy_rows("CNNDM")}
    base, small = (PARAMETERS_IN_MILLIONS[name] / PARAMETERS_IN_MILLIONS["xxl"] for name in ("base", "small"))
    return allocation(("base", "small"), (alphas["base"], alphas["small"]), (base, small), published=(5, 3))


@dataclass(frozen=True)
class IidError:
    """Relative error of the i.i.d. prediction against the spread of alpha.

    Attributes:
        mean_alpha: Mean alpha.
        c: Cost of one drafted token, in one-token target calls.
        memory: Correlation of neighbouring tokens of the text, for the chain.
        deviation: Standard deviation of alpha, shape (n,).
        equal_cycles: Error by draft length: alpha Beta over prompts with equal cycles, shape (n,).
        equal_tokens: The same for prompts with equal tokens.
        along_text: The same for alpha in two equally frequent states, mean -+ deviation, along one text.
    """

    mean_alpha: float
    c: float
    memory: float
    deviation: Vector
    equal_cycles: dict[int, Vector]
    equal_tokens: dict[int, Vector]
    along_text: dict[int, Vector]


def iid_error(
    mean_alpha: float = 0.7,
    c: float = 0.05,
    draft_lengths: Sequence[int] = (3, 8),
    memory: float = 0.9,
    greatest_deviation: float = 0.28,
    points: int = 29,
) -> IidError:
    """The i.i.d. error for speculative decoding, by weighting and draft length."""
    deviation = np.linspace(0, greatest_deviation, points)
    cycles, by_tokens, along = {}, {}, {}
    chain = HiddenChain.from_share(0.5, memory)
    for k in draft_lengths:
        cascade = Cascade(
            "t", scalar_models({"t": 1, "d": c}), acceptances({"t": {"d": mean_alpha}}), (Step("d", tokens=k),)
        )
        over_prompts = [beta_ewif(cascade, "t", "d", *beta_from_mean(mean_alpha, s)) for s in deviation[1:]]
        states = [(mean_alpha - s, mean_alpha + s) for s in deviation[1:]]
        cycles[k] = np.array([0.0, *(found.error_equal_cycles for found in over_prompts)])
        by_tokens[k] = np.array([0.0, *(found.error_equal_tokens for found in over_prompts)])
        along[k] = np.array([0.0, *(markov_ewif(cascade, chain, {"d": pair}).error for pair in states)])
    return IidError(mean_alpha, c, memory, deviation, cycles, by_tokens, along)


@dataclass(frozen=True)
class Published:
    """One published configuration with its measured speedup.

    Attributes:
        task: Task of the measurement.
        drafter: Drafter.
        temperature: Sampling temperature.
        predicted: EWIF by Theorem 3.8 at the published alpha, draft length and cost.
        measured: Measured speedup.
    """

    task: str
    drafter: str
    temperature: float
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted / self.measured - 1


def published_predictions() -> list[Published]:
    """The 12 configurations of Leviathan et al. 2023 (arXiv 2211.17192), predicted and measured."""
    result = []
    for row in read_rows("leviathan2023.csv"):
        predicted = float(flat_ewif(float(row["alpha"]), float(row["c"]), int(row["gamma"])))
        result.append(
            Published(row["task"], row["drafter"], float(row["temperature"]), predicted, float(row["measured_speedup"]))
        )
    return result


@dataclass(frozen=True)
class Schematic:
    """The two cascades of one target and its drafters.

    Attributes:
        target: The target's label.
        drafters: Labels of the drafters, the largest first.
        blocks: Tokens each drafter contributes to a horizontal draft, in the order of `drafters`.
    """

    target: str
    drafters: tuple[str, ...]
    blocks: tuple[int, ...]


def schematic() -> Schematic:
    """Three drafters: two models and the statistical Max-Gram."""
    return Schematic("target", ("large drafter", "small drafter", "Max-Gram"), (2, 3, 4))
