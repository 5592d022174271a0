"""One module for each command of ``python -m analysis``; each has `add`, which registers it with the parser."""

TITLE = "Theory of cascades"
COMMANDS = (
    "example",
    "ewif",
    "optimise",
    "fit",
    "advise",
    "explain",
    "moments",
    "heterogeneity",
    "cascades",
    "predict",
    "ladder",
    "evidence",
    "swi",
    "scale",
    "derive",
    "claims",
    "checks",
    "canonical",
    "theory-speed",
)
ALIASES = {"bench": "theory-speed"}
