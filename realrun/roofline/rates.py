"""Measuring a machine's rates by torch's own kernels: reading memory, and great matrix products by number format.

All in a few seconds: each rate is the best of several short runs. What else the machine does at that time can make a
rate too small and never too great.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from analysis.model.records.machine_rates import PRODUCTS, MachineRates
from realrun.network.device import device_named, wait_for
from realrun.roofline.caches import last_level_cache
from realrun.shapes.build import available_bytes

Kernel = Callable[[], object]

_CACHES = 8
"""The buffer is so many times as large as the last-level cache."""
_LEAST_BUFFER = {"cpu": 2**28, "cuda": 2**31}
"""Bytes; a CUDA device reads so fast that the start of a kernel counts with fewer."""
_CACHED = 2**19
"""Bytes that stay in a core's own caches."""
_RUNS = 20
_BUDGET = 0.15
"""The runs of a kernel number so many, or end after so many seconds, though not before the second."""
_LONG_ENOUGH = 0.01
"""A product that takes so many seconds is large enough; those before it only warm up."""
_SIDES = {"cpu": (256, 512, 1024, 2048), "cuda": (1024, 2048, 4096, 8192, 16384)}

_READERS: Mapping[str, Callable[[Tensor], object]] = {
    "torch.sum, float32": lambda buffer: buffer.view(torch.float32).sum(),
    "torch.sum, int64": lambda buffer: buffer.view(torch.int64).sum(),
    "torch.amax, float32": lambda buffer: buffer.view(torch.float32).amax(),
}
"""Reductions: they read every byte once and write next to nothing."""


def measured_rates(device: str) -> MachineRates:
    """Rates of a device, measured when first asked for in this process, in a few seconds.

    Args:
        device: cpu, cuda or cuda:N; a CPU works with as many threads as torch has now.

    Raises:
        InputError: where there is no such device.
    """
    return _measured(device, torch.get_num_threads())


@functools.cache
def _measured(device: str, threads: int) -> MachineRates:
    place = device_named(device)
    cache = last_level_cache(place)
    size = _buffer_bytes(place, cache)
    buffer = torch.ones(size // 4, device=place)
    kernels = {}
    read, kernels["read"] = _best_reader(buffer, place)
    alone = cached = None
    if place.type == "cpu":
        with one_thread():
            alone, kernels["read_one_thread"] = _best_reader(buffer, place)
            cached, kernels["read_cached"] = _best_reader(buffer[: _CACHED // 4], place)
        if alone > read:  # all threads can do what one of them can
            read, kernels["read"] = alone, f"{kernels['read_one_thread']}, one thread"
    del buffer
    products = {}
    for number_format in PRODUCTS:
        found = _best_product(number_format, place)
        if found is not None:
            products[number_format], kernels[number_format] = found
    return MachineRates(
        device=device,
        threads=threads,
        read=read,
        products=products,
        read_one_thread=alone,
        read_cached=cached,
        buffer_bytes=size,
        cache_bytes=cache,
        kernels=kernels,
    )


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Have torch work with one thread in the block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _buffer_bytes(device: torch.device, cache: int | None) -> int:
    """Larger than any cache, and no more than a quarter of the memory there is; whole pages."""
    wanted = max(_LEAST_BUFFER[device.type], _CACHES * (cache or 0))
    return int(min(wanted, available_bytes(device) // 4)) // 4096 * 4096


def _best_reader(buffer: Tensor, device: torch.device) -> tuple[float, str]:
    """Greatest bytes a second, and the kernel that reached it."""
    rates = {
        name: buffer.nbytes / _least_seconds(functools.partial(read, buffer), device) for name, read in _READERS.items()
    }
    name = max(rates, key=rates.__getitem__)
    return rates[name], name


def _best_product(number_format: str, device: torch.device) -> tuple[float, str] | None:
    """Greatest multiply-accumulates a second of square products, and the kernel; None where there is no kernel."""
    found: list[tuple[float, str]] = []
    for name, make in _multipliers(number_format).items():
        with contextlib.suppress(RuntimeError, AttributeError, NotImplementedError):  # no kernel on this machine
            for side in _SIDES[device.type]:
                seconds = _least_seconds(make(side, device), device)
                found.append((side**3 / seconds, name))
                if seconds > _LONG_ENOUGH:
                    break
    return max(found, default=None)


def _multipliers(number_format: str) -> dict[str, Callable[[int, torch.device], Kernel]]:
    """Ways to multiply square matrices of a format, by name: each takes their side and the device."""
    if number_format == "int8":
        return {"torch._int_mm": _int_mm, "torch.ops.onednn.qlinear_pointwise": _qlinear}
    dtype: torch.dtype = getattr(torch, number_format)

    def plain(side: int, device: torch.device) -> Kernel:
        left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        return lambda: left @ right

    def packed(side: int, device: torch.device) -> Kernel:
        _demand_cpu(device)
        left = torch.randn(side, side, device=device).to(dtype)
        right = torch.ops.mkldnn._reorder_linear_weight(torch.randn(side, side).to(dtype), None)
        return lambda: torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")

    return {"torch.matmul": plain, "torch.ops.mkldnn._linear_pointwise": packed}


def _int_mm(side: int, device: torch.device) -> Kernel:
    """Signed by signed, to int32; the second in the order of a linear layer's weight."""
    left, right = (torch.randint(-127, 128, (side, side), device=device, dtype=torch.int8) for _ in range(2))
    return lambda: torch._int_mm(left, right.t())


def _qlinear(side: int, device: torch.device) -> Kernel:
    """Unsigned by signed, as oneDNN computes quantised layers; it ends in float32."""
    _demand_cpu(device)
    left = torch.randint(0, 255, (side, side), dtype=torch.uint8)
    weight = torch.ops.onednn.qlinear_prepack(torch.randint(-127, 128, (side, side), dtype=torch.int8), [side, side])
    scales, zeros = torch.ones(side), torch.zeros(side, dtype=torch.int32)
    rest: tuple[object, ...] = (None, 1.0, 0, torch.float32, "none", [], "")
    return lambda: torch.ops.onednn.qlinear_pointwise(left, 1.0, 0, weight, scales, zeros, *rest)


def _demand_cpu(device: torch.device) -> None:
    if device.type != "cpu":
        raise NotImplementedError


def _least_seconds(kernel: Kernel, device: torch.device) -> float:
    """Seconds of the fastest of some runs after one that warms up."""
    _timed(kernel, device)
    seconds = [_timed(kernel, device)]
    while len(seconds) < 2 or (len(seconds) < _RUNS and sum(seconds) < _BUDGET):
        seconds.append(_timed(kernel, device))
    return min(seconds)


def _timed(kernel: Kernel, device: torch.device) -> float:
    wait_for(device)
    began = time.perf_counter()
    kernel()
    wait_for(device)
    return time.perf_counter() - began
