"""False alarms, power, coverage, real programs and cost of `detect.leak`, beside other rules.

``python -m benchmarks.quality.leaks`` writes the tables of docs/leaks.md (minutes on one core).
The trend tests are those of `detect.mann_kendall`, which `tests/detect/test_leak_oracles.py` holds
equal to pymannkendall's to 1e-9; they count as an alarm at one-sided 0.01, as `leak` does.
"""

from __future__ import annotations

import csv
import re
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
from benchmarks.leaks.scenarios import HARD, LEAKS, NULLS, SECONDS, SHARED, N, day, filling, teeth
from tests.detect.processes import ar1

import canarystats as cs
from canarystats.detect.mann_kendall import Variant
from canarystats.kernels.theil_sen import sen_slope

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "leaks.md"
DATA = ROOT / "benchmarks" / "leaks" / "data"
SEED = 20_261_123
ROWS, ROWS_OF_RIVALS = 1000, 100
LEVEL = 0.01
SCRAPE_SECONDS = 15.0
FLOOR = 100e6 / (7 * 24 * 3600)
UNIT = 1e9  # noise of a standard deviation in bytes: the floor is next to nothing beside it
AWAY = 1e12  # memory at the start: no fall is one by half


def generator(scenario: str, part: int = 0) -> np.random.Generator:
    """The generator of a scenario: its draws do not depend on what ran before."""
    return np.random.default_rng([SEED, part, *scenario.encode()])


def alarms(values: np.ndarray, baseline: np.ndarray | None = None) -> float:
    """Share of the series told to leak, without a floor."""
    beside = None if baseline is None else AWAY + UNIT * baseline
    found = cs.detect.leak(AWAY + UNIT * values, beside, SECONDS, floor_per_hour=0)
    return float(np.mean([one.leaking for one in found]))


def trend(series: np.ndarray, variant: Variant) -> bool:
    """Whether a trend test finds growth, one-sided."""
    found = cs.detect.mann_kendall(series, variant, level=2 * LEVEL)
    return found.decides and found.effect is not None and found.effect > 0


