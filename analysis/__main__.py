"""Command line of the theory: ``python -m analysis COMMAND``."""

from analysis.commands import bench, canonical, claims, derive, ewif, fit, heterogeneity, moments, optimise
from analysis.model import run_command

if __name__ == "__main__":
    run_command(
        "analysis",
        "Theory of cascade speculative drafting.",
        [ewif, moments, heterogeneity, optimise, fit, derive, claims, bench, canonical],
    )
