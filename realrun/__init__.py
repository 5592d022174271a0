"""Cascade speculative decoding on real models, and its measurement."""
