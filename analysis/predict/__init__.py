"""Speedups predicted from a calibration, with growing honesty: the rungs of the prediction ladder."""

from analysis.predict.candidates import cascades
from analysis.predict.rungs import RUNGS, predict

__all__ = ["RUNGS", "cascades", "predict"]
