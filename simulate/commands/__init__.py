"""One module a command of ``python -m simulate``; each has `add`, which registers it with the parser."""
