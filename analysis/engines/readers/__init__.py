"""Reading what serving engines print about speculation: one module for each engine's form, one function for all."""

from analysis.engines.readers.detect import FORMS, read_counters, read_counters_file

__all__ = ["FORMS", "read_counters", "read_counters_file"]
