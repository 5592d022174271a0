"""Predicted speedups held against measured ones: errors, what they are made of, and what choosing by them costs."""

from analysis.ladder.join import ladder
from analysis.ladder.measured import MeasuredMethod, read_measured
from analysis.ladder.table import markdown
from analysis.model.records.predictions import Prediction, read_predictions

__all__ = ["MeasuredMethod", "Prediction", "ladder", "markdown", "read_measured", "read_predictions"]
