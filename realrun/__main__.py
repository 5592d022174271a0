"""Command line of real runs: ``python -m realrun COMMAND``."""

from analysis.model import run_command

COMMANDS = ("generate", "bench", "calibrate", "lossless", "bigram", "distill", "shapes")

if __name__ == "__main__":
    run_command("realrun", "Cascade speculative decoding on real models.", COMMANDS)
