"""The process in which llama.cpp runs: its settings come as one line of JSON, its address goes back as another.

It serves until its input ends, which it does with the process that started it; on Linux the system ends it then even
where it is stopped and reads nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG, see prctl(2)


def serve() -> None:
    """Load the model, tell the address and wait for the end of the input."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library prints
    settings = json.loads(sys.stdin.readline())
    server = start(settings)
    print(server.listening_address, file=answers, flush=True)
    sys.stdin.read()
    os._exit(0)  # a library's threads need no farewell


def start(settings: Mapping[str, Any]) -> Any:
    """A server with one sequence that remembers no prompt.

    Args:
        settings: `file`, `threads`, `context` in tokens, and `speculation`: None, or `kind` (a suffix of llama.cpp's
            own names, in capitals) and what else its parameters of that kind are to be.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["file"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.n_ctx = settings["context"]
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cache_prompt = False
    params.cache_ram_mib = 0
    params.verbosity = 0
    speculation = settings["speculation"]
    if speculation is not None:
        kind = speculation["kind"]
        names = xllamacpp.common_speculative_type
        params.speculative.types = [getattr(names, f"COMMON_SPECULATIVE_TYPE_{kind}")]
        for key, value in speculation["values"].items():
            setattr(getattr(params.speculative, kind.lower()), key, value)
    return xllamacpp.Server(params)


if __name__ == "__main__":
    serve()
