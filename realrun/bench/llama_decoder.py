"""llama.cpp (PyPI `xllamacpp`, MIT) as a baseline: its own kernels on the GGUF file that the target comes from.

It is given the very token ids that our engine is given. Its weights are the file's, which the other methods run
dequantised, so that its text may be another one; what is held against ours is the speed of a token.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

import torch
from transformers import PreTrainedModel

from analysis.model import Cascade, InputError, advise
from realrun.bench.llama_server import Llama, LlamaServer, Servers, Wait
from realrun.bench.outcome import Surroundings
from realrun.engine.record import CallLog, Cycle, GenerationRecord
from realrun.loading.options import Source
from realrun.loading.transformers_models import gguf_path
from realrun.runs.measure import Outcome

VERSION = "2026.10.11549"

Kind = Literal["simple", "map-k", "map-k4v", "mod"]
"""llama.cpp's own n-gram drafters (`--spec-type ngram-...`) that have settings.

simple: copies what followed the last earlier place with the same n-gram. map-k, map-k4v: the same, with counts of what
came of it. mod: a hash table from n-grams to next tokens.
"""


def demand_llama() -> None:
    """Refuse where the package is missing or of another version.

    Raises:
        InputError: telling how to get it.
    """
    advice = f"expected xllamacpp {VERSION} (pip install 'cascade-ewif[bench]')"
    try:
        found = metadata.version("xllamacpp")
    except metadata.PackageNotFoundError:
        raise InputError("baseline", f"got llama.cpp, but the package is not installed, {advice}") from None
    if found != VERSION:
        raise InputError("baseline", f"got llama.cpp, but version {found} of the package is installed, {advice}")


def llama_ways(cascade: Cascade, device: str, threads: Sequence[int] | None, waits: Sequence[Wait]) -> list[Llama]:
    """The ways to run llama.cpp on the target's own file: every number of threads with every way to wait.

    Args:
        cascade: With the `load` of the target.
        device: Where the other methods run.
        threads: Numbers of them; None for as many as torch has.
        waits: How they wait.

    Raises:
        InputError: where the target comes from no GGUF file, or the others do not run on the CPU.
    """
    if device != "cpu":
        raise InputError("baseline", f"got llama.cpp with device {device}, expected cpu, where llama.cpp is run")
    source = Source.of(cascade, cascade.target)
    source.demand_neural()
    file = gguf_path(source)
    if file is None:
        raise InputError(
            "baseline",
            f"got llama.cpp, which needs the target's GGUF file, and {source.name!r} is none: `load` smollm2-135m, a "
            ".gguf file, or a folder or repository with the option `gguf`",
        )
    servers = Servers()
    counts = dict.fromkeys(threads or [torch.get_num_threads()])
    cores = os.cpu_count() or 1
    if max(counts) > cores:
        advise(f"llama.cpp with {max(counts)} threads: there are {cores} cores, and a thread without one holds up all")
    return [Llama(file, count, wait, servers=servers) for count in counts for wait in waits]


def demand_same_rules(around: Surroundings) -> None:
    """Refuse a target whose next token depends on more than its logits, which llama.cpp does not know of.

    Raises:
        InputError: naming the settings.
    """
    if around.settings:
        names = ", ".join(around.settings)
        raise InputError("baseline", f"got llama.cpp, which does not apply the target's generation settings ({names})")


@dataclass(frozen=True)
class LlamaCpp:
    """Greedy decoding without a draft.

    Attributes:
        around: The target's name, and what ends a text.
        llama: How llama.cpp runs.
    """

    around: Surroundings
    llama: Llama

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        return f"llama.cpp[{self._threads}]"

    @property
    def settings(self) -> dict[str, object]:
        """Version and file, threads and how they wait."""
        llama = self.llama
        return {"xllamacpp": VERSION, "file": llama.file.name, "threads": llama.threads, "wait": llama.wait}

    @property
    def networks(self) -> dict[str, PreTrainedModel]:
        """None: the model is in another process."""
        return {}

    def run(self, prompt: Sequence[int], max_new_tokens: int) -> Outcome:
        """Continue one prompt.

        Raises:
            InputError: where its text goes on after what ends the target's.
        """
        around = self.around
        limit = min(max_new_tokens, around.context - len(prompt))
        answer, seconds = self._server().complete(prompt, limit)
        tokens, timings = answer["tokens"], answer["timings"]
        assert timings["cache_n"] == 0
        if around.eos.intersection(tokens[:-1]):
            odd = next(token for token in tokens if token in around.eos)
            raise InputError("baseline", f"got llama.cpp, which writes on after token {odd}, which ends our texts")
        accepted = timings.get("draft_n_accepted", 0)
        prefill, decoding = timings["prompt_ms"] / 1000, timings["predicted_ms"] / 1000
        generation = GenerationRecord(
            tokens=tokens,
            finish=around.finish(prompt, max_new_tokens, tokens),
            seconds=seconds,
            prefill_seconds=prefill,
            cycles=len(tokens) - accepted,
            calls={around.target: CallLog(seconds=decoding, prefill_seconds=prefill)},
            pairs={},
        )
        # Reading the prompt gives the first token.
        return Outcome(generation, timings.get("draft_n", 0), accepted, Cycle(len(tokens) - 1, decoding))

    @property
    def _threads(self) -> str:
        llama = self.llama
        return f"{llama.threads} thread{'s' * (llama.threads > 1)}{', passive' * (llama.wait == 'passive')}"

    def _server(self) -> LlamaServer:
        return self.llama.servers.serving(self._settings_of_server(None), self.llama.wait)

    def _settings_of_server(self, speculation: Mapping[str, Any] | None) -> dict[str, object]:
        llama = self.llama
        return {
            "file": str(llama.file),
            "threads": llama.threads,
            "context": llama.context,
            "speculation": speculation,
        }


@dataclass(frozen=True)
class LlamaNgram(LlamaCpp):
    """Speculation with llama.cpp's own n-gram drafters, its counterpart of Max-Gram.

    Those that keep what they have learnt from one prompt to the next get a new process for every prompt, outside the
    clock: no other method knows more than the prompt it is given.

    Attributes:
        kind: The drafter.
        match: Length of the n-grams, >= 1.
        tokens: Tokens drafted at most, >= 1.
        least: Shorter drafts are dropped, 1..tokens; of `mod` alone.
    """

    kind: Kind = "simple"
    match: int = 12
    tokens: int = 48
    least: int = 1

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        least = f"{self.least} to " if self.least > 1 else ""
        return f"llama.cpp-ngram[{self.kind} {least}{self.tokens}, {self.match}-grams, {self._threads}]"

    @property
    def settings(self) -> dict[str, object]:
        """Kind of drafter and its parameters as llama.cpp calls them, beside those of `LlamaCpp`."""
        return {**super().settings, "spec_type": f"ngram-{self.kind}", **self._values}

    @property
    def _values(self) -> dict[str, int]:
        if self.kind == "mod":
            return {"n_match": self.match, "n_min": self.least, "n_max": self.tokens}
        return {"size_n": self.match, "size_m": self.tokens}

    def _server(self) -> LlamaServer:
        speculation = {"kind": f"NGRAM_{self.kind.upper().replace('-', '_')}", "values": self._values}
        settings = self._settings_of_server(speculation)
        return self.llama.servers.serving(settings, self.llama.wait, afresh=self.kind != "simple")
