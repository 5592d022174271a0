"""Call times of published architectures, built with random weights: no call feels what values the weights have."""

from realrun.shapes.command import SHAPE_DTYPE, add_options, run_shapes

__all__ = ["SHAPE_DTYPE", "add_options", "run_shapes"]
