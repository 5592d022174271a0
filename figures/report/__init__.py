"""The report of `paper_repro.py`: artefacts in order, how each is drawn, and the command lines behind them."""
