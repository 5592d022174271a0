"""Replay of acceptance lengths recorded from every place of a text: chains and cascades of an engine's drafters."""
