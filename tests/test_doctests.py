"""Examples in the docstrings of the packages' interfaces run and give what they say."""

import doctest
import importlib

import pytest

MODULES = [
    "simulate.api",
    "simulate.results",
    "analysis.engines.by_length",
    "analysis.engines.comparison",
    "analysis.engines.explanation",
    "analysis.engines.readers.detect",
    "analysis.engines.readers.matching",
    "analysis.engines.specification",
    "analysis.model.records.engine_counters",
    "analysis.model.records.position_rates",
]
"""Every module that holds what a package exports, and those of what engines print."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert found.attempted > 0, f"{name} has no example"
    assert found.failed == 0
