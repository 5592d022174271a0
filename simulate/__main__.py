"""Command line of the simulation: ``python -m simulate COMMAND``."""

from analysis.model import run_command

COMMANDS = ("run", "collect", "summarise", "merge", "compare", "generations", "bench", "replay")

if __name__ == "__main__":
    run_command("simulate", "Monte Carlo of cascades.", COMMANDS)
