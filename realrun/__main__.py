"""Command line of real runs: ``python -m realrun COMMAND``."""

from analysis.model import run_command
from realrun.commands import bench, bigram, generate, lossless

if __name__ == "__main__":
    run_command("realrun", "Cascade speculative decoding on real models.", [generate, bench, lossless, bigram])
