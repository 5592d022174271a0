"""Speedups predicted from a calibration, with growing honesty: the rungs of the prediction ladder."""

from analysis.prediction.candidates import cascades
from analysis.prediction.rungs import RUNGS, predict

__all__ = ["RUNGS", "cascades", "predict"]
