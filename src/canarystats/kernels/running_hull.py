"""The largest CUSUM of a growing series, over every place of a change, in a few steps a value.

The best place for a step up is a vertex of the greatest convex minorant of the running sum, that
for a step down one of its least concave majorant. Both hulls are kept as lists of vertices: a value
adds one and takes away those it hides, and there are about 2 log n of them.

References
----------
Romano, Eckley, Fearnhead & Rigaill (2023), Journal of Machine Learning Research 24:1-36 (FOCuS).
"""

from __future__ import annotations

import math

Vertex = tuple[float, ...]  # values before, their sum, and whatever the caller keeps of them


def push(hull: list[Vertex], point: Vertex, sign: float) -> None:
    """Add a point to the minorant (sign 1) or the majorant (sign -1), in place."""
    while len(hull) > 1:
        (a, sum_a), (b, sum_b) = hull[-2][:2], hull[-1][:2]
        if sign * ((sum_b - sum_a) * (point[0] - b) - (point[1] - sum_b) * (b - a)) < 0:
            break
        hull.pop()
    hull.append(point)


def largest_cusum(hull: list[Vertex]) -> tuple[float, int]:
    """The largest CUSUM over a hull's inner vertices, and which vertex; 0 and -1 without any.

    Parameters
    ----------
    hull
        Vertices from (0, 0) to the latest value.

    Returns
    -------
    tuple
        The difference between the last values' sum and its share, scaled to the standard
        deviation of one value; and the vertex.
    """
    n, total = hull[-1][0] - hull[0][0], hull[-1][1] - hull[0][1]
    best, where = 0.0, -1
    for i in range(1, len(hull) - 1):
        k = hull[i][0] - hull[0][0]
        excess = hull[i][1] - hull[0][1] - total * k / n
        size = excess * excess * n / (k * (n - k))
        if size > best:
            best, where = size, i
    return math.sqrt(best), where
