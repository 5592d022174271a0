"""One module for each command of ``python -m realrun``; each has `add`, which registers it with the parser."""

TITLE = "Decoding with real models"
COMMANDS = ("generate", "bench", "calibrate", "lossless", "fidelity", "bigram", "distill", "shapes", "limits")
