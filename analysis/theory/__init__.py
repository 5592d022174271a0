"""Exact theory of cascades: the law of a cycle, its moments, sensitivities, closed forms and mixtures."""
