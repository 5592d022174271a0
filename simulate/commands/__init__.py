"""One module for each command of ``python -m simulate``; each has `add`, which registers it with the parser."""

TITLE = "Monte Carlo of cascades"
COMMANDS = ("run", "collect", "summarise", "merge", "compare", "generations", "simulation-speed", "replay", "lengths")
ALIASES = {"bench": "simulation-speed"}
