"""Roofline of a decoding call: a machine's rates, what a call must read and multiply, the least time of both."""
