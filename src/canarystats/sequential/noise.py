"""What the time before a rollout teaches about a gauge's ordinary noise.

From A/A history (both sides ran the old version) the difference of the sides tells its long-run
variance directly, and the lasting difference that no change made. From the old version alone, the
pods' deviations from their common mean tell it where there are several; a single series tells twice
its own, which is too much where load moves it, the safe direction.

The long-run variance is Geyer's initial monotone sequence on ranks, or that of an AR(1) process
where it is longer, times the variance (`kernels.long_run`). It assumes that the history is
stationary and at the rollout's tick length, and that a healthy rollout is as noisy as its history.

References
----------
Geyer (1992), Statistical Science 7:473-483.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels.long_run import long_run
from canarystats.sequential import pod_effects
from canarystats.sequential.dispersion import WILDEST

FloatArray = NDArray[np.float64]

ENOUGH = 960.0  # ticks of history after which its variance is trusted tick by tick
FEW = 240.0  # and after which its autocorrelation time sets the batches
TIMES = 40.0  # between the two it is trusted from so many autocorrelation times on
BATCH_TIMES = 3.0  # autocorrelation times in a batch
SAFETY = 1.1  # the long-run variance is raised by this, or by more where it is uncertain
UNCERTAINTY = 1.75
PRIOR_STEPS = 5.0  # changes from tick to tick that the history weighs against the rollout's own
RESTLESS = 2.0  # a rollout so many times as restless as its history is told of
ASSUMES_BATCHES = (
    "batch means are independent and near normal: the series forgets within a third of a batch"
)
SINGLE_PODS = 2.0  # one over one, twice
ASSUMES_ALIKE = "single pods differ lastingly no more than the sides of the history did"
ASSUMES_HISTORY = "a healthy rollout remembers its past no longer than its history did"


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Ordinary noise of the difference between two sides; every field of shape (K,).

    Parameters
    ----------
    ticks
        Ticks of history; 0 without.
    time
        Autocorrelation time in ticks, at least 1.
    variance
        Long-run variance of the difference a tick, in the metric's unit squared; 0 where unknown.
    step_variance
        Half the mean squared change from tick to tick.
    pods
        Sum over both sides of one over the pods averaged.
    pod_effect
        Standard deviation of what pods differ by lastingly, in the metric's unit.
    pod_freedom
        Degrees of freedom that was learned from; 0 where nothing shows it.
    side_effect
        What the two sides of an A/A history differ by lastingly, in the same unit.
    """

    ticks: FloatArray
    time: FloatArray
    variance: FloatArray
    step_variance: FloatArray
    pods: FloatArray
    pod_effect: FloatArray
    pod_freedom: FloatArray
    side_effect: FloatArray

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Where the variance is known well enough to weigh every tick."""
        enough = (self.ticks >= ENOUGH) | ((self.ticks >= FEW) & (self.ticks >= TIMES * self.time))
        return enough & (self.variance > 0)

    @property
    def safety(self) -> FloatArray:
        """What the long-run variance is raised by."""
        share = self.time / np.maximum(self.ticks, 1.0)
        return np.maximum(SAFETY, 1.0 + UNCERTAINTY * np.sqrt(share))

    def batch(self, fixed: int) -> FloatArray:
        """Ticks in a batch; ``fixed`` where the history says too little."""
        told = (self.ticks >= FEW) & (self.variance > 0)
        return np.where(told, np.ceil(BATCH_TIMES * self.time), float(fixed))

    def ordinary(self, pods: FloatArray) -> FloatArray:
        """The lasting difference between two sides that no change needs to explain, shape (K,).

        What the sides of the history differed by, or what `pod_effects` makes of its pods.

        Parameters
        ----------
        pods
            Sum over both sides of one over the pods averaged, shape (K,).
        """
        of_pods = pod_effects.ordinary(self.pod_effect, self.pod_freedom, pods)
        return np.maximum(self.side_effect, of_pods)

    def bounded(self, change: FloatArray) -> FloatArray:
        """Half a squared change, shape (K,), as far as one change may count."""
        most = np.where(self.step_variance > 0, WILDEST * self.step_variance, np.inf)
        return np.minimum(0.5 * change * change, most)

    def restlessness(self, ticks: FloatArray, changes: FloatArray) -> FloatArray:
        """How many times as much a rollout varies from tick to tick as its history did.

        Parameters
        ----------
        ticks, changes
            The rollout's ticks, and the sum of its `bounded` changes, shape (K,).
        """
        usual = np.where(self.step_variance > 0, self.step_variance, 1.0)
        steps = np.maximum(ticks - 1.0, 0.0)
        ratio: FloatArray = (PRIOR_STEPS + changes / usual) / (PRIOR_STEPS + steps)
        return ratio


def unknown(size: int) -> Noise:
    """The noise of gauges without history."""
    zero, one = np.zeros(size), np.ones(size)
    return Noise(zero, one, zero, zero, 2.0 * one, zero, zero, zero)


def learn(canary: FloatArray, baseline: FloatArray | None) -> Noise:
    """What history says of the noise.

    Parameters
    ----------
    canary, baseline
        Shape (K, n, pods): both sides under the old version, or the old version alone; NaN is a
        missed scrape.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large to square says nothing
        return _alone(canary) if baseline is None else _beside(canary, baseline)


