"""Whether the model hub is within reach, so that a run without network fails at once and not after minutes of tries."""

from __future__ import annotations

import functools
import socket
import urllib.request
from typing import TypedDict
from urllib.parse import urlsplit

import huggingface_hub

SECONDS = 3.0
"""How long the hub has to answer."""


class FileOptions(TypedDict, total=False):
    """Which file or version of a model, for `from_pretrained`."""

    gguf_file: str
    revision: str
    local_files_only: bool


def download_options() -> FileOptions:
    """Options for `from_pretrained` with a hub id: look into the cache alone where the hub cannot be reached."""
    endpoint = huggingface_hub.constants.ENDPOINT
    return {"local_files_only": True} if huggingface_hub.is_offline_mode() or not _within_reach(endpoint) else {}


def show_downloads() -> None:
    """Let downloads from the hub show their progress, which transformers turns off together with its own bars."""
    if huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS is None:  # else the user has decided
        huggingface_hub.utils.enable_progress_bars()


@functools.cache
def _within_reach(endpoint: str) -> bool:
    """Whether a connection can be made; behind a proxy, which may know more names than we do, the hub itself tells."""
    address = urlsplit(endpoint)
    if address.scheme in urllib.request.getproxies():
        return True
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname, port), SECONDS).close()
    except OSError:
        return False
    return True
