"""Weight formats: bytes of a matrix in each of them, and the number format in which an engine multiplies by it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightFormat:
    """How weights are stored, and what is computed with them.

    Attributes:
        name: What tables call it.
        block: Values of a row that are stored together, >= 1; a row is padded to whole blocks.
        block_bytes: Bytes of these.
        row_bytes: Bytes of each row besides, such as its scale.
        vector_bytes: Bytes of each value of norms and biases, which are not quantised.
        held_bytes: Bytes of each value of a held token's keys and values.
        product: Number format of the products with the matrices.
        attention: Number format of the products of attention.
    """

    name: str
    block: int
    block_bytes: int
    row_bytes: int
    vector_bytes: int
    held_bytes: int
    product: str
    attention: str

    def matrix_bytes(self, rows: int, columns: int) -> int:
        """Bytes of a matrix whose rows are one for each output.

        Example:
            >>> FORMATS["q4_1"].matrix_bytes(3, 64)
            120
        """
        return rows * (-(-columns // self.block) * self.block_bytes + self.row_bytes)


def _quantised(name: str, block: int, block_bytes: int, row_bytes: int = 0) -> WeightFormat:
    """Integers of 8 bits or fewer, multiplied by activations in int8; keys and values in two bytes."""
    return WeightFormat(name, block, block_bytes, row_bytes, 4, 2, "int8", "bfloat16")


FORMATS = {
    each.name: each
    for each in (
        WeightFormat("float32", 1, 4, 0, 4, 4, "float32", "float32"),
        WeightFormat("bfloat16", 1, 2, 0, 2, 2, "bfloat16", "bfloat16"),
        WeightFormat("float16", 1, 2, 0, 2, 2, "float16", "float16"),
        _quantised("int8", 1, 1, 4),
        _quantised("q8_0", 32, 34),
        _quantised("q4_1", 32, 20),
        _quantised("q4_0", 32, 18),
    )
}
"""By name. int8 has a scale in float32 for each output; q8_0, q4_1 and q4_0 are GGUF's, with scales (and for q4_1 an
offset) in float16 for each 32 values."""
