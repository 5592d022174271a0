"""Examples in the docstrings of the packages' interfaces run and give what they say."""

import doctest
import importlib

import pytest

MODULES = ["simulate.api", "simulate.results"]
"""Every module that holds what a package exports."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert found.attempted > 0, f"{name} has no example"
    assert found.failed == 0
