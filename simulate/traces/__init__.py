"""Replay of recorded agreements: greedy decoding by any cascade, cycle by cycle, as it would have gone."""

from simulate.traces.clock import ALL, Clock, Switches
from simulate.traces.decode import Call, Cycle, Run, decode
from simulate.traces.frequencies import Frequencies
from simulate.traces.recorded import Recording, Trace, read_traces
from simulate.traces.replay import Replay

__all__ = [
    "ALL",
    "Call",
    "Clock",
    "Cycle",
    "Frequencies",
    "Recording",
    "Replay",
    "Run",
    "Switches",
    "Trace",
    "decode",
    "read_traces",
]
