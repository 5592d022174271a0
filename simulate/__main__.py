"""Command line of the simulation: ``python -m simulate COMMAND``."""

from analysis.model import run_command
from simulate.commands import bench, collect, compare, generations, merge, run, summarise

if __name__ == "__main__":
    run_command("simulate", "Monte Carlo of cascades.", [run, collect, summarise, merge, compare, generations, bench])
