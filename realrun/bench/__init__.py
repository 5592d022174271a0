"""Measuring cascades against other ways to decode: ``cascade-ewif bench``."""

from analysis.model.notation import AUTOREGRESSIVE

__all__ = ["AUTOREGRESSIVE", "BASELINES"]

BASELINES = (AUTOREGRESSIVE, "hf-autoregressive", "hf-assisted", "hf-prompt-lookup", "flashspec")
"""What cascades are held against: our engine without a draft, transformers' three greedy ways, and FlashSpec."""