def _beside(canary: FloatArray, baseline: FloatArray) -> Noise:
    (left, left_pods), (right, right_pods) = pod_mean(canary), pod_mean(baseline)
    difference = left - right
    offset = _mean(difference)
    (_, one, free), (_, other, more) = _effects(canary), _effects(baseline)
    between = (one + other) / np.maximum(free + more, 1.0)
    pods = _mean(1.0 / np.maximum(left_pods, 1.0)) + _mean(1.0 / np.maximum(right_pods, 1.0))
    found = long_run(_finite(difference))
    return _noise(
        (found.n, found.time, found.long_run_variance, _step_variance(difference)),
        pods,
        (offset, between, free + more),
    )


def learn_level(values: FloatArray) -> Noise:
    """What history says of the noise of one side's own level, that of the difference to a number.

    Parameters
    ----------
    values
        The old version, shape (K, n, pods); NaN is a missed scrape.
    """
    mean, count = pod_mean(values)
    with np.errstate(over="ignore", invalid="ignore"):
        found, zero = long_run(_finite(mean)), np.zeros(len(values))
    pods = _mean(1.0 / np.maximum(count, 1.0))
    told = found.n, found.time, found.long_run_variance, _step_variance(mean)
    return _noise(told, pods, (zero, zero, zero))


def _alone(values: FloatArray) -> Noise:
    mean, count = pod_mean(values)
    ticks = np.isfinite(mean).sum(axis=1).astype(np.float64)
    if values.shape[2] < 2:
        found = long_run(_finite(mean))
        told = found.n, found.time, 2.0 * found.long_run_variance, 2.0 * _step_variance(mean)
        return _noise(told, np.full(len(values), 2.0), (np.zeros(len(values)),) * 3)
    deviation, between, free = _effects(values)
    size, _, pods = deviation.shape
    flat = np.ascontiguousarray(deviation.transpose(0, 2, 1)).reshape(size * pods, -1)
    found = long_run(_finite(flat))
    weight = found.n.reshape(size, pods)
    weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
    # A deviation from the mean of p pods has 1 - 1/p of a pod's variance; a side averages p pods.
    each = np.maximum(_mean(np.where(count > 0, count, np.nan)), 2.0)
    scale = 2.0 / np.maximum(each - 1.0, 1.0)
    variance = (weight * found.variance.reshape(size, pods)).sum(axis=1)
    long = (weight * found.long_run_variance.reshape(size, pods)).sum(axis=1)
    step = (weight * _step_variance(flat).reshape(size, pods)).sum(axis=1)
    time = np.maximum(long / np.where(variance > 0, variance, 1.0), 1.0)
    between = between / np.maximum(free, 1.0)
    told = ticks, time, scale * long, scale * step
    return _noise(told, 2.0 / each, (np.zeros(size), between, free))


