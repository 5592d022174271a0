"""Max-Gram, the statistical drafter: longest earlier match by a suffix automaton, bigrams where there is none."""
