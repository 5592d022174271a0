"""Workers of a Dask cluster that draw batches, and whether they can: their presence and their code are watched."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from typing import Any

from analysis.model import InputError
from simulate.sweep.drawing_code import DrawingCode, drawing_code
from simulate.sweep.workers import GO_ON

PATIENCE = 20.0
"""Seconds without a single worker after which nobody is expected to come."""

_CONNECT = "5s"


class Cluster:
    """A connected cluster; made by `dask_cluster`.

    Attributes:
        executor: Draws on its workers.
        threads: How many batches it draws at a time.
    """

    def __init__(self, distributed: Any, client: Any, address: str) -> None:
        self._client = client
        self._address = address
        self._seen = time.monotonic()
        self.deaths = (CancelledError, distributed.KilledWorker, distributed.comm.CommClosedError)
        self.executor: Executor = client.get_executor(pure=False)
        self.threads = 1

    def wait_for_workers(self, patience: float) -> None:
        """Wait for a first worker, but no longer than that many seconds.

        Raises:
            InputError: where none came.
        """
        try:
            self._client.wait_for_workers(1, timeout=patience)
        except TimeoutError:
            raise InputError(
                "dask", f"the cluster at {self._address} has no workers (waited {patience:g} s), expected some"
            ) from None
        self.threads = max(1, sum(self._client.nthreads().values()))

    def demand_workers(self) -> None:
        """Refuse to wait for ever where the cluster has had no worker for some time.

        Raises:
            InputError: saying so.
        """
        if self._client.nthreads():
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > PATIENCE:
            raise InputError("dask", f"the cluster at {self._address} has no workers; {GO_ON} when it has some")

    def demand_same_code(self) -> None:
        """Refuse workers that would draw other numbers than this process, or cannot draw at all.

        Raises:
            InputError: naming the first of them.
        """
        for worker, answer in self._client.run(drawing_code, on_error="return").items():
            if isinstance(answer, DrawingCode):
                demand_same_code(answer, f"the worker {worker}")
            else:
                raise InputError(
                    "dask", f"the worker {worker} lacks this version of the package ({_first_line(answer)})"
                )

    def explained(self, error: Exception) -> InputError:
        """What a batch that failed over there says about the cluster."""
        if isinstance(error, self.deaths):
            return InputError("dask", f"the cluster or a worker died ({_first_line(error)}); {GO_ON}")
        return InputError(
            "dask", f"a worker or the scheduler cannot draw with this version of the package ({_first_line(error)})"
        )


def demand_same_code(code: object, who: str) -> None:
    """Refuse a batch, or a worker, of other code than this process has.

    Args:
        code: What it says of itself; workers of earlier versions say nothing.
        who: For the message.

    Raises:
        InputError: with both codes.
    """
    if code != drawing_code():
        other = code if isinstance(code, DrawingCode) else "an earlier version"
        raise InputError("workers", f"{who} draws with other code ({other}), expected that of here ({drawing_code()})")


def _first_line(error: object) -> str:
    lines = str(error).split("\n")
    return f"{type(error).__name__}: {lines[0]}"[:200]


@contextmanager
def dask_cluster(address: str, patience: float = PATIENCE) -> Iterator[Cluster]:
    """The workers of a running Dask cluster.

    Args:
        address: Of the scheduler, for example tcp://host:8786.
        patience: Seconds to wait for a first worker.

    Raises:
        InputError: where Dask is not installed, the cluster cannot be reached or has no workers, a worker has other
            code, or the cluster dies.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise InputError("dask", "Dask is not installed, expected the extra `dask` of this package") from None
    try:
        client: Any = distributed.Client(address, timeout=_CONNECT)
    except Exception as error:  # of many types: no such address, no TLS settings, a transport that is not installed
        raise InputError(
            "dask", f"got {address!r}, expected the address of a running Dask scheduler ({_first_line(error)})"
        ) from None
    with client:
        cluster = Cluster(distributed, client, address)
        try:
            cluster.wait_for_workers(patience)
            cluster.demand_same_code()
            yield cluster
        except cluster.deaths as error:
            raise cluster.explained(error) from None
        finally:
            cluster.executor.shutdown(wait=False)
