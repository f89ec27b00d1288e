"""A straight line through points that come one by one, and e-values of its slope.

What is kept of a line are the means, the sum of squares of the times ``Stt``, and the sums of
products ``Sty`` and ``Syy``, all about the means. With ``U = Sty - b Stt``, the slope's distance
from a constant b weighed by the times:

- noise of known variance s²: what each point adds beyond the mean of those before it is
  independent of them, so U is a sum of independent parts of total variance ``s² Stt``, whatever
  the level. It is a `normal_mixture`.
- noise of unknown variance: with a normal prior of precision g on the slope over the noise,

      ln E = ½ ln R + ½ (n - 1) [ln(1 + q/r) - ln(1 + R q/r)],   R = g / (g + Stt),

  where r is the residual sum of squares of the line and ``q = U²/Stt``. One-sided, it is that times
  ``2 F(a)`` with F Student's distribution with n - 1 degrees of freedom and
  ``a = U sqrt((n - 1) / ((Stt + g) (r + R q)))``, as for a mean (`student`).

Both hold at any number of looks for independent normal noise, and one-sided for every slope on the
other side. Dependent noise breaks both, unless the variance is its long-run variance, or the points
are means of batches longer than it remembers. The slope is that of the whole stretch: what bends is
told by its best straight line.

References
----------
Lindon, Ham, Tingley & Bojinov (2022), Anytime-valid linear models; Pérez-Ortiz, Lardy, de Heide &
Grünwald (2024), Annals of Statistics 52:1410-1432 (nuisance level and scale). Brown, Durbin & Evans
(1975), JRSS B 37:149-192 (recursive residuals). Welford (1962), Technometrics 4:419-420.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from canarystats.kernels import student


@dataclass(frozen=True, slots=True)
class Line:
    """A line through the points so far.

    Parameters
    ----------
    points
        How many.
    at, value
        Their mean time and their mean value.
    tt, ty, yy
        Sums of squares and products about those means.
    spent
        ``tt`` with each point's part counted as often as its noise is more than the ordinary.
    """

    points: int = 0
    at: float = 0.0
    value: float = 0.0
    tt: float = 0.0
    ty: float = 0.0
    yy: float = 0.0
    spent: float = 0.0

    def through(self, at: float, value: float, noise: float = 1.0) -> Line:
        """The line through one more point; ``noise`` is its variance in ordinary ones."""
        points = self.points + 1
        ahead, above = at - self.at, value - self.value
        part = (points - 1) / points
        return Line(
            points,
            self.at + ahead / points,
            self.value + above / points,
            self.tt + part * ahead * ahead,
            self.ty + part * ahead * above,
            self.yy + part * above * above,
            self.spent + noise * part * ahead * ahead,
        )

    @property
    def slope(self) -> float:
        """Least squares; 0 while there is no span."""
        return self.ty / self.tt if self.tt > 0 else 0.0

    @property
    def left(self) -> float:
        """The residual sum of squares."""
        return max(self.yy - self.slope * self.ty, 0.0)


def log_e_above(line: Line, slope: float, g: float) -> float:
    """Logarithm of the e-value against every slope of at most ``slope``, noise unknown.

    ``g`` is the prior's precision, in the unit of the squared times.
    """
    if line.points < 3 or not line.tt > 0:
        return 0.0
    beyond = line.ty - slope * line.tt
    ratio, freedom = g / (g + line.tt), line.points - 1.0
    q, left = beyond * beyond / line.tt, line.left
    if not (q > 0 or left > 0):
        return 0.0
    with np.errstate(divide="ignore"):
        inner = -math.log(ratio)
        if left > 0:
            inner = math.log1p(q / left) - math.log1p(ratio * q / left)
        a = beyond * math.sqrt(freedom / ((line.tt + g) * (left + ratio * q)))
    below = float(student.log_twice_below(freedom, a))
    return 0.5 * math.log(ratio) + 0.5 * freedom * inner + below


def half_width(line: Line, g: float, level: float) -> float:
    """Half width of the confidence sequence of the slope, noise unknown; may be infinite."""
    if line.points < 3 or not line.tt > 0:
        return math.inf
    ratio, freedom = g / (g + line.tt), line.points - 1.0
    growth = math.exp((-2.0 * math.log(1.0 - level) - math.log(ratio)) / freedom)
    if growth * ratio >= 1.0:
        return math.inf
    return math.sqrt((growth - 1.0) / (1.0 - growth * ratio) * line.left / line.tt)
