"""The decoding engine: the cascade's recursion, reviews, acceptance rules, policies and what a run records."""
