"""Two windows, one look: the canary beside its baseline, once, at the end.

The error rates hold for a single look at a window fixed beforehand; looking again and again needs
the methods of `canarystats.sequential`.

Every one-sided answer carries an interval of coverage ``1 - 2 * level``, each end of which is the
one-sided bound at ``level``; a two-sided one has coverage ``1 - level``.
"""

from canarystats.compare.mann_whitney import mann_whitney
from canarystats.compare.quantiles import QuantileBracket, histogram_quantile, quantile_ratio
from canarystats.compare.rates import rate_level, rate_ratio
from canarystats.compare.shifts import shift

__all__ = [
    "QuantileBracket",
    "histogram_quantile",
    "mann_whitney",
    "quantile_ratio",
    "rate_level",
    "rate_ratio",
    "shift",
]
