"""Least time of a decoding call by the roofline model (Williams, Waterman, Patterson, Commun. ACM 52(4), 2009).

A call must read every weight and the keys and values that it looks at, and compute all products; reading and
arithmetic may overlap. With the machine's true rates it could take no less than the longer of the two. Norms,
activations, softmax, the unpacking of quantised weights and the writing of results are not counted, which keeps the
time a least one. But the rates are measured ones, which the machine may exceed, and a cache may keep a part of the
weights from call to call: so this estimates a bound and proves none.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.model.records.machine_rates import MachineRates
from realrun.roofline.formats import WeightFormat
from realrun.roofline.work import DecoderWork

MOST_TOKENS = 4096
"""Tokens of a call up to which `CallBound.flat` looks."""


@dataclass(frozen=True)
class CallBound:
    """Times of calls of one decoder with weights in one format, by one machine's rates.

    Attributes:
        work: What the decoder's calls compute with.
        form: How its weights are stored.
        rates: The machine's.
        file_bytes: Bytes of the weights where a file tells them; None for those of the format.
    """

    work: DecoderWork
    form: WeightFormat
    rates: MachineRates
    file_bytes: int | None = None

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights that a call reads."""
        return self.work.weight_bytes(self.form) if self.file_bytes is None else self.file_bytes

    def reading(self, held: int) -> float:
        """Seconds for reading weights, and keys and values of `held` tokens; the same for any number of new tokens."""
        return (self.weight_bytes + self.work.held_bytes(self.form, held)) / self.rates.read

    def arithmetic(self, q: int, held: int) -> float:
        """Seconds for the products of a call on `q` tokens after `held` ones."""
        linear = self.work.linear_products(q) / self.rates.product(self.form.product)
        return linear + self.work.attention_products(q, held) / self.rates.product(self.form.attention)

    def least(self, q: int, held: int) -> float:
        """Least seconds of a call on `q` >= 1 tokens after `held` >= 0: the longer of reading and arithmetic."""
        return max(self.reading(held), self.arithmetic(q, held))

    def in_turn(self, q: int, held: int) -> float:
        """Seconds of a call that first reads and then computes: an estimate for engines without overlap, no bound."""
        return self.reading(held) + self.arithmetic(q, held)

    def speed(self, held: int) -> float:
        """Greatest tokens a second of decoding without speculation."""
        return 1 / self.least(1, held)

    def flat(self, held: int) -> int:
        """Greatest q, `MOST_TOKENS` at the most, for which reading takes longer: up to there q tokens cost as one.

        0 where arithmetic takes longer even for one token.
        """
        low, high = 0, MOST_TOKENS
        while low < high:  # arithmetic grows with q
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.arithmetic(middle, held) <= self.reading(held) else (low, middle - 1)
        return low

    def to_json(self, held: int, sizes: tuple[int, ...]) -> dict[str, object]:
        """All of it after `held` tokens, for calls of some sizes; seconds and bytes."""
        return {
            "format": self.form.name,
            "weight_bytes": self.weight_bytes,
            "held_bytes": self.work.held_bytes(self.form, held),
            "read_seconds": self.reading(held),
            "least_seconds": {str(q): self.least(q, held) for q in sizes},
            "in_turn_seconds": {str(q): self.in_turn(q, held) for q in sizes},
            "tokens_per_second": self.speed(held),
            "flat_to": self.flat(held),
        }
