"""A made-up machine whose every rate is known."""

from analysis.model.records.machine_rates import MachineRates

RATES = MachineRates(
    "cpu",
    2,
    read=3e10,
    products={"float32": 4e10, "bfloat16": 1e11, "int8": 2e11, "float16": 1e9},
    read_one_thread=2e10,
    read_cached=8e10,
    buffer_bytes=2**28,
    cache_bytes=2**25,
    kernels={"read": "sum"},
)
