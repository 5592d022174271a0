"""Calibration from Python in one call: acceptances and call times of a cascade's models, for `analysis.predict`.

::

    import analysis, realrun

    found = realrun.calibrate("smollm2-135m", drafters={"d1": "smollm2-d1", "mag": "maxgram"})
    for row in analysis.predict(found):
        print(row["name"], row["rung"], row["speedup"])
    found.write("calibration.json")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.model import Cascade, InputError, whole_file
from analysis.model.records.calibration import Calibration
from realrun.api import LoadedCascade, cascade_of, demand_dtype
from realrun.calibration.calibrate import CalibrationSettings
from realrun.calibration.calibrate import calibrate as measure
from realrun.calibration.roster import with_all_models
from realrun.engine.policy import Policy
from realrun.loading.ensemble import DTYPES, load_ensemble
from realrun.loading.formats import dtype_of_run
from realrun.loading.options import demand_calibratable
from realrun.loading.transformers_models import dtype_of
from realrun.runs.prompts import Prompt, read_prompt_file, shipped_prompts

_MOST = 10**6

Prompts = str | Path | Sequence[str | tuple[str | int, str] | Prompt]


def calibrate(
    models: LoadedCascade | str | Path | Cascade | Mapping[str, object],
    prompts: Prompts | None = None,
    *,
    drafters: Mapping[str, object] | None = None,
    max_new_tokens: int = 96,
    temperature: float | Sequence[float] = 0.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    seed: int = 0,
    follow_every: int = 8,
    turns: int = 9,
    dtype: str | None = None,
    device: str | None = None,
    traces: str | Path | None = None,
) -> Calibration:
    """Measure acceptances and call times of models, as ``realrun calibrate`` does.

    Args:
        models: Loaded models, of which all are calibrated; or what `realrun.load` takes: a cascade, of which every
            model is loaded, or how to obtain the target. A draft, if there is one, only writes the target's texts.
            Drafters are given from dear to cheap: each reviews those after it.
        prompts: A JSONL file, or a list of texts, of (id, text), or of `Prompt`; at least two. Left out, our own.
        drafters: With a target alone: how to obtain each drafter, by name.
        max_new_tokens: Greatest number of tokens a prompt, in 1..1000000.
        temperature: 0 is greedy; of several the first gives the acceptances, the others are added to `notes`.
        top_k: When sampling, keep the k likeliest tokens only.
        top_p: When sampling, keep the likeliest tokens that together have this mass.
        seed: Of samples, order and bootstrap, >= 0.
        follow_every: A drafter's own text is followed at every so many-th place where it leaves the target's, >= 1.
        turns: Turns of timing calls, >= 1.
        dtype: Of all weights, where the models are not loaded yet, as in `realrun.load`.
        device: Where they run, likewise: cpu (default), cuda or cuda:N.
        traces: Where the recorded agreements go, for ``simulate replay``; by default nowhere. For greedy choice only.

    Returns:
        What `analysis.predict` takes; its `write` saves it as the command does.

    Raises:
        InputError: naming the argument, its value and what is allowed.
    """
    temperatures = [temperature] if isinstance(temperature, (int, float)) else list(temperature)
    if not temperatures:
        raise InputError("temperature", "got none, expected at least one")
    policies = tuple(Policy(each, top_k, top_p) for each in temperatures)
    for field, value, low, high in (
        ("max_new_tokens", max_new_tokens, 1, _MOST),
        ("seed", seed, 0, 2**31),
        ("follow_every", follow_every, 1, _MOST),
        ("turns", turns, 1, 10**4),
    ):
        if type(value) is not int or not low <= value <= high:
            raise InputError(field, f"got {value!r}, expected a whole number in {low}..{high}")
    if traces is not None and not policies[0].is_greedy:
        raise InputError("traces", "given with a temperature, expected greedy choice to record agreements of")
    listed, sha256 = _prompts(prompts)
    loaded = _loaded(models, drafters, dtype, device)
    target = loaded.ensemble.target
    settings = CalibrationSettings(
        *(max_new_tokens, policies, seed, follow_every, turns),
        *(dtype_of(target), str(target.network.device)),
    )
    with loaded.held():
        found = measure(loaded.cascade, loaded.ensemble, listed, settings, prompts_sha256=sha256)
    if traces is None or found.traces is None:
        return found.calibration
    with whole_file(traces, "wb") as file:
        file.write(found.traces)
    return found.with_traces_in(Path(traces).resolve().as_posix())


def _loaded(
    models: LoadedCascade | str | Path | Cascade | Mapping[str, object],
    drafters: Mapping[str, object] | None,
    dtype: str | None,
    device: str | None,
) -> LoadedCascade:
    """All models that are to be calibrated, loaded, and their cascade without any other."""
    if isinstance(models, LoadedCascade):
        for field, value in (("drafters", drafters), ("dtype", dtype), ("device", device)):
            if value is not None:
                raise InputError(field, "given beside loaded models, expected it where they are loaded")
        cascade = models.cascade
        kept = {name: model for name, model in cascade.models.items() if name in models.ensemble.models}
        if len(kept) < 2:
            raise InputError("models", "no drafter is loaded, expected a draft that uses some, or no loaded models")
        cascade = Cascade(cascade.target, kept, {}, cascade.draft, cascade.lenience)
        demand_calibratable(cascade)
        return replace(models, cascade=cascade)
    demand_dtype(dtype)
    cascade = cascade_of(models, drafters, None, needs_draft=False)
    demand_calibratable(cascade)
    place = device or "cpu"
    name = dtype_of_run(dtype, cascade, place)
    return LoadedCascade(cascade, load_ensemble(with_all_models(cascade), DTYPES[name], place))


def _prompts(given: Prompts | None) -> tuple[list[Prompt], str | None]:
    """The prompts, and the hash of their file where they are from one."""
    sha256 = None
    if given is None or isinstance(given, (str, Path)):
        file = read_prompt_file(shipped_prompts() if given is None else given)
        listed, sha256 = file.prompts, file.sha256
    else:
        listed = [_prompt(i, each) for i, each in enumerate(given)]
    ids = [str(prompt.id) for prompt in listed]
    twice = next((key for key in ids if ids.count(key) > 1), None)
    if twice is not None:
        raise InputError("prompts", f"the id {twice!r} is there twice")
    if len(listed) < 2:
        raise InputError("prompts", f"got {len(listed)}, expected at least 2 to tell their spread")
    return listed, sha256


def _prompt(i: int, given: object) -> Prompt:
    if isinstance(given, Prompt):
        return given
    key, text = given if isinstance(given, tuple) and len(given) == 2 else (i, given)
    if isinstance(key, bool) or not isinstance(key, (str, int)) or not isinstance(text, str) or not text:
        raise InputError(f"prompts[{i}]", f"got {given!r}, expected a text that is not empty, or (id, text)")
    return Prompt(key, text)
