"""A greedy bigram over token ids: the fallback of Max-Gram, learnt from text of the target's tokenizer."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np

from analysis.model import InputError, whole_file

NONE = -1

_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy and its archive raise on a file that is not whole."""


@dataclass(frozen=True)
class Bigram:
    """Most frequent successor of each token.

    Attributes:
        successors: Token id by token id, shape (vocabulary,), -1 where none was seen.
        tokenizer: Fingerprint of the tokenizer whose ids these are.
    """

    successors: np.ndarray
    tokenizer: str

    def successor(self, token: int) -> int | None:
        """The most frequent successor of a token, or None."""
        found = int(self.successors[token]) if token < self.successors.size else NONE
        return None if found == NONE else found

    @classmethod
    def learn(cls, texts: Iterable[Sequence[int]], vocabulary: int, tokenizer: str) -> Bigram:
        """Count successors in token sequences; of equally frequent ones the smallest id wins."""
        counts: dict[int, Counter[int]] = defaultdict(Counter)
        for tokens in texts:
            for token, successor in pairwise(tokens):
                counts[token][successor] += 1
        successors = np.full(vocabulary, NONE, dtype=np.int32)
        for token, seen in counts.items():
            successors[token] = min(seen, key=lambda successor: (-seen[successor], successor))
        return cls(successors, tokenizer)

    def save(self, path: str | Path) -> None:
        """Write as a compressed .npz without pickles; the file appears whole or not at all."""
        with whole_file(path, "wb") as file:
            np.savez_compressed(file, successors=self.successors, tokenizer=np.array(self.tokenizer))

    @classmethod
    def load(cls, path: Path) -> Bigram:
        """Read what `save` wrote.

        Raises:
            InputError: where the file is missing or holds something else.
        """
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                table = cls(file["successors"], str(file["tokenizer"]))
            if table.successors.ndim != 1 or not np.issubdtype(table.successors.dtype, np.integer):
                raise ValueError("no list of token ids")
            if (
                table.successors.size
                and not NONE <= table.successors.min() <= table.successors.max() < table.successors.size
            ):
                raise ValueError("ids beyond the vocabulary")
            return table
        except FileNotFoundError:
            raise InputError(str(path), "no such file") from None
        except _DAMAGED:
            raise InputError(str(path), "not a bigram table written by `cascade-ewif bigram`") from None


def tokenizer_fingerprint(vocabulary: Mapping[str, int]) -> str:
    """SHA-256 of a tokenizer's vocabulary: equal for tokenizers with the same ids for the same pieces."""
    return hashlib.sha256(json.dumps(sorted(vocabulary.items())).encode()).hexdigest()


def shipped_bigram(fingerprint: str) -> Bigram | None:
    """The table that ships with the package, if it was made for this tokenizer (the embedded model's)."""
    with resources.as_file(resources.files("realrun") / "data" / "smollm2_bigram.npz") as path:
        table = Bigram.load(path)
    return table if table.tokenizer == fingerprint else None
