"""Replay of recorded agreements: greedy decoding by any cascade, cycle by cycle, as it would have gone."""

from analysis.model.records.traces import Recording, Trace, read_traces
from simulate.replay.clock import ALL, Clock, Switches
from simulate.replay.decode import Call, ReplayedCycle, ReplayedGeneration, decode
from simulate.replay.frequencies import Frequencies
from simulate.replay.predict import Replay

__all__ = [
    "ALL",
    "Call",
    "Clock",
    "Frequencies",
    "Recording",
    "Replay",
    "ReplayedCycle",
    "ReplayedGeneration",
    "Switches",
    "Trace",
    "decode",
    "read_traces",
]
