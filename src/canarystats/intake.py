"""What a monitor is given, checked and laid on one clock before anything is judged."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.errors import InputError
from canarystats.folds.setting import Segments, Tick
from canarystats.policy import Policy
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
NOTHING = np.full(2, np.nan)  # what a metric without a row brings
NOTHING.setflags(write=False)
PERCENT_FROM = 5.0  # a share of this size is a percentage


class Moment(NamedTuple):
    """What all metrics of a tick share; see `Tick`."""

    at: float
    share: float | None
    comparing: bool
    baked: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Intake:
    """Pairs on one clock.

    Parameters
    ----------
    pairs
        By metric name.
    times
        Unix seconds of every tick of any pair, shape (T,).
    rows
        By metric name: the pair's row at each tick, -1 where it has none.
    shares
        The canary's designed share at each tick, shape (T,); None where it is not given.
    """

    pairs: Mapping[str, Pair]
    times: FloatArray
    rows: Mapping[str, list[int]]
    shares: FloatArray | None

    def tick(self, name: str, i: int, moment: Moment) -> Tick:
        """The row of a metric at a tick; NaN where it has none."""
        at, share, comparing, baked = moment
        pair, row = self._row(name, i)
        if pair is None:
            return Tick(at, NOTHING, None, None, share, comparing, baked)
        limit = pair.limit
        by_segment = None
        if pair.canary_by is not None and pair.baseline_by is not None:
            by_segment = Segments(pair.segments, pair.canary_by[row], pair.baseline_by[row])
        return Tick(
            at,
            pair.canary[row],
            None if pair.baseline is None else pair.baseline[row],
            None if limit is None else limit[row if len(limit) > 1 else 0],
            share,
            comparing,
            baked,
            by_segment=by_segment,
        )

    def on_canary(self, names: Collection[str], i: int) -> bool:
        """Whether any of these metrics has data on the canary at a tick."""
        rows = (self._row(name, i) for name in names)
        return any(pair is not None and np.isfinite(pair.canary[row]).any() for pair, row in rows)

    def fingerprint(self, name: str, tick: Tick) -> bytes:
        """The bytes of a metric at a tick; none where it has no row."""
        if tick.canary is NOTHING:
            return b""
        bounds = self.pairs[name].upper_bounds
        whole = _bytes_of(name, tick.canary, tick.baseline, tick.limit, bounds)
        if tick.by_segment is None:
            return whole
        names, canary, baseline = tick.by_segment
        return whole + _bytes_of("|".join(names), canary, baseline)

    def _row(self, name: str, i: int) -> tuple[Pair | None, int]:
        rows = self.rows.get(name)
        row = -1 if rows is None else rows[i]
        return (None, row) if row < 0 else (self.pairs[name], row)


def take_in(
    pairs: Iterable[Pair], policy: Policy, share: ArrayLike | None, after: float | None
) -> Intake:
    """Check pairs against a policy and lay them on one clock.

    Parameters
    ----------
    pairs
        One pair a metric.
    policy
        What is watched.
    share
        The canary's designed share of the traffic: a number, one per tick, or None.
    after
        Unix seconds of the last tick already judged.

    Raises
    ------
    InputError
        If a pair is not of the policy, comes twice, has no times or was already judged.
    """
    named = _by_name(pairs, policy)
    clocks = {}
    for name, pair in named.items():
        if pair.kind is not Kind.SAMPLES:
            clocks[name] = _clock(pair)
    times = np.unique(np.concatenate(list(clocks.values()))) if clocks else np.empty(0)
    if after is not None and times.size and times[0] <= after:
        msg = (
            f"the tick at {times[0]:.10g} was already judged (the last one is {after:.10g}); give "
            "each tick once, with all its metrics together"
        )
        raise InputError(msg)
    rows = {}
    for name, clock in clocks.items():
        row = np.full(len(times), -1, dtype=np.int64)
        row[np.searchsorted(times, clock)] = np.arange(len(clock))
        rows[name] = row.tolist()
    return Intake(named, times, rows, _shares(share, len(times)))


def require_policy(policy: object) -> None:
    """Refuse what is no policy, such as the name of one."""
    if not isinstance(policy, Policy):
        how = (
            f"load_policy({policy!r})" if isinstance(policy, str) else "Policy.parse or load_policy"
        )
        msg = f"policy is a {type(policy).__name__}; it must be a Policy: {how} makes one"
        raise InputError(msg)


def fingerprint(history: Pair) -> bytes:
    """The bytes of a metric's history."""
    return _bytes_of(
        f"history {history.name}",
        history.times,
        history.canary,
        history.baseline,
        history.limit,
        history.upper_bounds,
    )


