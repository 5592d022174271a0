"""The training of a drafter: steps over batches of conversations, resumable at every checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from transformers import PreTrainedModel

from analysis.model import InputError, progress, whole_file
from realrun.distill.dataset import Conversation, batches
from realrun.distill.evaluation import agreement
from realrun.distill.loss import distance
from realrun.distill.notes import damaged, read_note, write_note
from realrun.distill.student import Head, trained
from realrun.distill.teacher import Lessons, padded


@dataclass(frozen=True)
class Recipe:
    """What makes a training, apart from target and text.

    Attributes:
        layers: Numbers of the target's layers that the drafter starts from.
        head: Number of tokens that it can propose, the most frequent ones.
        steps: Number of updates.
        tokens: Greatest number of tokens a step reads, prompts and padding included.
        rate: Greatest learning rate; a step changes a matrix by .2 of it in the root mean square.
        hard: Share of the target's greatest token in the loss, in [0, 1].
        seed: Of the order of the conversations.
    """

    layers: tuple[int, ...]
    head: int
    steps: int
    tokens: int = 4096
    rate: float = 5e-3
    hard: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Point:
    """One point of the learning curve.

    Attributes:
        step: Updates made.
        tokens: Answer tokens learnt from so far, repeats counted.
        loss: Mean loss of the steps since the last point, in nats a position.
        agreement: Greedy agreement with the target on held-out greedy answers, in [0, 1].
        seconds: Time of training so far, without the evaluations.
    """

    step: int
    tokens: int
    loss: float
    agreement: float
    seconds: float = 0.0


_WARM_UP = 0.04
"""Share of the steps in which the rate rises; after that it falls as a cosine to nothing."""
_NOTE = "checkpoint.json"
_CLIP = 1.0
_POINTS = 40
"""Of the learning curve."""
_TIMED = 6
"""Steps by which the time of a step is found."""


class _Masters:
    """float32 masters of half-precision weights, and their optimiser.

    Matrices follow Muon (orthogonalised momentum, its update scaled to AdamW's size), everything else AdamW.
    """

    def __init__(self, weights: dict[str, nn.Parameter], rate: float) -> None:
        self.weights = weights
        self.masters = {name: w.detach().float().clone().requires_grad_() for name, w in weights.items()}
        matrices = [m for m in self.masters.values() if m.dim() == 2]
        others = [m for m in self.masters.values() if m.dim() != 2]
        self._optimisers: list[torch.optim.Optimizer] = []
        if matrices:
            muon = torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
            self._optimisers.append(muon)
        if others:
            self._optimisers.append(torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0))

    def step(self, rate: float) -> None:
        """Move by the gradients that the weights hold, and drop those."""
        for name, master in self.masters.items():
            gradient = self.weights[name].grad
            master.grad = torch.zeros_like(master) if gradient is None else gradient.float()
            self.weights[name].grad = None
        nn.utils.clip_grad_norm_(self.masters.values(), _CLIP)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        self._hand_down()

    def state(self) -> dict[str, Tensor]:
        """Everything that a later `restore` needs."""
        tensors = {f"master/{name}": master.detach() for name, master in self.masters.items()}
        for optimiser in self._optimisers:
            for name, master in self.masters.items():
                for key, value in optimiser.state.get(master, {}).items():
                    tensors[f"{key}/{name}"] = torch.as_tensor(value)
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go back to a state."""
        for label, tensor in tensors.items():
            key, _, name = label.partition("/")
            master = self.masters[name]
            if key == "master":
                master.data.copy_(tensor)
                continue
            owner = next(o for o in self._optimisers if any(master is p for g in o.param_groups for p in g["params"]))
            owner.state[master][key] = tensor.to(master.device) if tensor.dim() else tensor
        self._hand_down()

    def _hand_down(self) -> None:
        for name, master in self.masters.items():
            self.weights[name].data.copy_(master.detach())


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of a step: a linear rise, then a cosine to nothing."""
    rise = max(1, round(_WARM_UP * recipe.steps))
    if step < rise:
        return recipe.rate * (step + 1) / rise
    return recipe.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, recipe.steps - rise)))


def train(
    student: PreTrainedModel,
    head: Head,
    conversations: Sequence[Conversation],
    lessons: Lessons,
    recipe: Recipe,
    folder: Path,
    until: int | None = None,
) -> list[Point]:
    """Train a drafter in place, from the folder's checkpoint where it has one.

    Args:
        student: As `build` makes it, on its device.
        head: What it shall propose from.
        conversations: Held-out ones are only looked at for the learning curve.
        lessons: The target's states along all of them.
        recipe: How.
        folder: Takes checkpoint.safetensors and checkpoint.json at every point of the curve.
        until: Stop, at a checkpoint, after this step; None for all of them.

    Returns:
        The learning curve.

    Raises:
        InputError: where the folder holds a training by another recipe.
    """
    weights = trained(student)
    masters = _Masters(weights, recipe.rate)
    curve = _restored(masters, recipe, folder)
    tests = [c for c in conversations if c.held_out and c.greedy]
    start, seen, seconds = (curve[-1].step, curve[-1].tokens, curve[-1].seconds) if curve else (0, 0, 0.0)
    last = recipe.steps if until is None else min(until, recipe.steps)
    interval = max(1, recipe.steps // _POINTS)
    losses: list[float] = []
    bar = progress(range(start, last), "distil", "step", initial=start, total=recipe.steps)
    for step, batch in zip(bar, _endless(conversations, recipe, start), strict=False):
        began = time.perf_counter()
        loss, count = _loss(student, head, conversations, lessons, batch, recipe.hard)
        loss.backward()
        masters.step(rate_at(step, recipe))
        losses.append(float(loss.detach()))
        seen += count
        seconds += time.perf_counter() - began
        if (step + 1) % interval == 0 or step + 1 == last:
            rate = agreement(student, head, tests).rate
            curve.append(Point(step + 1, seen, sum(losses) / len(losses), rate, round(seconds, 1)))
            bar.set_postfix(loss=f"{curve[-1].loss:.3f}", agreement=f"{curve[-1].agreement:.3f}")
            losses.clear()
            _store(masters, recipe, curve, folder)
    return curve


def _loss(
    student: PreTrainedModel,
    head: Head,
    conversations: Sequence[Conversation],
    lessons: Lessons,
    batch: Sequence[int],
    hard: float,
) -> tuple[Tensor, int]:
    """Mean loss of a batch, and the number of positions it is over."""
    chosen = [conversations[i] for i in batch]
    device = head.ids.device
    output = student.base_model(input_ids=padded([c.ids for c in chosen], device), use_cache=False)
    pairs = zip(output.last_hidden_state, chosen, strict=True)
    states = torch.cat([found[len(c.prompt) - 1 : len(c.ids)] for found, c in pairs])
    wanted = torch.cat([lessons.of(i, c) for i, c in zip(batch, chosen, strict=True)])
    return distance(states, wanted.to(device, head.weight.dtype), head, hard), len(states)


def _endless(conversations: Sequence[Conversation], recipe: Recipe, start: int) -> Iterator[list[int]]:
    """Batches of epoch after epoch, the first `start` left out."""
    kept = [i for i, conversation in enumerate(conversations) if not conversation.held_out]
    lengths = [len(conversations[i].ids) for i in kept]
    epoch = 0
    while True:
        for batch in batches(lengths, recipe.tokens, recipe.seed + epoch):
            if start > 0:
                start -= 1
            else:
                yield [kept[i] for i in batch]
        epoch += 1


def _restored(masters: _Masters, recipe: Recipe, folder: Path) -> list[Point]:
    place = folder / _NOTE
    note = read_note(place)
    if note is None:
        return []
    if not isinstance(note, dict) or note.keys() != {"recipe", "weights", "curve"}:
        raise damaged(place, "no note of a training")
    if note["recipe"] != json.loads(json.dumps(asdict(recipe))):
        raise InputError(str(folder), "holds a training by another recipe, expected the same or an empty folder")
    try:
        curve = [Point(**point) for point in note["curve"]]
        weights = folder / Path(note["weights"]).name
    except TypeError as error:
        raise damaged(place, str(error)) from None
    try:
        masters.restore(load_file(weights))
    except (OSError, SafetensorError, KeyError, StopIteration, RuntimeError) as error:
        raise damaged(weights, f"{type(error).__name__}: {error}".splitlines()[0]) from None
    return curve


def _store(masters: _Masters, recipe: Recipe, curve: Sequence[Point], folder: Path) -> None:
    """Weights first, under a name of their own, then the note that names them: a kill leaves one pair or the other."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"checkpoint-{curve[-1].step}.safetensors"
    with whole_file(folder / name, "wb") as file:
        file.write(save(masters.state()))
    write_note(folder / _NOTE, {"recipe": asdict(recipe), "weights": name, "curve": [asdict(p) for p in curve]})
    for left in (*folder.glob("checkpoint-*.safetensors"), *folder.glob(".checkpoint-*.part")):
        if left.name != name:
            left.unlink()


def seconds_a_step(
    student: PreTrainedModel, head: Head, conversations: Sequence[Conversation], lessons: Lessons, recipe: Recipe
) -> float:
    """Median seconds of a step, on a drafter that is thrown away afterwards."""
    masters = _Masters(trained(student), recipe.rate)
    seconds = []
    for _, batch in zip(range(_TIMED), _endless(conversations, recipe, 0), strict=False):
        started = time.perf_counter()
        _loss(student, head, conversations, lessons, batch, recipe.hard)[0].backward()
        masters.step(0.0)
        seconds.append(time.perf_counter() - started)
    return median(seconds)
