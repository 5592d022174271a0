"""The compiled kernel: cascades as programs of integers, random numbers, drawing, totals."""
