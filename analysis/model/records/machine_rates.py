"""Machine rates: how fast a machine read memory and multiplied when that was measured; the ground of a roofline.

Every rate is one that was reached. What the machine can do is at least that, so a time computed from it estimates the
least possible one and does not prove it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.model.boundary.fields import InputError, count, inside, mapping, read_name, read_number, reject

PRODUCTS = ("int8", "bfloat16", "float16", "float32")
"""Number formats whose products are timed; the two factors have it, sums are wider."""

_EXACT_IN = {
    "int8": PRODUCTS,
    "bfloat16": ("bfloat16", "float32"),
    "float16": ("float16", "float32"),
    "float32": ("float32",),
}
"""In which formats a product can be computed whose factors have one: each holds all of its values."""

_MOST_RATE = 1e18
"""Bytes or multiplications a second that no machine comes near."""
_MOST_BYTES = 10**15
_MOST_THREADS = 10**6


@dataclass(frozen=True)
class MachineRates:
    """The greatest rates that were measured on one device.

    Attributes:
        device: Name of the device: cpu, cuda or cuda:N.
        threads: Threads of the processor that worked, >= 1.
        read: Bytes a second read from memory by all of them, > 0.
        products: Multiply-accumulates a second of great matrix products by number format (`PRODUCTS`), > 0; float32 is
            among them, a format without a kernel is not.
        read_one_thread: The same as `read` with one thread; None where there is no such thing.
        read_cached: Bytes a second that one thread read from its caches by the same kernels; None where not measured.
            Where it is not far above `read_one_thread`, these kernels and not the memory may have been what limits it.
        buffer_bytes: Bytes read in one go from memory; None where not told.
        cache_bytes: Size of the last-level cache; None where the system does not tell.
        kernels: By rate, the operation that reached it.

    Raises:
        InputError: naming the attribute that is out of its range.

    Example:
        >>> MachineRates("cpu", 2, read=3e10, products={"float32": 4e10, "int8": 2e11}).product("bfloat16")
        40000000000.0
    """

    device: str
    threads: int
    read: float
    products: Mapping[str, float]
    read_one_thread: float | None = None
    read_cached: float | None = None
    buffer_bytes: int | None = None
    cache_bytes: int | None = None
    kernels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        read_name(self.device, "device")
        count(self.threads, "threads", _MOST_THREADS)
        _positive(self.read, "read")
        for key in self.products:
            if key not in PRODUCTS:
                raise InputError(f"products.{key}", f"unknown number format, expected one of {', '.join(PRODUCTS)}")
            _positive(self.products[key], f"products.{key}")
        if "float32" not in self.products:
            raise InputError("products.float32", "missing")
        for key in _OPTIONAL_RATES:
            if getattr(self, key) is not None:
                _positive(getattr(self, key), key)
        for key in _SIZES:
            if getattr(self, key) is not None:
                count(getattr(self, key), key, _MOST_BYTES)

    def product(self, number_format: str) -> float:
        """Multiply-accumulates a second of factors in a format, by the fastest kernel that has room for their values.

        Factors in bfloat16 may be multiplied in float32, those in int8 in any format: nothing is lost by that.

        Raises:
            InputError: where it is none of `PRODUCTS`.
        """
        if number_format not in _EXACT_IN:
            reject("number_format", number_format, f"one of {', '.join(PRODUCTS)}")
        return max(self.products[wide] for wide in _EXACT_IN[number_format] if wide in self.products)

    @classmethod
    def of_json(cls, value: object) -> MachineRates:
        """Read what `to_json` wrote.

        Raises:
            InputError: naming the field that is missing or wrong.
        """
        fields = mapping(value, "")
        with inside("products"):
            products = {key: _positive(rate, key) for key, rate in mapping(fields.get("products"), "").items()}
        with inside("kernels"):
            kernels = {key: read_name(name, key) for key, name in mapping(fields.get("kernels", {}), "").items()}
        alone, cached = (None if fields.get(k) is None else _positive(fields[k], k) for k in _OPTIONAL_RATES)
        buffer, cache = (None if fields.get(k) is None else count(fields[k], k, _MOST_BYTES) for k in _SIZES)
        return cls(
            device=read_name(fields.get("device"), "device"),
            threads=count(fields.get("threads"), "threads", _MOST_THREADS),
            read=_positive(fields.get("read"), "read"),
            products=products,
            read_one_thread=alone,
            read_cached=cached,
            buffer_bytes=buffer,
            cache_bytes=cache,
            kernels=kernels,
        )

    def to_json(self) -> dict[str, object]:
        """All of it, in bytes and multiply-accumulates a second; what is not known is left out."""
        found: dict[str, object] = {
            "device": self.device,
            "threads": self.threads,
            "read": self.read,
            "products": dict(self.products),
        }
        found |= {key: getattr(self, key) for key in (*_OPTIONAL_RATES, *_SIZES) if getattr(self, key) is not None}
        return found | ({"kernels": dict(self.kernels)} if self.kernels else {})


_OPTIONAL_RATES = ("read_one_thread", "read_cached")
_SIZES = ("buffer_bytes", "cache_bytes")


def _positive(value: object, name: str) -> float:
    rate = read_number(value, name, 0, _MOST_RATE)
    if not rate > 0:
        reject(name, value, "a number > 0")
    return rate
