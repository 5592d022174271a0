"""How acceptance varied over the prompts of a calibration: what errors of predictions come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError
from analysis.model.records.calibration import Calibration
from analysis.model.records.calibration_parts import Pair

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Prompts:
    """The prompts of a calibration, by agreement at every place of their texts.

    Attributes:
        count: Number of prompts.
        accepted: By pair, accepted first tokens of each prompt, shape (prompts,).
        examined: By pair, how many there were.
    """

    count: int
    accepted: Mapping[Pair, Vector]
    examined: Mapping[Pair, Vector]

    @classmethod
    def of(cls, calibration: Calibration) -> Prompts:
        """Those of `by_prompt`.

        Raises:
            InputError: where there are none.
        """
        rows = calibration.by_prompt
        if not rows:
            raise InputError("meta.calibration.by_prompt", "is empty, expected at least one prompt")
        pairs = dict.fromkeys(pair for row in rows for pair in row.agree)
        tables = {pair: np.array([row.agree.get(pair, (0.0, 0.0)) for row in rows], dtype=np.float64) for pair in pairs}
        return cls(
            len(rows),
            {pair: table[:, 0] for pair, table in tables.items()},
            {pair: table[:, 1] for pair, table in tables.items()},
        )
