"""Logits that are no numbers (NaN, or infinite after an overflow): told from good ones, and refused by their model."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from analysis.model import InputError
from realrun.engine.policy import greatest


class NotFiniteError(Exception):
    """A model's logits give no law: one is NaN or +infinite, or all are -infinite."""


class Likeliest:
    """The likeliest token of every row of logits.

    A row whose greatest logit is finite has no NaN, which every search for the greatest finds, and no +infinity; tokens
    may be ruled out by -infinity. So it is enough to look at the chosen logits.

    Args:
        logits: Shape (rows, columns).
        output_ids: Token id of every column; None where column i is token i.
        vocabulary: Number of the target's token ids; further columns are left out.

    Attributes:
        tokens: Their ids.
    """

    def __init__(self, logits: Tensor, output_ids: Tensor | None, vocabulary: int) -> None:
        columns = logits if output_ids is not None else logits[..., :vocabulary]
        places = greatest(columns)
        ids = places if output_ids is None else output_ids[places]
        if columns.device.type == "cpu":
            self.tokens: list[int] = ids.tolist()
            self._logits = columns, places.tolist() if ids is not places else self.tokens
            self._finite: list[int] | None = None
        else:  # one transfer for both
            finite = columns.gather(-1, places[:, None])[:, 0].isfinite()
            self.tokens, self._finite = torch.stack([ids, finite]).tolist()

    def demand(self, rows: int) -> None:
        """Refuse the first rows where one of them is no law.

        Raises:
            NotFiniteError: for `blamed_on` to name the model.
        """
        if self._finite is None:
            columns, places = self._logits
            good = all(math.isfinite(columns[row, places[row]].item()) for row in range(rows))
        else:
            good = all(self._finite[:rows])
        if not good:
            raise NotFiniteError


@contextlib.contextmanager
def blamed_on(name: str, model: object) -> Iterator[None]:
    """Name the model whose logits are no numbers.

    Raises:
        InputError: with the type of its weights, and what may help.
    """
    try:
        yield
    except NotFiniteError:
        dtype = str(getattr(getattr(model, "network", None), "dtype", "")).removeprefix("torch.")
        if dtype in ("float16", "bfloat16"):
            why = f"in {dtype}, expected a dtype of wider range (float32{', bfloat16' if dtype == 'float16' else ''})"
        else:
            why = "whatever the dtype: are its weights damaged, or all its tokens suppressed?"
        raise InputError(f"models.{name}", f"its logits are not finite numbers {why}") from None
