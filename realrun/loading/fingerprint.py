"""Fingerprints of model files: whether weights, tokenizer and chat template are still those of an earlier run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import huggingface_hub

_DIGITS = 16
_WHOLE = 256 << 20
"""Files of up to so many bytes are read whole."""
_BLOCKS, _BLOCK = 4096, 64 << 10
"""Of a larger file, so many blocks of so many bytes are read, evenly spread: every matrix of 8 MB in 16 GB."""

_NAMES = {
    "added_tokens.json",
    "card.json",  # of a distilled drafter
    "chat_template.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "target_vocab.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
}
_ENDINGS = {".jinja", ".model", ".spm", ".tiktoken"}


def weights_fingerprint(place: str | Path, gguf: str | None = None, revision: str | None = None) -> str:
    """Fingerprint of a model: another one after its weights, configuration, tokenizer or chat template have changed.

    It depends on names and contents of files alone, not on where they lie or how old they are: a copy has the same
    one. A file above 256 MiB is not read whole but in 4,096 blocks spread over it, so that a change of less than a
    matrix in a very large file may go unseen.

    Args:
        place: A folder, a file, or a hub id, which stands for the commit that the cache has of it.
        gguf: A GGUF file in that folder, whose weights are used in place of the folder's safetensors.
        revision: Branch, tag or commit of a hub id.

    Returns:
        16 hexadecimal digits.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        return _of_files(path, _read_from(path, gguf))
    if path.is_file():
        return _of_files(path.parent, [path])
    known = huggingface_hub.try_to_load_from_cache(str(place), gguf or "config.json", revision=revision)
    commit = Path(known).relative_to(huggingface_hub.constants.HF_HUB_CACHE).parts[2] if isinstance(known, str) else ""
    return derived_fingerprint(str(place), gguf=gguf, commit=commit)


def derived_fingerprint(*parts: str, **options: object) -> str:
    """Fingerprint of what is made of models and options, such as a drafter of some of the target's layers.

    Args:
        parts: Fingerprints or names.
        options: What else decides; values as in JSON.

    Returns:
        16 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps([parts, options], sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _read_from(folder: Path, gguf: str | None) -> Iterator[Path]:
    """The files of a folder that decide what a model says."""
    endings = _ENDINGS if gguf else _ENDINGS | {".safetensors"}
    for path in sorted(folder.iterdir()):
        if path.is_file() and (path.name in _NAMES or path.suffix in endings):
            yield path
    yield from sorted((folder / "additional_chat_templates").glob("*.jinja"))
    if gguf and (folder / gguf).is_file():
        yield folder / gguf


def _of_files(root: Path, files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(json.dumps([str(path.relative_to(root)), size]).encode())
        with path.open("rb") as file:
            if size <= _WHOLE:
                digest.update(hashlib.file_digest(file, "sha256").digest())
                continue
            for i in range(_BLOCKS):
                file.seek((size - _BLOCK) * i // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()[:_DIGITS]
