"""Random numbers of the fast kernel: xoshiro256++ in many independent lanes, seeded by name.

xoshiro256++ is the generator of Blackman and Vigna, "Scrambled linear pseudorandom number generators" (ACM TOMS 47,
2021): 256 bits of state, period 2^256 - 1. Lanes side by side let one instruction advance several of them, which makes
it several times faster than one stream of any generator.

The whole state is the SHAKE-256 digest of a key that names the draw (root seed, task, batch): equal keys give equal
numbers whatever the machine, worker or order, and different keys give streams that overlap with a probability of
about (lanes^2 numbers) / 2^256, below 10^-50 for anything a computer can draw.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulate.kernel.compiled import compiled

Lanes: TypeAlias = NDArray[np.uint64]
"""State of the generator, shape (4, LANES)."""

LANES = 256
"""Independent generators advanced together."""

_REPEATS = 4
"""Numbers every lane gives before the next lanes' turn; keeps their state in registers meanwhile."""

BLOCK = LANES * _REPEATS
"""`fill` writes multiples of this many numbers."""

UNIFORM_BITS = 62
"""Bits of a uniform number: whole numbers in [0, 2^62), so that 2^62 itself, probability one, fits a signed integer."""

ONE = 1 << UNIFORM_BITS
"""The number that stands for probability one."""


def lanes_for(*key: object) -> Lanes:
    """State of the generator that the key names.

    Args:
        key: Whole numbers and strings, for example root seed, task id and batch index.
    """
    text = "\x1f".join(str(part) for part in key)
    digest = hashlib.shake_256(text.encode()).digest(4 * LANES * 8)
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64).reshape(4, LANES)


@compiled
def _rotated(x: np.uint64, k: int) -> np.uint64:
    return (x << np.uint64(k)) | (x >> np.uint64(64 - k))


@compiled
def fill(lanes: Lanes, out: NDArray[np.int64]) -> None:
    """Write uniform whole numbers in [0, 2^62), the upper bits of each output, and advance the lanes.

    Args:
        lanes: State, advanced in place.
        out: Where to write; its size is a multiple of `BLOCK`.
    """
    s0 = lanes[0]
    s1 = lanes[1]
    s2 = lanes[2]
    s3 = lanes[3]
    for first in range(0, out.size, BLOCK):
        block = out[first : first + BLOCK]
        for lane in range(LANES):
            a = s0[lane]
            b = s1[lane]
            c = s2[lane]
            d = s3[lane]
            for repeat in range(_REPEATS):
                block[repeat * LANES + lane] = np.int64((_rotated(a + d, 23) + a) >> np.uint64(2))
                t = b << np.uint64(17)
                c ^= a
                d ^= b
                b ^= c
                a ^= d
                c ^= t
                d = _rotated(d, 45)
            s0[lane] = a
            s1[lane] = b
            s2[lane] = c
            s3[lane] = d
