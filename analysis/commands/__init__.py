"""One module a command of ``python -m analysis``; each has `add`, which registers it with the parser."""

TITLE = "Theory of cascades"
COMMANDS = (
    "ewif",
    "moments",
    "heterogeneity",
    "optimise",
    "fit",
    "derive",
    "claims",
    "checks",
    "theory-speed",
    "example",
    "canonical",
    "cascades",
    "predict",
    "ladder",
    "swi",
    "scale",
)
ALIASES = {"bench": "theory-speed"}
