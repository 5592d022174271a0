"""What all tests need of the process they run in."""

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works():
    """Children heed SIGINT though a shell started the tests in the background, where it is ignored and inherited."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
