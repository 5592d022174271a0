"""The number format of a run for which none is asked, and that in which each of its models runs."""

from __future__ import annotations

from analysis.model import Cascade
from realrun.loading import embedded
from realrun.loading.options import Source

FLOATS = ("float32", "bfloat16", "float16")
"""What weights are loaded in."""

USUAL = f"int8 where the target is {embedded.NAME} on a CPU that has the products, otherwise float32"
"""What `usual_dtype` says, in words."""


def usual_dtype(cascade: Cascade, device: str) -> str:
    """Name of the number format of a run that is asked for none.

    int8 for the embedded target on a CPU whose torch has the products, where its `load` names no type of its own;
    otherwise float32. Greedy text is the target's own, token for token, in both.

    Args:
        cascade: With a `load` of its target.
        device: Where the models run: cpu, cuda or cuda:N.
    """
    source = Source.of(cascade, cascade.target)
    if source.name != embedded.NAME or device != "cpu" or not source.options.keys().isdisjoint(("dtype", "weights")):
        return "float32"
    from realrun.network.int8_linear import why_unavailable  # after all else is known to be right: torch takes seconds

    return "float32" if why_unavailable() else "int8"


def dtype_of_run(asked: str | None, cascade: Cascade, device: str) -> str:
    """Name of the number format of a run: what is asked for, or the usual one."""
    return usual_dtype(cascade, device) if asked is None else asked


def dtype_as_run(source: Source, dtype: str) -> str:
    """Name of the number format that a model runs in: int8, or the type of its weights.

    Args:
        source: What to load.
        dtype: Name of the run's.

    >>> dtype_as_run(Source("smollm2-135m", {}, "load"), "int8")
    'int8'
    >>> dtype_as_run(Source("smollm2-135m", {"dtype": "bfloat16"}, "load"), "int8")
    'bfloat16'
    """
    usual = "int8" if dtype == "int8" and "dtype" not in source.options else "float"
    weights = source.choice("weights", ("int8", "float"), usual)
    return "int8" if weights == "int8" else dtype_as_loaded(source, dtype)


def dtype_as_loaded(source: Source, dtype: str) -> str:
    """Name of the floating-point type that a model's weights are loaded in; float32 in a run in int8."""
    return source.choice("dtype", FLOATS, "float32") if "dtype" in source.options or dtype == "int8" else dtype
