"""Proof of no harm: non-inferiority and equivalence, by the method that fits the metric's kind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from canarystats.compare import sides
from canarystats.compare.mann_whitney import mann_whitney
from canarystats.compare.paired import paired
from canarystats.compare.quantiles import quantile_ratio
from canarystats.compare.rate_differences import rate_difference
from canarystats.compare.rates import rate_ratio
from canarystats.compare.shares import share_above
from canarystats.compare.stacks import of_each_kind
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@overload
def not_worse(
    pair: Pair,
    *,
    margin: float,
    level: float = 0.05,
    harmful: sides.Harmful = "increase",
    absolute: bool = False,
    q: float = 0.99,
    edge: float | None = None,
) -> Evidence: ...


@overload
def not_worse(
    pair: Sequence[Pair],
    *,
    margin: float,
    level: float = 0.05,
    harmful: sides.Harmful = "increase",
    absolute: bool = False,
    q: float = 0.99,
    edge: float | None = None,
) -> list[Evidence]: ...


def not_worse(
    pair: Pair | Sequence[Pair],
    *,
    margin: float,
    level: float = 0.05,
    harmful: sides.Harmful = "increase",
    absolute: bool = False,
    q: float = 0.99,
    edge: float | None = None,
) -> Evidence | list[Evidence]:
    """Test whether the canary is shown to be no worse than a margin allows.

    Parameters
    ----------
    pair
        A gauge is compared tick by tick (`paired`), samples by ranks against the moved baseline
        (`mann_whitney`), counts by their rates (`rate_ratio`), a histogram by its q-quantiles
        (`quantile_ratio`). Or a sequence of them, of any kinds, each kind tested in batches.
    margin
        How much worse is allowed, positive: relative to the baseline, under 1 where a decrease is
        harmful.
    level
        The p-value at which it counts as shown, in (0, 0.5).
    harmful
        The direction that hurts; ``either`` asks for `equivalent`.
    absolute
        Whether the margin is in the metric's own unit: that of the gauge or the samples, events per
        exposure (`rate_difference`), or a share of a histogram's observations above ``edge``
        (`share_above`).
    q
        Which quantile of a histogram, in (0, 1).
    edge
        One of a histogram's bounds, where ``absolute`` is set.

    Returns
    -------
    Evidence
        Of the method chosen, asked NOT_WORSE: it decides where the hypothesis that the canary is
        worse by the margin or more is rejected. The interval has coverage ``1 - 2 * level`` and
        lies within the margin exactly where a method's interval inverts its test.

    Raises
    ------
    InputError
        If a setting is out of range or the pair is of events, which allow no margin.

    Notes
    -----
    The hypothesis is harm, so too little data never shows anything.

    References
    ----------
    Wellek (2010), Testing Statistical Hypotheses of Equivalence and Noninferiority, chapters 2, 6.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> pair = Pair.counts("requests", canary=([100], [10_000]), baseline=([1000], [100_000]))
    >>> not_worse(pair, margin=0.5).decides
    True
    """
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    if harmful == "either":
        return equivalent(pair, margin=margin, level=level, absolute=absolute, q=q, edge=edge)
    sides.require_between("margin", margin, 0, math.inf)
    if harmful == "decrease" and not absolute:
        sides.require_between("margin", margin, 0, 1)
    settings: dict[str, Any] = {
        "alternative": "less" if harmful == "increase" else "greater",
        "level": level,
        "harmful": harmful,
    }
    ask = _absolutely if absolute else _relatively
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    found = [
        one.model_copy(update={"question": Question.NOT_WORSE, "margin": margin})
        for one in of_each_kind(
            pairs, lambda kind, alike: ask(kind, alike, margin, settings, q, edge)
        )
    ]
    return found[0] if isinstance(pair, Pair) else found


@overload
def equivalent(
    pair: Pair,
    *,
    margin: float,
    level: float = 0.05,
    absolute: bool = False,
    q: float = 0.99,
    edge: float | None = None,
) -> Evidence: ...


@overload
def equivalent(
    pair: Sequence[Pair],
    *,
    margin: float,
    level: float = 0.05,
    absolute: bool = False,
    q: float = 0.99,
    edge: float | None = None,
) -> list[Evidence]: ...


def equivalent(
    pair: Pair | Sequence[Pair],
    *,
    margin: float,
    level: float = 0.05,
    absolute: bool = False,
    q: float = 0.99,
    edge: float | None = None,
) -> Evidence | list[Evidence]:
    """Test whether the canary is shown to differ by less than a margin either way.

    Parameters
    ----------
    pair, margin, level, absolute, q, edge
        As in `not_worse`; a relative margin is under 1.

    Returns
    -------
    Evidence
        Of the direction that is less surely within the margin, whose p-value is that of both: two
        one-sided tests.

    Raises
    ------
    InputError
        As `not_worse`.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15:657-680.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> pair = Pair.counts("requests", canary=([100], [10_000]), baseline=([2000], [100_000]))
    >>> equivalent(pair, margin=0.3).decides
    False
    """
    pairs = [pair] if isinstance(pair, Pair) else list(pair)

    def shown(harmful: sides.Harmful) -> list[Evidence]:
        return not_worse(
            pairs, margin=margin, level=level, harmful=harmful, absolute=absolute, q=q, edge=edge
        )

    found = [_weaker(two, margin) for two in zip(shown("increase"), shown("decrease"), strict=True)]
    return found[0] if isinstance(pair, Pair) else found


def _weaker(both: tuple[Evidence, Evidence], margin: float) -> Evidence:
    # what cannot answer weighs more than any p-value
    weakest = max(
        both, key=lambda e: (e.status is not Status.OK, 1.0 if e.p_value is None else e.p_value)
    )
    if weakest.status is not Status.OK:
        return weakest
    return weakest.model_copy(update={"detail": f"within {margin:g} either way?"})


def _relatively(
    kind: Kind,
    pairs: list[Pair],
    margin: float,
    settings: dict[str, Any],
    q: float,
    edge: float | None,
) -> list[Evidence]:
    if edge is not None:
        msg = f"edge is {edge}; it stands beside an absolute margin only"
        raise InputError(msg)
    factor = 1 + margin if settings["alternative"] == "less" else 1 - margin
    asked: dict[Kind, Callable[[], list[Evidence]]] = {
        Kind.GAUGE: lambda: paired(pairs, margin=-margin, **settings),
        Kind.SAMPLES: lambda: mann_whitney(pairs, margin=-margin, **settings),
        Kind.COUNTS: lambda: rate_ratio(pairs, null_ratio=factor, **settings),
        Kind.HISTOGRAM: lambda: quantile_ratio(pairs, q=q, null_ratio=factor, **settings),
    }
    sides.require_kind(pairs[0], "not_worse", *asked)
    return asked[kind]()


def _absolutely(
    kind: Kind,
    pairs: list[Pair],
    margin: float,
    settings: dict[str, Any],
    q: float,
    edge: float | None,
) -> list[Evidence]:
    del q
    if kind is Kind.HISTOGRAM and edge is None:
        msg = "edge is missing; an absolute margin of a histogram is a share above an edge"
        raise InputError(msg)
    asked: dict[Kind, Callable[[], list[Evidence]]] = {
        Kind.GAUGE: lambda: paired(pairs, margin=-margin, absolute=True, **settings),
        Kind.SAMPLES: lambda: _moved_samples(pairs, margin, settings),
        Kind.COUNTS: lambda: rate_difference(pairs, margin=-margin, **settings),
        Kind.HISTOGRAM: lambda: share_above(pairs, edge=edge or 0.0, margin=-margin, **settings),
    }
    sides.require_kind(pairs[0], "not_worse", *asked)
    return asked[kind]()


def _moved_samples(pairs: list[Pair], margin: float, settings: dict[str, Any]) -> list[Evidence]:
    """Ranks against the baseline moved by the margin; figures of the pairs as they are."""
    by = margin if settings["alternative"] == "less" else -margin
    moved = []
    for pair in pairs:
        baseline = np.zeros((0, 1)) if pair.baseline is None else pair.baseline
        moved.append(
            Pair.samples(pair.name, canary=pair.canary[:, 0], baseline=baseline[:, 0] + by)
        )
    both = zip(mann_whitney(pairs, **settings), mann_whitney(moved, **settings), strict=True)
    return [
        plain.model_copy(
            update={"p_value": one.p_value, "status": one.status, "detail": one.detail}
        )
        for plain, one in both
    ]
