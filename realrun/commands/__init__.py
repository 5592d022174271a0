"""One module a command of ``python -m realrun``; each has `add`, which registers it with the parser."""
