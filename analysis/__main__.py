"""Command line of the theory: ``python -m analysis COMMAND``."""

from analysis.model import run_command

COMMANDS = (
    "ewif",
    "moments",
    "heterogeneity",
    "optimise",
    "fit",
    "derive",
    "claims",
    "checks",
    "bench",
    "canonical",
    "cascades",
    "predict",
    "ladder",
    "swi",
    "scale",
)

if __name__ == "__main__":
    run_command("analysis", "Theory of cascade speculative drafting.", COMMANDS)
