"""How often checks after a rollout are wrong, beside the literal rules of the plan.

``python -m benchmarks.quality.validation`` writes the tables of docs/validate.md (some minutes on
one core).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from scipy import stats
from tests.validate import weeks

import canarystats as cs
from canarystats.validate import CHECKS, Answer

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "validate.md"
SEED = 20_261_124
ROWS = 400
POINT = 0.001  # a tenth of a percentage point, up to which the plan calls a rise stable
MB = 1e6

# rate, hourly pattern, weekend's factor, memory of the noise from hour to hour, its deviation
TRENDS = {
    "steady, 0.05 %": (0.0005, 0.0, 1.0, 0.0, 0.0),
    "day and weekend, 0.05 %": (0.0005, 0.3, 0.5, 0.0, 0.1),
    "day and weekend, 0.5 %": (0.005, 0.3, 0.5, 0.0, 0.1),
    "day and weekend, 0.5 %, AR(0.7)": (0.005, 0.3, 0.5, 0.7, 0.3),
    "day and weekend, 0.5 %, AR(0.9)": (0.005, 0.3, 0.5, 0.9, 0.3),
}


def generator(*parts: object) -> np.random.Generator:
    """The generator of a row: its draws do not depend on what ran before."""
    return np.random.default_rng([SEED, *str(parts).encode()])


def check(name: str) -> cs.validate.Check:
    """A check by its id."""
    return next(one for one in CHECKS if one.id == name)


def answer(one: cs.validate.Check, pair: cs.Pair) -> cs.validate.Finding:
    """The finding over the pair's own time."""
    times = pair.times
    assert times is not None
    begin = float(times[0] - (times[1] - times[0]))
    return cs.validate.run("x", [pair], checks=[one], start=begin).findings[0]


def trend_row(name: str, days: int, rows: int = ROWS) -> dict[str, float]:
    """Shares of flat services told to rise: by the check, and by the rules beside it."""
    rate, hourly, weekend, phi, sd = TRENDS[name]
    told = {"rising": 0, "missed": 0, "plan": 0, "least squares": 0}
    for i in range(rows):
        rng = generator("trend", name, days, i)
        times = weeks.ticks(days, 3600.0, weeks.T0 + (i % 7) * weeks.DAY)
        rates = weeks.rates(rng, times, rate=rate, phi=phi, sd=sd, hourly=hourly, weekend=weekend)
        pair = weeks.requests(rng, times, rates)
        found = answer(check("week-1.error-trend"), pair)
        low = None if found.evidence.interval is None else found.evidence.interval.low
        told["rising"] += low is not None and low > 0
        told["missed"] += found.answer is Answer.MISSED
        hours = pair.canary[:, 0] / pair.canary[:, 1]
        told["plan"] += hours[-24:].mean() - hours[:24].mean() >= POINT
        line = stats.linregress(np.arange(len(hours)), hours)
        told["least squares"] += line.slope > 0 and line.pvalue < 0.1
    return {key: count / rows for key, count in told.items()}


# rate of the noise's memory, its deviation, how many errors come as one, days
SHARES = {
    "independent, 7 days": (0.0, 0.0, 1, 7),
    "in clumps of 6, 7 days": (0.0, 0.0, 6, 7),
    "AR(0.7), 7 days": (0.7, 0.3, 1, 7),
    "AR(0.9), 7 days": (0.9, 0.3, 1, 7),
    "AR(0.95) in clumps of 6, 7 days": (0.95, 0.5, 6, 7),
    "AR(0.9), 30 days": (0.9, 0.3, 1, 30),
}


def share_row(name: str, rows: int = ROWS) -> dict[str, float]:
    """Answers where the true error rate equals the ceiling, and how often its mean is under it."""
    phi, sd, clump, days = SHARES[name]
    told = {"met": 0, "missed": 0, "plan": 0}
    times = weeks.ticks(days)
    total = 30_000.0
    for i in range(rows):
        rng = generator("share", name, i)
        rates = weeks.rates(rng, times, rate=0.001, phi=phi, sd=sd, hourly=0.0)
        errors = clump * rng.poisson(total * rates / clump)
        pair = cs.Pair.counts("requests", canary=(errors, np.full(len(times), total)), times=times)
        found = answer(check("week-1.error-rate"), pair)
        told["met"] += found.answer is Answer.MET
        told["missed"] += found.answer is Answer.MISSED
        told["plan"] += (pair.canary[:, 0] / total).mean() < 0.001
    return {key: count / rows for key, count in told.items()}


