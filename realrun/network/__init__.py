"""Neural networks as reviewers and drafters: caches, forward passes, attention, heads, devices."""
