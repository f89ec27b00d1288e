"""How large the differences between counts are: ratios and rates, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Interval, Status
from canarystats.kernels.mixture import share_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.sequential.counts import CountsState, Test

FloatArray = NDArray[np.float64]
INTERVAL_LEVEL = 0.95
EVENTS, EXPOSURE = 0, 1


class Among(NamedTuple):
    """Events among trials, and the share of them to centre an interval on."""

    successes: float
    failures: float
    centre: float


def place(test: Test) -> tuple[str, float]:
    """Against a constant an interval is centred on it; elsewhere all questions share one."""
    return test.side, test.null if test.side == "canary" else 1.0


def effects(
    tests: Sequence[Test], state: CountsState, row: int
) -> dict[tuple[str, float], dict[str, object]]:
    """How large each difference is; all intervals are found together."""
    found = {place(test): test for test in tests}
    each = {at: _effect(test, state, row) for at, test in found.items()}
    asked = {at: among for at, (_, among) in each.items() if among is not None}
    shown = {at: effect for at, (effect, _) in each.items()}
    if asked:
        successes, failures, centres = np.array(list(asked.values())).T
        ends = np.stack(share_interval(successes, failures, centres, INTERVAL_LEVEL), axis=1)
        for (at, among), pair in zip(asked.items(), ends.tolist(), strict=True):
            level = at[0] == "canary"
            low, high = pair if level else (_as_ratio(q, among.centre) for q in pair)
            shown[at]["interval"] = Interval(low=low, high=high, level=INTERVAL_LEVEL)
    return shown


def of_rates(canary: FloatArray, baseline: FloatArray) -> dict[str, Any]:
    """How far two rates lie apart, from (events, exposure) of each side, as fields of evidence."""
    found, among = _rate_effect(canary.tolist(), baseline.tolist())
    if among is not None:
        successes, failures, centre = (np.array([number]) for number in among)
        ends = share_interval(successes, failures, centre, INTERVAL_LEVEL)
        low, high = (_as_ratio(float(end[0]), among.centre) for end in ends)
        found["interval"] = Interval(low=low, high=high, level=INTERVAL_LEVEL)
    return found


def _effect(test: Test, state: CountsState, row: int) -> tuple[dict[str, object], Among | None]:
    canary, baseline = state.canary[row].tolist(), state.baseline[row].tolist()
    if test.side == "canary":
        return _level_effect(state.alone[row].tolist(), test.null)
    if test.side == "traffic":
        designed = float(state.designed[row])
        return _traffic_effect(canary[EXPOSURE], baseline[EXPOSURE], designed)
    return _rate_effect(canary, baseline)


def _level_effect(canary: Sequence[float], null: float) -> tuple[dict[str, object], Among | None]:
    common: dict[str, object] = {"reference": null, "effect_scale": "share"}
    if not canary[EXPOSURE]:
        return common | {"status": Status.NO_DATA}, None
    rate = canary[EVENTS] / canary[EXPOSURE]
    among = Among(canary[EVENTS], canary[EXPOSURE] - canary[EVENTS], null)
    return common | {"observed": rate, "effect": rate}, among


def _rate_effect(
    canary: Sequence[float], baseline: Sequence[float]
) -> tuple[dict[str, object], Among | None]:
    total = canary[EXPOSURE] + baseline[EXPOSURE]
    if not (canary[EXPOSURE] and baseline[EXPOSURE]):
        return {"status": Status.ONE_SIDE_ONLY if total else Status.NO_DATA}, None
    common: dict[str, object] = {
        "observed": canary[EVENTS] / canary[EXPOSURE],
        "reference": baseline[EVENTS] / baseline[EXPOSURE],
    }
    if not canary[EVENTS] + baseline[EVENTS]:
        return common | {"status": Status.NO_EVENTS, "detail": "no events on either side"}, None
    among = Among(canary[EVENTS], baseline[EVENTS], canary[EXPOSURE] / total)
    return common | _ratio(among), among


def _traffic_effect(
    canary: float, baseline: float, designed: float
) -> tuple[dict[str, object], Among | None]:
    if not canary + baseline:
        return {"status": Status.NO_DATA}, None
    if not designed:
        detail = "the canary's designed traffic share is not given"
        return {"status": Status.NOT_EVALUABLE, "detail": detail}, None
    among = Among(canary, baseline, designed / (canary + baseline))
    shares: dict[str, object] = {
        "observed": canary / (canary + baseline),
        "reference": among.centre,
    }
    return shares | _ratio(among), among


def _ratio(among: Among) -> dict[str, object]:
    """The ratio of two rates, from the canary's share of the events."""
    share = among.successes / (among.successes + among.failures)
    return {"effect": _as_ratio(share, among.centre), "effect_scale": "ratio"}


def _as_ratio(q: float, share: float) -> float | None:
    return None if q >= 1 or share <= 0 else q * (1 - share) / ((1 - q) * share)