def _bytes_of(name: str, *sides: FloatArray | None) -> bytes:
    parts = [name.encode()]
    for side in sides:
        parts += [b"-"] if side is None else [str(side.size).encode(), side.tobytes()]
    return b"|".join(parts)


def take_in_history(pairs: Iterable[Pair], policy: Policy) -> dict[str, Pair]:
    """Check pairs from before a rollout against its policy.

    A side without any data is left out: a pair whose canary was not there yet is the baseline
    alone, held as ``canary`` without a baseline, and a pair without data is no history.

    Raises
    ------
    InputError
        If a pair is not of the policy, comes twice or has no times.
    """
    found = {}
    for name, pair in sorted(_by_name(pairs, policy).items()):
        if pair.kind is Kind.SAMPLES:
            msg = (
                f"metric {name!r}: samples have no times, so they cannot lie before the rollout; "
                "a history holds counts, histograms, gauges or events"
            )
            raise InputError(msg)
        _clock(pair)
        sides = [s for s in (pair.canary, pair.baseline) if s is not None and np.isfinite(s).any()]
        if sides:
            baseline = sides[1] if len(sides) > 1 else None
            found[name] = replace(
                pair,
                canary=sides[0],
                baseline=baseline,
                segments=(),
                canary_by=None,
                baseline_by=None,
            )
    return found


def _by_name(pairs: Iterable[Pair], policy: Policy) -> dict[str, Pair]:
    known = {metric.name: metric for metric in policy.metrics}
    named: dict[str, Pair] = {}
    for pair in [pairs] if isinstance(pairs, Pair) else pairs:
        if not isinstance(pair, Pair):
            msg = f"pairs must hold Pair objects, got {type(pair).__name__}"
            raise InputError(msg)
        if pair.name not in known:
            near = difflib.get_close_matches(pair.name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(known)}"
            msg = f"metric {pair.name!r} is not in the policy {policy.name!r}{hint}"
            raise InputError(msg)
        if pair.name in named:
            msg = f"metric {pair.name!r} is given twice"
            raise InputError(msg)
        if pair.kind not in known[pair.name].kinds:
            msg = (
                f"metric {pair.name!r} is given as {pair.kind}; the policy {policy.name!r} has it "
                f"as {' or '.join(known[pair.name].kinds)}"
            )
            raise InputError(msg)
        _refuse_percent(pair, known[pair.name].unit)
        named[pair.name] = pair
    return named


def _clock(pair: Pair) -> FloatArray:
    if pair.times is None:
        msg = f"metric {pair.name!r} has no times; judging needs them (times=, Unix seconds)"
        raise InputError(msg)
    return pair.times


def _refuse_percent(pair: Pair, unit: str) -> None:
    if unit != "ratio" or pair.kind not in {Kind.GAUGE, Kind.SAMPLES}:
        return
    for side, values in (("canary", pair.canary), ("baseline", pair.baseline)):
        if values is None:
            continue
        finite = values[np.isfinite(values)]
        if finite.size and finite.max() > PERCENT_FROM:
            msg = (
                f"metric {pair.name!r}: {side} reaches {finite.max():.4g}, but its unit is ratio "
                "(1 is all); is it in percent?"
            )
            raise InputError(msg)


def _shares(share: ArrayLike | None, n: int) -> FloatArray | None:
    if share is None:
        return None
    try:
        shares = np.asarray(share, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"share is {share!r}; it must be a number between 0 and 1, or one per tick"
        raise InputError(msg) from error
    if shares.ndim > 1 or (shares.ndim == 1 and shares.shape != (n,)):
        msg = f"share has shape {shares.shape}; it must be a number or one per tick, ({n},)"
        raise InputError(msg)
    shares = np.broadcast_to(shares, (n,)) if shares.ndim else np.full(n, float(shares))
    wrong = shares if shares.size else np.asarray(share, dtype=np.float64).reshape(-1)
    if not ((wrong > 0) & (wrong < 1)).all():
        bad = float(wrong[~((wrong > 0) & (wrong < 1))][0])
        hint = f" (a percentage? write {bad / 100:g})" if 1 < bad < 100 else ""
        msg = f"share is {bad:g}; the canary's share of the traffic must be between 0 and 1{hint}"
        raise InputError(msg)
    return shares
