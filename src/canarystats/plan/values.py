"""What a stage can tell of a gauge, whatever the traffic."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from canarystats.folds.gauge import GaugeFold
from canarystats.kernels import drift, normal_mixture, onsets, student
from canarystats.plan import outlook
from canarystats.plan.outlook import Condition, Told
from canarystats.plan.passage import LONGEST, NUDGE, Path, steps
from canarystats.plan.records import Outlook
from canarystats.sequential import gauge_batches
from canarystats.sequential.noise import SINGLE_PODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canarystats.plan.situation import Situation
    from canarystats.policy import Metric
    from canarystats.sequential.gauge import Gauge
    from canarystats.sequential.noise import Noise

    FloatArray = NDArray[np.float64]


STEPS = 300  # numbers of batches that are followed


def outlooks(situation: Situation, metric: Metric) -> list[tuple[Outlook, FloatArray | None]]:
    """What can be told of a gauge, and its proof, shape (chances, rows)."""
    if not metric.compare:
        return []
    fold = GaugeFold(situation.setting(metric))
    level, noise, reason = _known(situation, metric, fold)
    if level is None or noise is None or situation.untold:
        reason = situation.untold or reason
        return [(Outlook(metric=metric.name, about="value", base=level, reason=reason), None)]
    effect = situation.scenarios.effect
    harm = (effect - 1.0) * abs(level)
    if metric.harmful == "decrease":
        harm = (1.0 - 1.0 / effect) * abs(level)
    levels = {"worse": fold.levels.get("harm"), "not_worse": fold.setting.proof_level}
    given = {claim: value for claim, value in levels.items() if value is not None}
    found = outlook.passages(paths(fold.design, noise, abs(level), harm), given)
    conditions = [Condition("harm", None, 0.0, "worse", None, np.zeros(len(effect)))]
    told = {c.name: outlook.fires(situation, c, found) for c in conditions if fold.may_harm}
    proof = outlook.proof(situation, found, [["not_worse"]])
    record = outlook.outlook(situation, metric.name, "value", Told(told, proof), {}, base=level)
    return [(record, proof)]


def _known(
    situation: Situation, metric: Metric, fold: GaugeFold
) -> tuple[float | None, Noise | None, str]:
    """The level, the noise, or why they are not known."""
    given, past = situation.noise.get(metric.name), situation.history.get(metric.name)
    if given is not None:
        return given.level, given.learned, ""
    if past is None:
        return None, None, "its noise is not known: give noise or its history"
    begun = fold.begin(past)
    if begun.unused:
        return None, None, begun.unused
    learned: Noise = fold.tests(begun).noise
    sides = [past.canary] + ([] if past.baseline is None else [past.baseline])
    level = float(np.nanmean(np.concatenate([side.ravel() for side in sides])))
    if level == 0 or not learned.variance[0]:
        return level, None, "a history that is zero or never changes says nothing of its noise"
    return level, learned, ""


def paths(design: Gauge, noise: Noise, level: float, harm: FloatArray) -> dict[str, Path]:
    """What *worse* and *not worse* do along a lasting difference.

    Parameters
    ----------
    design
        The tests.
    noise
        What history teaches, one row.
    level
        The baseline's mean, positive.
    harm
        Shape (R,): how far the canary lies in the harmful direction, in the metric's unit.
    """
    ordinary = float(noise.ordinary(noise.pods)[0])
    if not noise.pod_freedom[0] and noise.pods[0] >= SINGLE_PODS:
        ordinary = max(ordinary, design.pod_difference * level)
    margin = max(design.margin * level, ordinary)
    worse, proof = harm - margin, design.allowed * level - harm
    true = float(noise.variance[0])
    if not noise.trusted[0]:
        batch = float(noise.batch(design.batch)[0])
        return {
            "worse": _batches(worse, true, batch, gauge_batches.worse_since_first),
            "not_worse": _batches(proof, true, batch, partial(student.log_e_value, one_sided=True)),
        }
    raised = [true * float(noise.safety[0]) * stretch for stretch in design.stretch]
    unit = np.sqrt(raised)
    return {
        "worse": _drifts(design, noise, worse / unit[0], true / raised[0]),
        "not_worse": _mixture(design, proof / unit[1], true / raised[1]),
    }


def _drifts(design: Gauge, noise: Noise, shift: FloatArray, variance: float) -> Path:
    """The mixture over drifts and onsets; ``shift`` a tick, in its standard deviations."""
    both = np.concatenate([shift, shift + NUDGE])
    grid = np.minimum(design.drifts(noise)[0], drift.FASTEST)
    each = np.minimum(both, drift.LARGEST)[:, None, None] * grid - 0.5 * grid * grid
    mass, scale = drift.start(len(both), 1), np.zeros((len(both), 1))
    ticks, found = [], []
    for before, taken in steps():
        after = before + taken
        left = _to_begin(after, len(both))
        begins = _to_begin(before, len(both)) - left
        mass, scale = onsets.grown(mass, scale, begins, drift.PRIOR, taken * each)
        ticks.append(after)
        found.append(onsets.log_e_values(mass, scale, left)[:, 0])
    log_e = np.array(found)
    if design.harmful == "either":  # the mean of both directions
        log_e = log_e - np.log(2.0)
    return _path(np.array(ticks), log_e, variance)


def _to_begin(looks: float, rows: int) -> FloatArray:
    """Prior mass of onsets later than the looks so far; the first look has a mass of its own."""
    return np.repeat(drift.onset_mass_left(np.array([max(looks - 1.0, 0.0)])), rows)


def _mixture(design: Gauge, shift: FloatArray, variance: float) -> Path:
    ticks = np.array([before + taken for before, taken in steps()])[:, None]
    both = np.concatenate([shift, shift + NUDGE])
    log_e = normal_mixture.log_e_value(
        ticks * both, ticks * np.ones_like(both), design.tuned_one_sided, one_sided=True
    )
    return _path(ticks[:, 0], log_e, variance)


def _batches(
    mean: FloatArray,
    variance: float,
    batch: float,
    test: Callable[[FloatArray, FloatArray, FloatArray], FloatArray],
) -> Path:
    """Anytime-valid t-tests on batch means that vary as the long-run variance says."""
    whole = np.unique(np.floor(np.geomspace(1.0, LONGEST / batch, STEPS)))[:, None]
    unit = np.sqrt(variance)
    both = np.concatenate([mean / unit, mean / unit + NUDGE])
    each = np.broadcast_to(both, (len(whole), len(both)))
    log_e = gauge_batches.told(whole, test(whole, each, np.full_like(each, 1.0 / batch)))
    return _path(batch * whole[:, 0], log_e, 1.0)


def _path(ticks: FloatArray, log_e: FloatArray, variance: float) -> Path:
    """From log e-values of every row and of every row nudged."""
    plain, nudged = np.split(log_e, 2, axis=1)
    one = np.ones((plain.shape[1], 1))
    return Path(ticks, plain, ((nudged - plain) / NUDGE)[:, :, None], one, variance * one)
