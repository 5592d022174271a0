"""Cascade speculative decoding on real models, and its measurement."""

import os

# Idle OpenMP threads must sleep, not spin: on 2 cores shared with other busy processes, spinning threads made decoding
# 12 times slower. Read when torch is first imported; a program that imports torch before this package sets it itself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
