"""The assumptions of theory, held against recorded agreements of real models.

Every check has an effect size with a 95 % bootstrap interval over prompts, a test in which prompts are independent and
tokens of one prompt need not be, and a verdict: holds, violated or undecided.
"""

from analysis.checks.run import run_checks
from analysis.checks.survival import survival_of_target
from analysis.checks.table import as_csv, as_markdown, as_text
from analysis.checks.traces import PromptTrace, Traces, read_traces
from analysis.checks.verdict import LEVEL, MARGIN, Check, Judged, finite, judge

__all__ = [
    "LEVEL",
    "MARGIN",
    "Check",
    "Judged",
    "PromptTrace",
    "Traces",
    "as_csv",
    "as_markdown",
    "as_text",
    "finite",
    "judge",
    "read_traces",
    "run_checks",
    "survival_of_target",
]
