"""What all tests need of the process they run in: no failure because a machine is slow, and a Ctrl-C that works."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:  # processes share the cores; read when torch is imported
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works():
    """Children heed SIGINT though a shell started the tests in the background, where it is ignored and inherited."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
