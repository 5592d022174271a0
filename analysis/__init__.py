"""Theory of cascade speculative drafting: exact EWIF, derivations, optima."""
