"""One module a command of ``python -m analysis``; each has `add`, which registers it with the parser."""
