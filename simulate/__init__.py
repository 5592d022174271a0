"""Monte Carlo of cascades, independent of the formulas of `analysis`."""
