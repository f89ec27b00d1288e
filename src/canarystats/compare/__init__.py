"""Two windows, one look: the canary beside its baseline, once, at the end.

The error rates hold for a single look at a window fixed beforehand; looking again and again needs
the methods of `canarystats.sequential`.

Every one-sided answer carries an interval of coverage ``1 - 2 * level``, each end of which is the
one-sided bound at ``level``; a two-sided one has coverage ``1 - level``.
"""

from canarystats.compare.alignment import LongRunVariance, long_run_variance
from canarystats.compare.brunner_munzel import brunner_munzel
from canarystats.compare.equivalence import equivalent, not_worse
from canarystats.compare.mann_whitney import mann_whitney
from canarystats.compare.multiplicity import benjamini_hochberg, holm, weighted_bonferroni
from canarystats.compare.outliers import outliers
from canarystats.compare.paired import paired
from canarystats.compare.quantile_levels import quantile_level
from canarystats.compare.quantiles import QuantileBracket, histogram_quantile, quantile_ratio
from canarystats.compare.rate_differences import rate_difference
from canarystats.compare.rate_levels import rate_level
from canarystats.compare.rates import rate_ratio
from canarystats.compare.shares import share_above
from canarystats.compare.shifts import shift
from canarystats.compare.spreads import spread
from canarystats.compare.stochastic_order import stochastic_order

__all__ = [
    "LongRunVariance",
    "QuantileBracket",
    "benjamini_hochberg",
    "brunner_munzel",
    "equivalent",
    "histogram_quantile",
    "holm",
    "long_run_variance",
    "mann_whitney",
    "not_worse",
    "outliers",
    "paired",
    "quantile_level",
    "quantile_ratio",
    "rate_difference",
    "rate_level",
    "rate_ratio",
    "share_above",
    "shift",
    "spread",
    "stochastic_order",
    "weighted_bonferroni",
]
