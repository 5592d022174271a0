"""Command line of the theory: ``python -m analysis COMMAND``."""

from analysis.model import run_package

if __name__ == "__main__":
    run_package("analysis")
