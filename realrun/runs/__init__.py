"""Runs over prompts: generating, measuring, and comparing texts for losslessness."""
