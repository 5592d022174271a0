"""Command line of the simulation: ``python -m simulate COMMAND``."""

from analysis.model import run_command
from simulate.commands import run

if __name__ == "__main__":
    run_command("simulate", "Monte Carlo of cascades.", [run])
