"""Call times of published architectures, built with random weights: no call feels what values the weights have."""

from realrun.commands.shapes import OPTIONS, SHAPE_DTYPE, add_options, run_shapes

__all__ = ["OPTIONS", "SHAPE_DTYPE", "add_options", "run_shapes"]
