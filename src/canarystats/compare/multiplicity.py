"""Many comparisons at once: p-values adjusted so that the whole family keeps its level."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compare import sides
from canarystats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarystats.evidence import Evidence

    FloatArray = NDArray[np.float64]


def holm(evidence: Sequence[Evidence], level: float = 0.05) -> list[Evidence]:
    """Adjust p-values so that any false claim among them is as rare as the level.

    Parameters
    ----------
    evidence
        Of one family. Those without a p-value have nothing to claim: they are passed on unchanged
        and do not count.
    level
        For the whole family, in (0, 0.5).

    Returns
    -------
    list of Evidence
        In the order given: ``p_value`` is adjusted and held against ``level``; intervals stay those
        of the single comparisons.

    Raises
    ------
    InputError
        If the level is out of range or evidence carries an e-value.

    Notes
    -----
    Valid whatever the dependence between the comparisons.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6:65-70.
    """
    sides.require_between("level", level, 0, 0.5)
    p = _p_values(evidence)
    order = np.argsort(p, kind="stable")
    left = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(left * p[order]), 1)
    return _adjusted(evidence, adjusted, level, "Holm")


def benjamini_hochberg(evidence: Sequence[Evidence], level: float = 0.05) -> list[Evidence]:
    """Adjust p-values so that among all claims the expected share of false ones is the level.

    Parameters
    ----------
    evidence, level
        As in `holm`.

    Returns
    -------
    list of Evidence
        As in `holm`.

    Raises
    ------
    InputError
        If the level is out of range or evidence carries an e-value.

    Notes
    -----
    Assumes that the comparisons are independent or positively dependent. It explains; a rollback
    needs the stricter `holm` or `weighted_bonferroni`.

    References
    ----------
    Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57:289-300.
    """
    sides.require_between("level", level, 0, 0.5)
    p = _p_values(evidence)
    order = np.argsort(p, kind="stable")
    # as the share of the whole, not its inverse: the bits of the usual implementations
    scaled = p[order] / (np.arange(1, len(p) + 1) / max(len(p), 1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return _adjusted(evidence, adjusted, level, "Benjamini-Hochberg")


def weighted_bonferroni(
    evidence: Sequence[Evidence], weights: Sequence[float], level: float = 0.05
) -> list[Evidence]:
    """Give each comparison its share of one level.

    Parameters
    ----------
    evidence
        Of one family.
    weights
        One a piece of evidence, not negative, not all zero; they are taken relative to their sum.
    level
        For the whole family, in (0, 0.5).

    Returns
    -------
    list of Evidence
        In the order given: p-values stay, ``level`` is each one's share. A weight of zero decides
        nothing: its level is None.

    Raises
    ------
    InputError
        If the level or a weight is out of range, or their number is another.

    Notes
    -----
    Valid whatever the dependence between the comparisons, and for e-values as for p-values.

    References
    ----------
    Genovese, Roeder & Wasserman (2006), Biometrika 93:509-524.
    """
    sides.require_between("level", level, 0, 0.5)
    if len(weights) != len(evidence):
        msg = f"weights has {len(weights)} numbers; there are {len(evidence)} pieces of evidence"
        raise InputError(msg)
    for i, weight in enumerate(weights):
        if not (math.isfinite(weight) and weight >= 0):
            msg = f"weights[{i}] is {weight}; it must be finite and at least 0"
            raise InputError(msg)
    total = math.fsum(weights)
    if evidence and not total:
        msg = "weights are all 0; at least one must be positive"
        raise InputError(msg)
    return [
        one.model_copy(update={"level": level * weight / total if weight else None})
        for one, weight in zip(evidence, weights, strict=True)
    ]


def _p_values(evidence: Sequence[Evidence]) -> FloatArray:
    for i, one in enumerate(evidence):
        if one.log_e_value is not None:
            msg = f"evidence[{i}] ({one.metric}) carries an e-value; it must carry a p-value"
            raise InputError(msg)
    return np.array([one.p_value for one in evidence if one.p_value is not None], dtype=np.float64)


def _adjusted(
    evidence: Sequence[Evidence], adjusted: FloatArray, level: float, name: str
) -> list[Evidence]:
    left = iter(adjusted.tolist())
    found = []
    for one in evidence:
        if one.p_value is None:
            found.append(one)
            continue
        note = f"{name} over {len(adjusted)}; alone p={one.p_value:.3g}"
        detail = f"{one.detail}; {note}" if one.detail else note
        found.append(
            one.model_copy(update={"p_value": next(left), "level": level, "detail": detail})
        )
    return found
