"""Truncated Taylor arithmetic: one recursion carries probabilities, cost moments and exact derivatives at once.

A value is an array with two leading axes. Axis 0 is the order p in a formal variable theta that marks cost, as in
E[exp(theta * cost); event], so order p holds E[cost^p; event] / p!. Axis 1 is the plain value (index 0) followed by
its derivative in every parameter (forward differentiation with dual numbers; exact, no step size). All further axes
are ordinary. Sums are NumPy's own; only products need the rules below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
"""Taylor value, shape (orders, 1 + parameters, ...)."""
Dual: TypeAlias = NDArray[np.float64]
"""Value and derivatives without an order axis, shape (1 + parameters, ...)."""


@dataclass(frozen=True)
class Taylor:
    """The arithmetic of one truncation.

    Attributes:
        orders: Number of orders of theta kept, >= 1: 2 gives expected costs, 3 their second moments.
        parameters: Number of derivatives carried, >= 0.
    """

    orders: int
    parameters: int = 0

    def zeros(self, *shape: int) -> Array:
        """Zero values of the given ordinary shape."""
        return np.zeros((self.orders, 1 + self.parameters, *shape))

    def multiply(self, a: Array, b: Array) -> Array:
        """Product, with ordinary axes broadcast; a factor may have fewer orders, the missing ones being zero."""
        shape = np.broadcast_shapes(a.shape[2:], b.shape[2:])
        orders = min(self.orders, a.shape[0] + b.shape[0] - 1)
        result = np.zeros((orders, 1 + self.parameters, *shape))
        for p in range(a.shape[0]):
            for q in range(min(b.shape[0], orders - p)):
                result[p + q, 0] += a[p, 0] * b[q, 0]
                if self.parameters:
                    result[p + q, 1:] += a[p, :1] * b[q, 1:] + a[p, 1:] * b[q, :1]
        return result

    def exponential(self, cost: Dual) -> Array:
        """exp(theta * cost) of a certain cost: order p holds cost^p / p!."""
        result = self.zeros(*cost.shape[1:])
        result[0, 0] = 1.0
        linear = cost[None]
        for p in range(1, self.orders):
            result[p] = self.multiply(result[p - 1 : p], linear)[0] / p
        return result


def complement(a: Array) -> Array:
    """1 - a."""
    result = -a
    result[0, 0] += 1.0
    return result