def _noise(
    told: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    pods: FloatArray,
    lasting: tuple[FloatArray, FloatArray, FloatArray],
) -> Noise:
    ticks, time, variance, step_variance = told
    offset, between, free = lasting
    # A history that never changes, or is too large to square, says nothing of the noise.
    varies = np.isfinite(variance) & (variance > 0) & (step_variance > 0)
    variance = np.where(varies, variance, 0.0)
    # What noise alone makes the means differ by is no lasting difference.
    chance = variance / np.maximum(ticks, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        side_effect = np.sqrt(np.fmax(offset * offset - chance, 0.0))
        pod_effect = np.sqrt(np.fmax(between - chance / pods, 0.0))
    return Noise(
        ticks,
        np.where(varies, time, 1.0),
        variance,
        np.where(varies, step_variance, 0.0),
        pods,
        np.where(np.isfinite(pod_effect), pod_effect, 0.0),
        free,
        np.where(np.isfinite(side_effect), side_effect, 0.0),
    )


def pod_mean(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean over the pods that have a finite value, NaN where none has, and how many have."""
    values = np.ascontiguousarray(values)
    present = np.isfinite(values)
    count = present.sum(axis=-1).astype(np.float64)
    with np.errstate(over="ignore"):
        total = np.where(present, values, 0.0).sum(axis=-1)
    mean: FloatArray = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    return mean, count


def _effects(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Deviations of pods from their mean, the sum of their squared means, and its freedom."""
    mean, count = pod_mean(values)
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = np.where(count[:, :, None] > 1, values - mean[:, :, None], np.nan)
    lasting = np.isfinite(deviation).sum(axis=1)
    # A pod that was there for less than half of the time says little of what lasts.
    steady = (lasting > 0) & (2 * lasting >= (count > 1).sum(axis=1)[:, None])
    with np.errstate(over="ignore"):
        own = np.where(np.isfinite(deviation), deviation, 0.0).sum(axis=1) / np.maximum(lasting, 1)
        squares = np.where(steady, own * own, 0.0).sum(axis=-1)
    free = np.maximum(steady.sum(axis=-1) - 1.0, 0.0)
    return deviation, np.where(free > 0, squares, 0.0), free


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)


def _mean(values: FloatArray) -> FloatArray:
    present = np.isfinite(values)
    with np.errstate(over="ignore"):
        total = np.where(present, values, 0.0).sum(axis=1)
    mean: FloatArray = total / np.maximum(present.sum(axis=1), 1)
    return mean


def _step_variance(values: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        change = np.diff(values, axis=1)
        return 0.5 * _mean(change * change)


def told(learned: Noise, fixed: int, restless: FloatArray, row: int) -> tuple[str, ...]:
    """What is assumed of one row's noise, in sentences.

    Parameters
    ----------
    learned
        The noise.
    fixed
        Ticks in a batch without history.
    restless
        From `Noise.restlessness`.
    row
        Which row.
    """
    ticks, time = int(learned.ticks[row]), float(learned.time[row])
    if learned.trusted[row]:
        safety, ratio = float(learned.safety[row]), float(restless[row])
        basis = (
            f"long-run variance from {ticks} ticks of history (autocorrelation time {time:.3g} "
            f"ticks), raised {safety:.3g} times"
        )
        found = [basis, ASSUMES_HISTORY]
        if ratio >= RESTLESS:
            found.append(
                f"the difference is {ratio:.3g} times as restless as in the history: its variance "
                "is raised as much, and what else the history says may not hold"
            )
        if learned.pods[row] >= SINGLE_PODS:
            found.append(ASSUMES_ALIKE)
    else:
        found = [_batches(learned, fixed, row), ASSUMES_BATCHES]
    for what, effect in (("pods", learned.pod_effect), ("the two sides", learned.side_effect)):
        if effect[row] > 0:
            found.append(f"{what} differed lastingly by {effect[row]:.4g} without any change")
    return tuple(found)


def _batches(learned: Noise, fixed: int, row: int) -> str:
    ticks, batch = int(learned.ticks[row]), int(learned.batch(fixed)[row])
    if ticks >= FEW and learned.variance[row] > 0:
        return (
            f"batches of {batch} ticks, three autocorrelation times ({learned.time[row]:.3g} "
            f"ticks) of {ticks} ticks of history"
        )
    if ticks >= FEW:
        why = "a history that never changes"
    elif ticks:
        why = f"only {ticks} ticks of history"
    else:
        why = "no history"
    return f"{why}: fixed batches of {batch} ticks"
