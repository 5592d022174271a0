"""Command line of the simulation: ``python -m simulate COMMAND``."""

from analysis.model import run_package

if __name__ == "__main__":
    run_package("simulate")
