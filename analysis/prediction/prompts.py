"""How acceptance varied over the prompts of a calibration: what errors of predictions come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.model import InputError
from analysis.model.boundary.fields import inside, mapping, read_number, sequence
from analysis.model.records.calibration import Calibration

Vector = NDArray[np.float64]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Prompts:
    """The prompts of a calibration, by first tokens of drafts from every place of their texts.

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
        """Read `by_prompt`."""
        counts: dict[Pair, list[tuple[float, float]]] = {}
        with inside("meta.calibration.by_prompt"):
            listed = sequence(calibration.details.get("by_prompt"), "")
            for i, item in enumerate(listed):
                with inside(f"[{i}]"):
                    fields = mapping(item, "")
                    for reviewer, row in mapping(fields.get("agree"), "agree").items():
                        for drafter, pair in mapping(row, f"agree.{reviewer}").items():
                            both = sequence(pair, f"agree.{reviewer}.{drafter}")
                            if len(both) != 2:
                                raise InputError(f"agree.{reviewer}.{drafter}", "expected [accepted, examined]")
                            examined = read_number(both[1], "examined", 0)
                            cell = read_number(both[0], "accepted", 0, examined), examined
                            counts.setdefault((reviewer, drafter), [(0.0, 0.0)] * i).append(cell)
                for cells in counts.values():
                    cells += [(0.0, 0.0)] * (i + 1 - len(cells))
        if not listed:
            raise InputError("meta.calibration.by_prompt", "is empty, expected at least one prompt")
        tables = {pair: np.array(cells) for pair, cells in counts.items()}
        return cls(
            len(listed),
            {pair: table[:, 0] for pair, table in tables.items()},
            {pair: table[:, 1] for pair, table in tables.items()},
        )
