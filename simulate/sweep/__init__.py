"""Sweeps that survive interruption: tasks, schedules, workers, stores of checked rows, summaries."""
