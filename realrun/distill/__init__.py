"""Distillation: small drafters trained to say what a target says, on text that the target wrote itself."""
