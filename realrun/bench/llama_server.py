"""llama.cpp in processes of its own, each stopped while it has nothing to do.

Its threads spin for a while after every step, and other methods of the same run must not pay for that: between two
prompts the process gets no time at all (SIGSTOP, SIGCONT). In a process of its own its threads share nothing with
those of torch either.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from analysis.model import InputError

Wait = Literal["spinning", "passive"]
"""How threads wait for one another, of `realrun.bench.WAITS`; passive is `OMP_WAIT_POLICY=PASSIVE`."""

MOST_SERVERS = 4
"""Processes kept at a time, each with the weights it has repacked."""

_OPENMP = (
    "OMP_WAIT_POLICY",
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "OMP_DYNAMIC",
    "GOMP_SPINCOUNT",
    "GOMP_CPU_AFFINITY",
)


class LlamaServer:
    """One process that serves one model with one set of settings.

    Args:
        settings: As `realrun.bench.llama_process.start` takes them.
        wait: How its threads wait.

    Raises:
        InputError: where it cannot load the file.
    """

    def __init__(self, settings: Mapping[str, object], wait: Wait = "spinning") -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "realrun.bench.llama_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=_environment(wait),
            process_group=0,  # Ctrl-C is for the one that started it, which ends it
        )
        self._finalizer = weakref.finalize(self, _end, self._process, self._log)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(settings), file=self._process.stdin, flush=True)
        self._address = self._process.stdout.readline().strip().removeprefix("http://")
        if not self._address:
            raise InputError("baseline", f"got llama.cpp, which cannot load {settings['file']}: {self._last_words()}")
        self._process.send_signal(signal.SIGSTOP)

    def complete(self, prompt: Sequence[int], tokens: int) -> tuple[Mapping[str, Any], float]:
        """Continue a prompt greedily.

        Args:
            prompt: Token ids.
            tokens: Greatest number of new tokens.

        Returns:
            The server's answer and the wall-clock seconds until it was there.

        Raises:
            InputError: where it refuses or ends.
        """
        request = {
            "prompt": list(prompt),
            "n_predict": tokens,
            "samplers": ["top_k"],
            "top_k": 1,
            "cache_prompt": False,
            "return_tokens": True,
        }
        body = json.dumps(request)
        connection = http.client.HTTPConnection(self._address)
        self._process.send_signal(signal.SIGCONT)
        try:
            connection.connect()
            started = time.perf_counter()
            connection.request("POST", "/completion", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            seconds = time.perf_counter() - started
        except (OSError, http.client.HTTPException):
            raise InputError("baseline", f"got llama.cpp, whose process ended: {self._last_words()}") from None
        finally:
            connection.close()
            self._process.send_signal(signal.SIGSTOP)
        answer: dict[str, Any] = json.loads(text)
        if response.status != http.client.OK:
            raise InputError("baseline", f"got llama.cpp, which refuses a prompt: {answer['error']['message']}")
        return answer, seconds

    def close(self) -> None:
        """End the process."""
        self._finalizer()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says nothing"


@dataclass(frozen=True)
class Servers:
    """The processes of a run, started when first needed; the one unused for longest ends where there are too many."""

    _running: dict[str, LlamaServer] = field(default_factory=dict)

    def serving(self, settings: Mapping[str, object], wait: Wait, *, afresh: bool = False) -> LlamaServer:
        """The process with these settings.

        Args:
            settings: As `realrun.bench.llama_process.start` takes them.
            wait: How its threads wait.
            afresh: Whether it must not have served before.
        """
        key = json.dumps([settings, wait])
        server = self._running.pop(key, None)
        if server is not None and afresh:
            server.close()
            server = None
        while len(self._running) >= MOST_SERVERS:
            self._running.pop(next(iter(self._running))).close()
        self._running[key] = LlamaServer(settings, wait) if server is None else server
        return self._running[key]


@dataclass(frozen=True)
class Llama:
    """How llama.cpp runs.

    Attributes:
        file: The GGUF file.
        threads: Of its own, >= 1.
        wait: How they wait for one another.
        context: Tokens that every prompt fits into with its text; 0 for all that the model can hold.
        servers: Its processes.
    """

    file: Path
    threads: int
    wait: Wait = "spinning"
    context: int = 0
    servers: Servers = field(default_factory=Servers, compare=False)


def _environment(wait: Wait) -> dict[str, str]:
    """The process's own, OpenMP's settings but this one as llama.cpp finds them where nobody has set any."""
    mine = {key: value for key, value in os.environ.items() if key not in _OPENMP}
    return mine | ({"OMP_WAIT_POLICY": "PASSIVE"} if wait == "passive" else {})


def _end(process: subprocess.Popen[str], log: IO[bytes]) -> None:
    process.kill()  # a stopped one too
    process.wait()
    for stream in (process.stdin, process.stdout, log):
        if stream is not None:
            stream.close()
