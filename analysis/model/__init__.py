"""The shared vocabulary: a cascade is one value with three meanings.

`analysis` derives what a `Cascade` should achieve, `simulate` samples what it would achieve, `realrun` executes it.
This package imports nothing else of the project.
"""

from analysis.model.beyond import Beyond, goes_on
from analysis.model.boundary.advice import Advice, advise
from analysis.model.boundary.commands import Parser, Subparsers, add_command, exit_with
from analysis.model.boundary.fields import InputError
from analysis.model.boundary.harmless import harmless
from analysis.model.boundary.outputs import demand_place, demand_text, whole_file
from analysis.model.boundary.program import run_modules, run_package
from analysis.model.boundary.progress import progress, progress_bar
from analysis.model.boundary.reading import (
    demand_regular,
    inside_file,
    parse_json,
    read_bytes,
    read_text,
    text_of,
)
from analysis.model.cascade import Cascade
from analysis.model.cost import Affine, ByDraft, Cost, Tabulated
from analysis.model.file import read_cascade
from analysis.model.hazard import Acceptance, Decaying, PerPosition
from analysis.model.kmatrix import draft_from_k_matrix
from analysis.model.misuse import advise_on
from analysis.model.models import Model, acceptances, scalar_models
from analysis.model.notation import draft_name
from analysis.model.reach import Reading, check_reach, readings, with_beyond
from analysis.model.step import MAX_DRAFT_LENGTH, Draft, Step, longest, walk

__all__ = [
    "MAX_DRAFT_LENGTH",
    "Acceptance",
    "Advice",
    "Affine",
    "Beyond",
    "ByDraft",
    "Cascade",
    "Cost",
    "Decaying",
    "Draft",
    "InputError",
    "Model",
    "Parser",
    "PerPosition",
    "Reading",
    "Step",
    "Subparsers",
    "Tabulated",
    "acceptances",
    "add_command",
    "advise",
    "advise_on",
    "check_reach",
    "demand_place",
    "demand_regular",
    "demand_text",
    "draft_from_k_matrix",
    "draft_name",
    "exit_with",
    "goes_on",
    "harmless",
    "inside_file",
    "longest",
    "parse_json",
    "progress",
    "progress_bar",
    "read_bytes",
    "read_cascade",
    "read_text",
    "readings",
    "run_modules",
    "run_package",
    "scalar_models",
    "text_of",
    "walk",
    "whole_file",
    "with_beyond",
]
