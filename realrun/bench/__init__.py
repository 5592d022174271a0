"""Measuring cascades against other ways to decode: ``cascade-ewif bench``."""

from analysis.model.notation import AUTOREGRESSIVE

__all__ = ["AUTOREGRESSIVE", "BASELINES", "LLAMA", "WAITS"]

LLAMA = ("llama.cpp", "llama.cpp-ngram")
"""llama.cpp by itself, and with its own n-gram drafters."""

BASELINES = (
    AUTOREGRESSIVE,
    "hf-autoregressive",
    "hf-assisted",
    "hf-prompt-lookup",
    "flashspec",
    "hf-compiled",
    *LLAMA,
)
"""What cascades are held against: our engine without a draft, transformers' three greedy ways, FlashSpec, transformers
compiled, and llama.cpp."""

WAITS = ("spinning", "passive")
"""How threads of llama.cpp wait for one another: OpenMP's default, which spins, or asleep."""
