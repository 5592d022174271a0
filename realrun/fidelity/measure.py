"""One target in several number formats, asked the same: its laws along a text, its choices, its own answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from analysis.model import Cascade, InputError, Model
from realrun.engine.cascade import CascadeDecoder
from realrun.engine.record import GenerationRecord, provenance
from realrun.engine.running_text import decoded
from realrun.fidelity.divergence import Divergence, demand_finite
from realrun.loading.ensemble import DTYPES, Ensemble, load_ensemble
from realrun.runs.answers import LETTERS, answer_in
from realrun.runs.generate import prompt_key
from realrun.runs.identity import digest, prompt_ids_key, task_keys
from realrun.runs.prompts import Prompt, encode
from realrun.runs.questions import LetterQuestion, posed, right_answer_of

Measure = Literal["kl", "choices", "answers"]
MEASURES = get_args(Measure)
_TARGET = "target"


@dataclass(frozen=True)
class Plan:
    """What is compared on which prompts; every row of it can be named before a model is loaded.

    Attributes:
        target: What to load.
        reference: Format that the others are held against.
        formats: The others.
        measures: What is measured.
        max_new_tokens: Greatest length of a text, >= 1.
    """

    target: str
    reference: str
    formats: tuple[str, ...]
    measures: tuple[Measure, ...]
    max_new_tokens: int

    @property
    def request(self) -> str:
        """A hash of all of it."""
        return digest([self.target, self.reference, self.formats, self.measures, self.max_new_tokens])

    @property
    def cascade(self) -> Cascade:
        """The target alone."""
        return Cascade(_TARGET, {_TARGET: Model(load=self.target)})

    def jobs(self, prompts: Sequence[Prompt]) -> list[Job]:
        """What the rows are of, in order: prompt by prompt, measure by measure, format by format."""
        return [
            Job(prompt, measure, name)
            for prompt in prompts
            for measure in self.measures
            if is_asked(measure, prompt)
            for name in ((self.reference,) if measure != "kl" else ()) + self.formats
        ]

    def load(self, device: str) -> dict[str, Ensemble]:
        """The target in every format, by name, the reference first."""
        names = (self.reference, *self.formats)
        return {name: load_ensemble(self.cascade, DTYPES[name], device) for name in names}


@dataclass(frozen=True)
class Job:
    """What one row is of.

    Attributes:
        prompt: As its file has it.
        measure: What is measured on it.
        format: Of the model.
    """

    prompt: Prompt
    measure: Measure
    format: str

    def key(self, request: str) -> dict[str, object]:
        """What tells its row from others."""
        return prompt_key(posed(self.prompt)) | {"measure": self.measure, "format": self.format, "request": request}


def is_asked(measure: Measure, prompt: Prompt) -> bool:
    """Whether a prompt can be measured so: choices need choices, answers a right answer."""
    if measure == "kl":
        return True
    return right_answer_of(prompt) is not None and (measure == "answers" or bool(prompt.choices))


class Fidelity:
    """Makes the rows of a plan.

    Args:
        plan: What is compared.
        ensembles: The target in every format, as the plan loads it.
    """

    def __init__(self, plan: Plan, ensembles: Mapping[str, Ensemble]) -> None:
        self._plan = plan
        self._ensembles = ensembles
        self._reference = ensembles[plan.reference]
        self._task = task_keys(plan.request, {name: e.fingerprints[_TARGET] for name, e in ensembles.items()})
        self._context = min(ensemble.context for ensemble in ensembles.values())
        self._texts: dict[tuple[int, ...], dict[str, GenerationRecord]] = {}
        self._laws: tuple[list[int], Tensor] | None = None

    def keys(self, jobs: Sequence[Job]) -> list[dict[str, object]]:
        """What tells the rows from those of other models and tokenizers too.

        Raises:
            InputError: naming a prompt that leaves no room, or that the model can't read.
        """
        keys = []
        for job in jobs:
            ids = self._ids(job)
            for ensemble in self._ensembles.values():
                ensemble.demand_room(f"prompt {job.prompt.id}", ids)
            keys.append(job.key(self._plan.request) | self._task | prompt_ids_key(ids))
        return keys

    def rows(self, jobs: Sequence[Job]) -> Iterator[dict[str, object]]:
        """Measure one job after another; those of one prompt share its texts."""
        for job, key in zip(jobs, self.keys(jobs), strict=True):
            ids = self._ids(job)
            found = {"kl": self._divergence, "choices": self._choice, "answers": self._answer}[job.measure](job, ids)
            head = {"category": job.prompt.category, "reference": self._plan.reference, "prompt_tokens": len(ids)}
            yield key | head | found | provenance()

    def _ids(self, job: Job) -> list[int]:
        if job.measure == "choices":
            return LetterQuestion.of(job.prompt, self._reference.tokenizer).ids
        return encode(posed(job.prompt), self._reference.tokenizer)

    def _divergence(self, job: Job, ids: list[int]) -> dict[str, object]:
        tokens = self._text(self._plan.reference, ids).tokens
        if self._laws is None or self._laws[0] != ids:
            self._laws = ids, self._logits(self._plan.reference, ids, tokens)
        divergence = Divergence.between(self._laws[1], self._logits(job.format, ids, tokens))
        return {"tokens": len(tokens), **divergence.to_json()}

    def _choice(self, job: Job, ids: list[int]) -> dict[str, object]:
        question = LetterQuestion.of(job.prompt, self._reference.tokenizer)
        law = self._logits(job.format, ids, [0])[0].double().log_softmax(-1)
        among = law[question.letters]
        right = LETTERS.index(right_answer_of(job.prompt) or "")
        return {
            "choice": LETTERS[int(among.argmax())],
            "right": int(among.argmax()) == right,
            "nll": round(float(among.logsumexp(-1) - among[right]), 6),
            "mass": round(float(among.exp().sum()), 6),
        }

    def _answer(self, job: Job, ids: list[int]) -> dict[str, object]:
        generation = self._text(job.format, ids)
        answer = answer_in(decoded(self._reference.tokenizer, generation.tokens), job.prompt.choices)
        return {
            "answer": answer,
            "right": answer is not None and answer == right_answer_of(job.prompt),
            "tokens": len(generation.tokens),
            "finish": generation.finish,
            "text_ids_sha256": digest(generation.tokens),
        }

    def _text(self, name: str, ids: list[int]) -> GenerationRecord:
        """The greedy text after a prompt, kept until the next prompt."""
        if tuple(ids) not in self._texts:
            self._texts = {tuple(ids): {}}
        known = self._texts[tuple(ids)]
        if name not in known:
            ensemble = self._ensembles[name]
            decoder = CascadeDecoder(self._plan.cascade, ensemble.models, self._context)
            known[name] = decoder.generate(ids, self._plan.max_new_tokens, ensemble.eos)
        return known[name]

    def _logits(self, name: str, ids: list[int], tokens: Sequence[int]) -> Tensor:
        """Logits at every place of a text after a prompt, in one call."""
        model = self._ensembles[name].target
        with torch.inference_mode():
            model.prefill(ids)
            logits = model.logits([*ids, *tokens[:-1]], len(tokens))
        return demand_finite(logits.float(), f"{self._plan.target} in {name}")


def demand_questions(plan: Plan, prompts: Sequence[Prompt]) -> None:
    """Refuse a measure that no prompt can be measured by.

    Raises:
        InputError: saying what is missing.
    """
    needs = {"kl": "prompts", "choices": "prompts with `answer` and `choices`", "answers": "prompts with `answer`"}
    for measure in plan.measures:
        if not any(is_asked(measure, prompt) for prompt in prompts):
            raise InputError("--measure", f"got {measure}, expected {needs[measure]} in --prompts for it")
