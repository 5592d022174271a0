"""What every fit returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class GoodnessOfFit:
    """A test of the model against the counts.

    Attributes:
        test: What was compared, in words.
        statistic: Value of the statistic.
        degrees: Degrees of freedom of its chi-squared law, None where the law was simulated.
        p_value: P(a statistic as large | the model is right), in [0, 1].
    """

    test: str
    statistic: float
    degrees: int | None
    p_value: float


@dataclass(frozen=True)
class Fit:
    """One fitted acceptance model.

    Attributes:
        name: Name of the model.
        acceptance: Entry for `acceptance` in a cascade specification.
        uncertainty: Its standard errors in the same shape, for `uncertainty`; robust to prompts that differ where
            ten or more were told apart. None where the data give none.
        parameters: The model's own parameters.
        standard_errors: Standard errors of `parameters` from the observed information, None for one that has none
            (it sits on the edge of its range, or the counts are only rates).
        log_likelihood: Log-likelihood of all reviews at the estimate; None where the counts are only rates.
        free: Number of parameters estimated.
        goodness_of_fit: The test of the model, None where no degrees of freedom are left.
        note: What a reader must know to use the entry; may be empty.
    """

    name: str
    acceptance: object
    uncertainty: object
    parameters: Mapping[str, float]
    standard_errors: Mapping[str, float | None]
    log_likelihood: float | None
    free: int
    goodness_of_fit: GoodnessOfFit | None
    note: str = ""
    alternatives: Mapping[str, object] = field(default_factory=dict)

    @property
    def aic(self) -> float | None:
        """Akaike's criterion 2 free - 2 log-likelihood; smaller is better."""
        return None if self.log_likelihood is None else 2 * self.free - 2 * self.log_likelihood

    def to_json(self) -> dict[str, object]:
        """All of it as plain JSON values; `uncertainty` only where there is one, as in a specification."""
        test = self.goodness_of_fit
        return {
            "model": self.name,
            "acceptance": self.acceptance,
            **({} if self.uncertainty is None else {"uncertainty": self.uncertainty}),
            "parameters": dict(self.parameters),
            "standard_errors": dict(self.standard_errors),
            "log_likelihood": self.log_likelihood,
            "free_parameters": self.free,
            "aic": self.aic,
            "goodness_of_fit": None if test is None else vars(test),
            "note": self.note,
            **({"alternatives": dict(self.alternatives)} if self.alternatives else {}),
        }