def precog(series: np.ndarray, times: np.ndarray, floor: float) -> bool:
    """Precog's rule: a straight rise over the longest window that ends at the last sample.

    Medians of five samples; windows from a quarter of the series on; a line must explain at least
    0.8 of the variance, as its code asks.
    """
    m = len(series) // 5
    values = np.median(series[: 5 * m].reshape(m, 5), axis=1)
    clock = times[: 5 * m].reshape(m, 5).mean(axis=1)
    for begin in range(m - m // 4 + 1):
        if np.ptp(values[begin:]) == 0:
            break
        slope, _ = np.polyfit(clock[begin:], values[begin:], 1)
        if np.corrcoef(clock[begin:], values[begin:])[0, 1] ** 2 >= 0.8:
            return bool(slope > floor)
    return False


def growing(series: np.ndarray, times: np.ndarray, variant: Variant) -> bool:
    """Whether a trend test finds growth, and Sen's slope is over the floor."""
    return trend(series, variant) and sen_slope(series, times).slope > FLOOR


RIVALS: dict[str, Callable[[np.ndarray], bool]] = {
    **{variant: lambda x, variant=variant: trend(x, variant) for variant in get_args(Variant)},
    "Precog's rule": lambda x: precog(x, SECONDS, 0.0),
}


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def share(number: float) -> str:
    return f"{number:.3f}"


def against_rivals() -> str:
    rows = []
    for kind in (NULLS, LEAKS):
        for name, draw in kind.items():
            values = draw(generator(name), ROWS)
            other = NULLS["AR(0.6)"](generator(name, 1), ROWS)
            some = values[:ROWS_OF_RIVALS]
            cells = [share(alarms(values)), share(alarms(values, other))]
            cells += [share(np.mean([rule(x) for x in some])) for rule in RIVALS.values()]
            rows.append([name, *cells])
    return table(["series", "`leak`", "`leak` beside AR(0.6)", *RIVALS], rows)


def shared_patterns() -> str:
    rows = []
    for name, draw in SHARED.items():
        rng = generator(name)
        pattern = np.concatenate([draw(rng) for _ in range(ROWS)])
        arms = [ar1(rng, ROWS, N, 0.6) + pattern for _ in range(2)]
        rise = 4 * np.arange(N) / N
        cells = [alarms(arms[0]), alarms(arms[0] + rise)]
        cells += [alarms(arms[0], arms[1]), alarms(arms[0] + rise, arms[1])]
        rows.append([name, *map(share, cells)])
    return table(
        [
            "both arms share",
            "alone, no leak",
            "alone, rise 4σ",
            "beside, no leak",
            "beside, rise 4σ",
        ],
        rows,
    )


def hard_cases() -> str:
    rows = [[name, share(alarms(draw(generator(name), ROWS)))] for name, draw in HARD.items()]
    return table(["series without a leak, in AR(0.6)", "told to leak"], rows)


def coverage() -> str:
    """How often the intervals hold the truth, over series that leak, told to or not."""
    clock = np.arange(N) / N
    cases = {
        "rise 2σ, AR(0.6)": (2.0, lambda rng: ar1(rng, ROWS, N, 0.6)),
        "rise 8σ, AR(0.6)": (8.0, lambda rng: ar1(rng, ROWS, N, 0.6)),
        "rise 8σ, independent": (8.0, lambda rng: rng.normal(size=(ROWS, N))),
        "rise 8σ, AR(0.95)": (8.0, lambda rng: ar1(rng, ROWS, N, 0.95)),
        "rise 8σ, sawtooth of 10σ": (
            8.0,
            lambda rng: teeth(rng, ROWS, 10, 20) - 5 + rng.normal(size=(ROWS, N)),
        ),
        "rise 12σ, warm-up of 8σ, AR(0.6)": (
            12.0,
            lambda rng: filling(8, 0.1) - 8 + ar1(rng, ROWS, N, 0.6),
        ),
        "rise 8σ, a day of 1σ, AR(0.6)": (
            8.0,
            lambda rng: day(rng, ROWS, 1) + ar1(rng, ROWS, N, 0.6),
        ),
    }
    rows = []
    shared = day(generator("a shared day", 2), ROWS)
    beside = {"rise 8σ, beside a baseline, both share a day of 3σ": shared}
    cases |= {name: (8.0, lambda rng: shared + ar1(rng, ROWS, N, 0.6)) for name in beside}
    for name, (rise, draw) in cases.items():
        rng = generator(name, 2)
        values = AWAY + UNIT * (rise * clock + draw(rng))
        ahead = rng.uniform(0.2, 5.0, ROWS)  # how many lengths of the series are left
        last = clock[-1]
        baseline = None
        if name in beside:
            baseline = AWAY + UNIT * (beside[name] + ar1(rng, ROWS, N, 0.6))
        limit = AWAY + UNIT * rise * (last + ahead)
        found = cs.detect.leak(values, baseline, SECONDS, limit, floor_per_hour=0)
        truth, slope = ahead * N * 60.0, UNIT * rise / (N / 60)
        intervals = [(one.time_to_limit_interval, one.slope_interval) for one in found]
        held = np.mean([_holds(i, t) for (i, _), t in zip(intervals, truth, strict=True)])
        told = np.array([one.leaking for one in found])
        held_told = np.mean(
            [
                _holds(i, t)
                for (i, _), t, is_told in zip(intervals, truth, told, strict=True)
                if is_told
            ]
            or [np.nan]
        )
        open_end = np.mean([i is not None and i.high is None for i, _ in intervals])
        held_slope = np.mean([_holds(i, slope) for _, i in intervals])
        rows.append(
            [
                name,
                share(told.mean()),
                share(held),
                share(held_told),
                share(open_end),
                share(held_slope),
            ]
        )
    head = [
        "series",
        "told to leak",
        "time held",
        "held where told",
        "open upper end",
        "slope held",
    ]
    return table(head, rows)


def _holds(interval: cs.Interval | None, truth: float) -> bool:
    if interval is None:
        return False
    low = -np.inf if interval.low is None else interval.low
    high = np.inf if interval.high is None else interval.high
    return bool(low <= truth <= high)


def real_programs(recording: str) -> tuple[str, str]:
    """Precision and recall on one of the recordings, and which were told wrong."""
    stored = np.load(DATA / f"{recording}.npz")
    values = stored["resident_pages"] * float(stored["page_bytes"])
    with (DATA / f"{recording}.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [row["name"] for row in rows[::2]]
    truth = np.array([row["leaky"] == "1" for row in rows[::2]])
    canary, baseline = values[::2], values[1::2]
    times = np.arange(values.shape[1]) * SCRAPE_SECONDS
    alone = cs.detect.leak(canary, times=times)
    beside = cs.detect.leak(canary, baseline, times)

    answers = {
        "`leak`, canary alone": np.array([one.leaking for one in alone]),
        "`leak`, canary beside baseline": np.array([one.leaking for one in beside]),
        **{
            f"{variant}, and Sen's slope over the floor": np.array(
                [growing(series, times, variant) for series in canary]
            )
            for variant in get_args(Variant)
        },
        **{
            f"{variant}, the same on canary less baseline": np.array(
                [growing(series, times, variant) for series in canary - baseline]
            )
            for variant in ("prewhitened",)
        },
        "Precog's rule": np.array([precog(series, times, FLOOR) for series in canary]),
    }
    cells = []
    for name, told in answers.items():
        hit, false, missed = (told & truth).sum(), (told & ~truth).sum(), (~told & truth).sum()
        precision, recall = hit / max(hit + false, 1), hit / max(hit + missed, 1)
        f1 = 2 * hit / max(2 * hit + false + missed, 1)
        cells.append([name, *map(str, (hit, false, missed)), *map(share, (precision, recall, f1))])
    head = ["rule", "leaks told", "told in error", "missed", "precision", "recall", "F1"]
    wrong = []
    for way, told in list(answers.items())[:2]:
        for label, which in (("told in error", told & ~truth), ("missed", ~told & truth)):
            listed = ", ".join(name.split("-", 1)[1] for name in np.array(names)[which])
            wrong.append([way, label, listed or "none"])
    return table(head, cells), table(["rule", "", "programs (number, what it does, load)"], wrong)


def cost() -> str:
    head = ["samples", "`leak` in a batch, none leaks", "all leak", "`leak` of one series"]
    head += ["Sen's slope", "hamed_rao with slope", "peak of Sen's slope, MB"]
    return table(head, [[str(n), *_cost(n)] for n in (500, 2000, 10_000)])


def _cost(n: int) -> list[str]:
    series = AWAY + UNIT * ar1(np.random.default_rng(SEED), 64, n, 0.6)
    times = np.arange(n) * 60.0
    leaky = series + UNIT * np.arange(n) / n * 4
    cells = [
        f"{least(lambda x=x: cs.detect.leak(x, times=times, limit=2e12)) / 64:.2f}"
        for x in (series, leaky)
    ]
    cells.append(f"{least(lambda: cs.detect.leak(series[0], times=times)):.2f}")
    cells.append(f"{least(lambda: sen_slope(series[0], times)):.1f}")
    cells.append(f"{least(lambda: cs.detect.mann_kendall(series[0], 'hamed_rao'), 1):.1f}")
    tracemalloc.start()
    sen_slope(series[0], times)
    cells.append(f"{tracemalloc.get_traced_memory()[1] / 1e6:.0f}")
    tracemalloc.stop()
    return cells


def least(run: Callable[[], object], times: int = 5) -> float:
    """Milliseconds of CPU, the least of some runs."""
    best = np.inf
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best * 1e3


def main() -> None:
    """Measure all and rewrite the tables of the page."""
    first, _ = real_programs("first")
    held_out, wrong = real_programs("held_out")
    tables = {
        "rivals": against_rivals(),
        "shared": shared_patterns(),
        "hard": hard_cases(),
        "coverage": coverage(),
        "held out": held_out,
        "first": first,
        "wrong": wrong,
        "cost": cost(),
    }
    page = PAGE.read_text()
    for name, rows in tables.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page, count = re.subn(
            pattern, lambda m, rows=rows: m[1] + rows + "\n" + m[2], page, flags=re.DOTALL
        )
        print(f"{name}{'' if count else ' has no place on the page'}\n{rows}\n", flush=True)
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
