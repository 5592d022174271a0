"""The shared vocabulary: a cascade is one value with three meanings.

`analysis` derives what a `Cascade` should achieve, `simulate` samples what it would achieve, `realrun` executes it.
This package imports nothing else of the project.
"""

from analysis.model.beyond import Beyond, goes_on
from analysis.model.boundary.advice import Advice, advise
from analysis.model.boundary.commands import Parser, Subparsers, exit_with, run_command, run_modules, whole_option
from analysis.model.boundary.fields import InputError
from analysis.model.boundary.reading import parse_json, read_cascade, read_text, whole_file
from analysis.model.cascade import Cascade, Model, acceptances, scalar_models
from analysis.model.cost import Affine, Cost, Tabulated
from analysis.model.hazard import Acceptance, Decaying, PerPosition
from analysis.model.kmatrix import draft_from_k_matrix
from analysis.model.reach import Reading, check_reach, readings, with_beyond
from analysis.model.step import MAX_DRAFT_LENGTH, Draft, Step, longest, walk

__all__ = [
    "MAX_DRAFT_LENGTH",
    "Acceptance",
    "Advice",
    "Affine",
    "Beyond",
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
    "advise",
    "check_reach",
    "draft_from_k_matrix",
    "exit_with",
    "goes_on",
    "longest",
    "parse_json",
    "read_cascade",
    "read_text",
    "readings",
    "run_command",
    "run_modules",
    "scalar_models",
    "walk",
    "whole_file",
    "whole_option",
    "with_beyond",
]
