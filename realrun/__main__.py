"""Command line of real runs: ``python -m realrun COMMAND``."""

from analysis.model import run_package

if __name__ == "__main__":
    run_package("realrun")
