"""The cascade: one value that `analysis` derives, `simulate` samples and `realrun` executes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from analysis.model.boundary.fields import InputError, inside, mapping, only_keys, read_name, read_number, reject
from analysis.model.boundary.reading import inside_file, parse_json, read_text
from analysis.model.cost import LEAST_OF_TARGET, ByDraft, Cost
from analysis.model.display import as_html, as_text
from analysis.model.hazard import Acceptance
from analysis.model.kmatrix import Convention, draft_from_k_matrix
from analysis.model.misuse import advise_on
from analysis.model.models import Acceptances, Model, acceptances, read_models
from analysis.model.notation import draft_name
from analysis.model.standard_errors import read_uncertainty
from analysis.model.step import Draft, longest, read_draft, walk

_KEYS = ("target", "models", "acceptance", "draft", "lenience", "uncertainty", "meta")


@dataclass(frozen=True, repr=False)
class Cascade:
    """A target, its possible drafters, and the draft of one cycle.

    A cycle runs the steps of `draft`, then one target review; it yields the accepted tokens plus one (the target's
    correction, or its bonus token when all pass). A step over an inner draft does the same one level down, in rounds.

    Attributes:
        target: Name of the target model.
        models: Every model by name, the target included.
        acceptance: ``acceptance[reviewer][drafter]``; pairs that no step uses are allowed.
        draft: The steps of one cycle; empty for autoregressive decoding.
        lenience: Lenience of the target's review, >= 1; 1 is lossless. Acceptances are given with it.
        uncertainty: Standard errors, >= 0, shaped like the specification's `acceptance` and `models` (their costs);
            where those of one entry hang together, with its `correlation` (`analysis.model.standard_errors`).
        meta: Anything: counts, provenance.

    Raises:
        InputError: naming the field, its value and what is allowed.

    >>> Cascade.vertical(alpha=0.8, inner_alpha=0.45, c=0.1, inner_c=0, rounds=3, k=10)
    Cascade d1 3x(d2 x10), reviewed by target
      d1 3x(...)  d1 reviews 3 rounds of the draft in brackets
      d2 x10      d2 drafts 10 tokens itself
      target      cost 1
      d1          cost 0.1, accepted by target 0.8
      d2          cost 0, accepted by d1 0.45
    """

    target: str
    models: Mapping[str, Model]
    acceptance: Acceptances = field(default_factory=dict)
    draft: Draft = ()
    lenience: float = 1.0
    uncertainty: Mapping[str, object] | None = None
    meta: object = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lenience", read_number(self.lenience, "lenience", 1))
        object.__setattr__(self, "draft", tuple(self.draft))
        self._check_models()
        self._check_pairs("acceptance", self.acceptance)
        self._check_pairs("uncertainty.acceptance", (self.uncertainty or {}).get("acceptance", {}))
        for key in mapping((self.uncertainty or {}).get("models", {}), "uncertainty.models"):
            if key not in self.models:
                raise InputError(f"uncertainty.models.{key}", "unknown model, expected one of the models")
        object.__setattr__(self, "acceptance", {key: row for key, row in self.acceptance.items() if row})
        self._check_draft()

    @classmethod
    def speculative(cls, alpha: object, c: object, k: int) -> Cascade:
        """Speculative decoding (Leviathan et al., arXiv 2211.17192): `draft` drafts k tokens, `target` reviews them.

        Args:
            alpha: Acceptance of the drafter's tokens: a number in [0, 1], or hazards as a specification has them, such
                as ``{"per_position": [0.8, 0.7]}``.
            c: Cost of one call of the drafter, in one-token target calls: a number >= 0, or as a specification has it.
            k: Tokens drafted in a cycle, >= 0; 0 is autoregressive decoding.

        Raises:
            InputError: naming the field, its value and what is allowed.

        >>> from analysis import ewif
        >>> round(ewif(Cascade.speculative(alpha=0.8, c=0.1, k=5)), 4)
        2.4595
        """
        steps = [] if k == 0 else [{"by": "draft", "tokens": k}]
        return cls._of({"target": 1, "draft": c}, {"target": {"draft": alpha}}, steps)

    @classmethod
    def vertical(cls, alpha: object, inner_alpha: object, c: object, inner_c: object, rounds: int, k: int) -> Cascade:
        """Vertical cascade (CS Drafting, arXiv 2312.11462, section 3): d1 reviews rounds of k tokens that d2 drafts.

        Args:
            alpha: Acceptance of d1's tokens by the target.
            inner_alpha: Acceptance of d2's tokens by d1.
            c: Cost of a call of d1, in one-token target calls.
            inner_c: Cost of a call of d2.
            rounds: Review rounds of d1 in a cycle, >= 1.
            k: Tokens that d2 drafts in a round, >= 1.

        Raises:
            InputError: naming the field, its value and what is allowed.

        >>> from analysis import ewif
        >>> round(ewif(Cascade.vertical(alpha=0.8, inner_alpha=0.45, c=0.1, inner_c=0, rounds=3, k=10)), 4)
        2.8463
        """
        inner = [{"by": "d2", "tokens": k}]
        return cls._of(
            {"target": 1, "d1": c, "d2": inner_c},
            {"target": {"d1": alpha}, "d1": {"d2": inner_alpha}},
            [{"by": "d1", "rounds": rounds, "draft": inner}],
        )

    @classmethod
    def horizontal(cls, *steps: tuple[object, object, int]) -> Cascade:
        """Horizontal cascade (CS Drafting, arXiv 2312.11462, section 3): d1 drafts first, then d2, and so on.

        Args:
            *steps: ``(alpha, c, k)`` of each drafter in order: its acceptance by the target, the cost of its call in
                one-token target calls, and how many tokens it drafts, >= 1.

        Raises:
            InputError: naming the field, its value and what is allowed.

        >>> from analysis import ewif
        >>> round(ewif(Cascade.horizontal((0.8, 0.1, 3), (0.4, 0, 4))), 4)
        2.5266
        """
        names = [f"d{i}" for i in range(1, len(steps) + 1)]
        return cls._of(
            {"target": 1, **{name: c for name, (_, c, _) in zip(names, steps, strict=True)}},
            {"target": {name: alpha for name, (alpha, _, _) in zip(names, steps, strict=True)}},
            [{"by": name, "tokens": k} for name, (_, _, k) in zip(names, steps, strict=True)],
        )

    @classmethod
    def _of(cls, costs: Mapping[str, object], acceptance: object, draft: object) -> Cascade:
        models = {model: {"cost": cost} for model, cost in costs.items()}
        cascade = cls.from_json({"target": "target", "models": models, "acceptance": acceptance, "draft": draft})
        advise_on(cascade)
        return cascade

    @classmethod
    def from_json(cls, value: object, *, needs_draft: bool = True) -> Cascade:
        """Read a specification.

        Args:
            value: What `json.loads` returned, JSON text, or the path of a file; a text that begins with ``{`` is JSON.
            needs_draft: Whether `draft` must be there; False reads the models of an optimisation or a calibration.

        Raises:
            InputError: naming the file, the field, its value and what is allowed.

        >>> text = Cascade.speculative(alpha=0.8, c=0.1, k=5).canonical()
        >>> Cascade.from_json(text) == Cascade.speculative(alpha=0.8, c=0.1, k=5)
        True
        """
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = parse_json(value, "specification")
        elif isinstance(value, (str, Path)):
            with inside_file(value):
                return cls.from_json(parse_json(read_text(value), str(value)), needs_draft=needs_draft)
        fields = mapping(value, "specification")
        only_keys(fields, _KEYS, required=("target", "models", "draft") if needs_draft else ("target", "models"))
        try:
            with inside("models"):
                models = read_models(fields["models"])
            with inside("acceptance"):
                acceptance = acceptances(fields.get("acceptance", {}))
            with inside("draft"):
                draft = read_draft(fields.get("draft", []))
            with inside("uncertainty"):
                uncertainty = read_uncertainty(fields["uncertainty"]) if "uncertainty" in fields else None
        except RecursionError:
            raise InputError("draft", "nested too deeply") from None
        for key in ("models", "meta"):  # `load` and `meta` hold anything that JSON can
            try:
                json.dumps(fields.get(key), allow_nan=False)
            except ValueError:
                raise InputError(key, "holds a number that JSON does not know (NaN or infinite)") from None
        return cls(
            target=read_name(fields["target"], "target"),
            models=models,
            acceptance=acceptance,
            draft=draft,
            lenience=read_number(fields.get("lenience", 1.0), "lenience", 1),
            uncertainty=uncertainty,
            meta=fields.get("meta"),
        )

    @classmethod
    def from_k_matrix(
        cls,
        matrix: Sequence[Sequence[int]],
        target: str,
        drafters: Sequence[str],
        models: Mapping[str, Model],
        acceptance: Acceptances,
        convention: Convention = "cumulative",
    ) -> Cascade:
        """Build the cascade of a K-matrix of the paper; see `draft_from_k_matrix` for its two conventions."""
        return cls(target, models, acceptance, draft_from_k_matrix(matrix, drafters, convention))

    def to_json(self) -> dict[str, object]:
        """The canonical specification: defaults left out, models by name, every value in its shortest form."""
        result: dict[str, object] = {
            "target": self.target,
            "models": {m: self.models[m].to_json() for m in sorted(self.models)},
            "acceptance": {
                r: {d: row[d].to_json() for d in sorted(row)} for r, row in sorted(self.acceptance.items()) if row
            },
            "draft": [step.to_json() for step in self.draft],
        }
        if self.lenience != 1:
            result["lenience"] = self.lenience
        if self.uncertainty is not None:
            result["uncertainty"] = self.uncertainty
        if self.meta is not None:
            result["meta"] = self.meta
        return result

    def canonical(self) -> str:
        """One line of canonical JSON; reading it gives an equal cascade."""
        return json.dumps(self.to_json(), allow_nan=False)

    def law_json(self) -> dict[str, object]:
        """The specification of all that decides what a cycle yields and costs, in the shortest form.

        It is equal for equal laws: it has no `meta` and no `uncertainty`, and says no more of where a table ends than
        its values do.
        """
        result = self.to_json()
        result.pop("meta", None)
        result.pop("uncertainty", None)
        models = {m: self.models[m] for m in sorted(self.models)}
        costs = {m: {"cost": model.cost.law_json()} if model.cost else {} for m, model in models.items()}
        result["models"] = {m: models[m].to_json() | costs[m] for m in models}
        result["acceptance"] = {
            r: {d: row[d].law_json() for d in sorted(row)} for r, row in sorted(self.acceptance.items())
        }
        return result

    def with_draft(self, draft: Draft) -> Cascade:
        """The same models with another draft."""
        return replace(self, draft=draft)

    def with_length(self, k: int) -> Cascade:
        """The same cascade with drafts of k tokens; 0 for none.

        Raises:
            InputError: where the draft is not one step in which a drafter drafts its tokens itself.

        >>> Cascade.speculative(alpha=0.8, c=0.1, k=5).with_length(7).draft[0].tokens
        7
        """
        step = self.draft[0] if len(self.draft) == 1 else None
        if step is None or step.tokens is None:
            raise InputError("draft", f"got {draft_name(self.draft)}, expected one step of `tokens` to give a length")
        return self.with_draft(() if k == 0 else (replace(step, tokens=k),))

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    def pair(self, reviewer: str, drafter: str) -> Acceptance:
        """Acceptance of a drafter's tokens by a reviewer.

        Raises:
            InputError: where the specification has none (allowed only for models with `load`).
        """
        found = self.acceptance.get(reviewer, {}).get(drafter)
        if found is None:
            raise InputError(f"acceptance.{reviewer}.{drafter}", "missing, the draft uses this pair")
        return found

    def cost(self, model: str) -> Cost:
        """Cost of a model's calls, in the unit of the specification.

        Raises:
            InputError: where the specification has none (allowed only for models with `load`).
        """
        found = self.models[model].cost
        if found is None:
            raise InputError(f"models.{model}.cost", "missing")
        return found

    def _check_models(self) -> None:
        if self.target not in self.models:
            reject("target", self.target, f"one of the models {', '.join(self.models) or '(none)'}")
        for key, model in self.models.items():
            if model.cost is None and model.load is None:
                raise InputError(f"models.{key}.cost", "missing (only a model with `load` may have none)")
        cost = self.models[self.target].cost
        if isinstance(cost, ByDraft):
            raise InputError(
                f"models.{self.target}.cost", "got by_draft, expected a cost by tokens: the target reviews"
            )
        if cost is not None and cost.least < LEAST_OF_TARGET:
            reject(f"models.{self.target}.cost", cost.to_json(), "a cost > 0 for the target (at least 1e-60)")

    def _check_pairs(self, field: str, rows: object) -> None:
        for reviewer, row in mapping(rows, field).items():
            if reviewer not in self.models:
                raise InputError(f"{field}.{reviewer}", "unknown reviewer, expected one of the models")
            for drafter in mapping(row, f"{field}.{reviewer}"):
                if drafter not in self.models:
                    raise InputError(f"{field}.{reviewer}.{drafter}", "unknown model, expected one of the models")

    def _check_draft(self) -> None:
        ancestors: dict[str, tuple[str, ...]] = {"": ()}
        for path, reviewer, step in walk(self.draft, self.target):
            above = ancestors[path.rpartition(".")[0]]
            if step.by not in self.models:
                reject(f"{path}.by", step.by, f"one of the models {', '.join(self.models)}")
            if step.by == self.target:
                reject(f"{path}.by", step.by, "a drafter, not the target")
            if step.by in above:
                reject(f"{path}.by", step.by, "a model that does not draft for itself")
            if step.draft and isinstance(self.models[step.by].cost, ByDraft):
                problem = f"got by_draft, expected a cost by tokens: {path} has it review"
                raise InputError(f"models.{step.by}.cost", problem)
            ancestors[path] = (*above, step.by)
            if self.acceptance.get(reviewer, {}).get(step.by) is None and not (
                self.models[reviewer].load or self.models[step.by].load
            ):
                raise InputError(f"acceptance.{reviewer}.{step.by}", f"missing, {path} uses this pair")
        with inside("draft"):
            longest(self.draft)


def demand_cascade(value: object) -> None:
    """Refuse what is no cascade, such as the name of its file.

    Raises:
        InputError: with what reads one.
    """
    if not isinstance(value, Cascade):
        reject("cascade", value, "a Cascade (Cascade.from_json reads one from an object, a text or a file)")
