"""Generating for a list of prompts, one result row each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from analysis.model import Cascade, walk
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.choice import Chooser, seeded
from realrun.engine.policy import Policy
from realrun.engine.record import GenerationRecord, provenance
from realrun.engine.review import Verification
from realrun.engine.running_text import decoded
from realrun.engine.stream import TextStream
from realrun.loading.ensemble import Ensemble
from realrun.runs.identity import digest, loaded_models, prompt_ids_key, task_keys
from realrun.runs.prompts import Prompt, encode


@dataclass(frozen=True)
class RunSettings:
    """How texts are generated, whatever the cascade.

    Attributes:
        max_new_tokens: Greatest number of tokens a prompt, >= 1.
        policy: How tokens are chosen.
        seed: Root of the random choices, >= 0; not read by a greedy policy.
        stops: Strings that end a text.
        verification: How drafts are judged.
    """

    max_new_tokens: int
    policy: Policy = field(default_factory=Policy)
    seed: int = 0
    stops: tuple[str, ...] = ()
    verification: Verification = "tokenwise"

    def source(self, index: int) -> Chooser | None:
        """The random choices for the prompt at an index: the same whichever prompts were run before it."""
        if self.policy.is_greedy:
            return None
        digest = hashlib.sha256(f"{self.seed} {index}".encode()).digest()
        return seeded(int.from_bytes(digest[:7], "big"))

    def to_json(self) -> dict[str, object]:
        """All but the defaults, as a row tells them."""
        result = {} if self.policy.is_greedy else self.policy.to_json() | {"seed": self.seed}
        result |= {"stop": list(self.stops)} if self.stops else {}
        return result | ({"verification": self.verification} if self.verification != "tokenwise" else {})


def encode_all(prompts: Sequence[Prompt], ensemble: Ensemble) -> list[list[int]]:
    """Token ids of all prompts, refused before anything is generated where one does not fit.

    Raises:
        InputError: naming the prompt that leaves no room in the context, or holds a token that the target can't read.
    """
    encoded = [encode(prompt, ensemble.tokenizer) for prompt in prompts]
    for prompt, ids in zip(prompts, encoded, strict=True):
        ensemble.demand_room(f"prompt {prompt.id}", ids)
    return encoded


def generate_rows(
    cascade: Cascade,
    ensemble: Ensemble,
    prompts: Sequence[Prompt],
    settings: RunSettings,
    dtype: str,
    trace: bool = False,
    first: int = 0,
) -> Iterator[dict[str, object]]:
    """Generate for each prompt in turn and yield its row.

    Args:
        cascade: The cascade to run; an empty draft is autoregressive decoding.
        ensemble: Its models.
        prompts: What to continue.
        settings: How.
        dtype: Name of the weights' type, for the row.
        trace: Whether the row tells where every token came from.
        first: Index of the prompt to begin with; the rows before it are there already.
    """
    decoder = CascadeDecoder(cascade, ensemble.models, ensemble.context, settings.policy, settings.verification)
    how = settings.to_json()
    what = {
        "method": "cascade" if cascade.draft else "autoregressive",
        "load": cascade.models[cascade.target].load,
        **row_task(cascade, settings, dtype, ensemble),
        "dtype": dtype,
        "device": str(ensemble.neural(cascade.target).network.device),
    }
    encoded = encode_all(prompts, ensemble)
    for index, (prompt, ids) in list(enumerate(zip(prompts, encoded, strict=True)))[first:]:
        stream = TextStream(ensemble.tokenizer, settings.stops) if settings.stops else None
        generation = decoder.generate(
            ids, settings.max_new_tokens, ensemble.eos, source=settings.source(index), watch=stream
        )
        row = result_row(prompt, ids, generation, ensemble)
        if stream:
            row["text"] = stream.finish(generation.tokens)
        if trace:
            row["trace"] = generation.trace()
        yield row | how | what | provenance()


def row_task(cascade: Cascade, settings: RunSettings, dtype: str, ensemble: Ensemble) -> dict[str, object]:
    """What all rows of a task have in common: `request_id`, the loaded models' fingerprints, and a hash of both."""
    return task_keys(request_id(cascade, settings, dtype), loaded_models(ensemble, ensemble.only(cascade)))


def request_id(cascade: Cascade, settings: RunSettings, dtype: str) -> str:
    """A hash of everything that is asked for and decides the text: what to load, the draft and how it is run.

    Costs, acceptances, uncertainties and `meta` of the specification do not change what a real run does.
    """
    used = {cascade.target, *(step.by for _, _, step in walk(cascade.draft, cascade.target))}
    spec = {
        "target": cascade.target,
        "load": {name: cascade.models[name].load for name in sorted(used)},
        "draft": [step.to_json() for step in cascade.draft],
        "lenience": cascade.lenience,
        "max_new_tokens": settings.max_new_tokens,
        "dtype": dtype,
        **settings.to_json(),
    }
    return digest(spec)


def prompt_key(prompt: Prompt) -> dict[str, object]:
    """What tells a row's prompt from others: its name, and a hash of its text in place of the text."""
    return {"id": prompt.id, "prompt_sha256": hashlib.sha256(prompt.text.encode()).hexdigest()[:16]}


def result_row(
    prompt: Prompt, ids: Sequence[int], generation: GenerationRecord, ensemble: Ensemble
) -> dict[str, object]:
    """What became of one prompt, as a row of JSON."""
    return {
        **prompt_key(prompt),
        **prompt_ids_key(ids),
        "category": prompt.category,
        "prompt_tokens": len(ids),
        "tokens": generation.tokens,
        "text": decoded(ensemble.tokenizer, generation.tokens),
        **generation.to_json(),
        **(ensemble.settings.to_json() if ensemble.settings else {}),
    }