def flat(rng: np.random.Generator, sd: float, pods: int) -> np.ndarray:
    """Memory without a leak."""
    return 3e8 + rng.normal(0, sd * MB, (168, pods))


def one_leaks(rng: np.random.Generator, an_hour: float, pods: int, sd: float = 40.0) -> np.ndarray:
    """The same, and the last pod grows by so many megabytes an hour."""
    values = flat(rng, sd, pods)
    values[:, -1] += an_hour * MB * np.arange(168)
    return values


MEMORY = {
    "flat, noise 40 MB": lambda rng: flat(rng, 40, 1),
    "flat, noise 60 MB": lambda rng: flat(rng, 60, 1),
    "flat, noise 80 MB": lambda rng: flat(rng, 80, 1),
    "flat, noise 80 MB, 20 pods": lambda rng: flat(rng, 80, 20),
    "cache of 300 MB fills in 12 h": lambda rng: (
        flat(rng, 10, 1) + 300 * MB * -np.expm1(-np.arange(168.0) / 12)[:, None]
    ),
    "a pod grows 1 MB/h": lambda rng: one_leaks(rng, 1.0, 1),
    "1 of 20 pods grows 1 MB/h": lambda rng: one_leaks(rng, 1.0, 20),
    "1 of 20 pods grows 5 MB/h": lambda rng: one_leaks(rng, 5.0, 20),
}


def memory_row(name: str, rows: int = ROWS) -> dict[str, float]:
    """Shares told to leak, told not to, and told by 100 MB between two points of the mean."""
    told = {"missed": 0, "met": 0, "plan": 0}
    times = weeks.ticks(7)
    for i in range(rows):
        values = MEMORY[name](generator("memory", name, i))
        pair = cs.Pair.gauge("memory_bytes", canary=values, times=times, limit=4e9)
        found = answer(check("week-1.memory-leak"), pair)
        told["missed"] += found.answer is Answer.MISSED
        told["met"] += found.answer is Answer.MET
        mean = values.mean(axis=1)
        told["plan"] += mean[-24] - mean[0] > 100 * MB
    return {key: count / rows for key, count in told.items()}


def table(heads: list[str], rows: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    lines += [
        f"| {name} | {' | '.join(f'{value:.3f}' for value in row.values())} |"
        for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def table_of_checks() -> str:
    """Every check, as the page shows them."""
    lines = ["| check | reads | how | target | source |", "|" + " --- |" * 5]
    lines += [
        f"| `{c.id}` | `{c.reads}` | {c.method.replace('_', ' ')} | {c.said()}{_kept(c)} "
        f"| {c.source} |"
        for c in CHECKS
    ]
    return "\n".join(lines) + "\n"


def _kept(one: cs.validate.Check) -> str:
    of = f" at q = {one.q:g}" if one.method == "quantile" else ""
    return of + (" (advisory)" if one.advisory else "")


def tables() -> dict[str, str]:
    """Every table of the page, by its mark."""
    trends = {f"{name}, {days} days": trend_row(name, days) for name in TRENDS for days in (7, 28)}
    return {
        "checks": table_of_checks(),
        "trends": table(
            ["service without a trend", "`rising`", "missed", "plan: degrading", "least squares"],
            trends,
        ),
        "shares": table(
            ["noise", "met", "missed", "plan: met"], {name: share_row(name) for name in SHARES}
        ),
        "memory": table(
            ["memory over 7 days", "missed", "met", "plan: leak"],
            {name: memory_row(name) for name in MEMORY},
        ),
    }


def main() -> None:
    """Write the tables into the page."""
    text = PAGE.read_text("utf-8")
    for mark, shown in tables().items():
        pattern = rf"(<!-- {mark} -->\n)(?:\|.*\n)*"
        text, found = re.subn(pattern, lambda m, s=shown: m[1] + s, text)
        if not found:
            raise SystemExit(f"{PAGE} has no mark {mark}")
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
