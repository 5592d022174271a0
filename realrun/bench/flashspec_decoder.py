"""FlashSpec 0.3.1 (PyPI `flashspec`, Apache-2.0) as a baseline: another speculative decoder for transformers models.

It knows one drafter a step: prompt lookup, a model, or prompt lookup where the text has a match and the model where it
has none; no drafter reviews another's tokens. It runs on CPU too, there without its compiled path, which needs CUDA.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import torch
from transformers import PreTrainedModel

from analysis.model import InputError
from realrun.bench.outcome import LOOKUP, Review, Surroundings
from realrun.bench.watch import ForwardWatch
from realrun.engine.record import Cycle
from realrun.runs.measure import Outcome

if TYPE_CHECKING:
    from flashspec import SpeculativeEngine

VERSION = "0.3.1"


def demand_flashspec() -> None:
    """Refuse where the package is missing or of another version.

    Raises:
        InputError: telling how to get it.
    """
    advice = f"expected version {VERSION} (pip install 'cascade-ewif[bench]')"
    try:
        found = metadata.version("flashspec")
    except metadata.PackageNotFoundError:
        raise InputError("baseline", f"got flashspec, but that package is not installed, {advice}") from None
    if found != VERSION:
        raise InputError("baseline", f"got flashspec, but version {found} of it is installed, {advice}")


def demand_decoders(around: Surroundings) -> None:
    """Refuse models that FlashSpec cannot run.

    Raises:
        InputError: naming the first encoder-decoder model.
    """
    for name, network in around.networks.items():
        if network.config.is_encoder_decoder:
            raise InputError("baseline", f"got flashspec, which runs decoder-only models, and {name!r} has an encoder")


@dataclass(frozen=True)
class FlashSpec:
    """FlashSpec's engine over the models of the ensemble.

    Attributes:
        around: The models.
        lookup: Tokens copied at most by prompt lookup, 0 for none.
        drafter: The drafting model, one of the models; None for prompt lookup alone.
        tokens: Tokens the model drafts, >= 1 where there is one.
    """

    around: Surroundings
    lookup: int
    drafter: str | None = None
    tokens: int = 0

    @property
    def name(self) -> str:
        """What rows and tables call it."""
        lookup = f"lookup {self.lookup}" if self.lookup else ""
        drafter = f"{self.drafter} {self.tokens}" if self.drafter else ""
        return f"flashspec[{', else '.join(filter(None, (lookup, drafter)))}]"

    @property
    def settings(self) -> dict[str, object]:
        """Both draft lengths, the model, and whether calls are compiled."""
        return {
            "lookup_gamma": self.lookup,
            "drafter": self.drafter,
            "drafter_gamma": self.tokens,
            "compiled": self._engine.compiled,
        }

    @property
    def networks(self) -> dict[str, PreTrainedModel]:
        """Target and drafting model."""
        return self.around.only(self.around.target, self.drafter)

    def run(self, prompt: Sequence[int], max_new_tokens: int) -> Outcome:
        """Continue one prompt."""
        around = self.around
        device = around.networks[around.target].device
        watch = ForwardWatch(self.networks)
        with watch.watching():
            started = time.perf_counter()
            result = self._engine.generate(
                torch.tensor([prompt], device=device),
                max_new_tokens=min(max_new_tokens, around.context - len(prompt)),
                eos_token_ids=sorted(around.eos),
            )
            tokens = result.output_ids[0, : result.n_tokens_generated].tolist()
            seconds = time.perf_counter() - started
        steps = result.arm_steps
        cycles = [Cycle(step.emitted, step.seconds) for step in steps]
        drafters = self._drafters
        reviews = [Review(drafters[step.drafter], step.proposed, min(step.accepted, step.emitted)) for step in steps]
        return around.outcome(prompt, max_new_tokens, tokens, cycles, reviews, watch, seconds)

    @property
    def _drafters(self) -> list[str]:
        """Names in the order in which the engine knows them."""
        return [LOOKUP] * (self.lookup > 0) + ([self.drafter] if self.drafter is not None else [])

    @functools.cached_property
    def _engine(self) -> SpeculativeEngine:
        # Imported here because the package is optional.
        from flashspec import FlashSpecConfig, SamplingConfig, SpeculativeEngine
        from flashspec.engine import HuggingFaceDrafter, NgramDrafter, TargetModel
        from flashspec.engine.arms import ArmSpec

        around = self.around
        network = around.networks[around.target]
        drafters: list[object] = [NgramDrafter()] if self.lookup else []
        if self.drafter is not None:
            smaller = around.networks[self.drafter]
            drafters.append(HuggingFaceDrafter(self.drafter, smaller.device, smaller.dtype, model=smaller))
        is_composite = len(drafters) == 2
        arm = ArmSpec(
            drafter=0,
            gamma=self.lookup or self.tokens,
            fallback=1 if is_composite else None,
            fallback_gamma=self.tokens if is_composite else None,
        )
        config = FlashSpecConfig(device=str(network.device), sampling=SamplingConfig(temperature=0.0))
        target = TargetModel(around.target, network.device, network.dtype, model=network)
        return SpeculativeEngine(config, drafters, target, arms=[arm])
