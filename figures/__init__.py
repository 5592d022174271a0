"""Figures and tables of finished numbers: each module draws its data on given axes, and samples nothing."""
