"""Call times of published architectures, built with random weights: no call feels what values the weights have."""

from realrun.shapes.rows import add_options, run_shapes

__all__ = ["add_options", "run_shapes"]
