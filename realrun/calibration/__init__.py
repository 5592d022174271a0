"""Calibration: real runs of some models, condensed to a specification that theory and simulation take as it is."""
