"""Error rates, power and coverage of one look, beside Kayenta's, as a page of the docs.

Run ``python -m benchmarks.calibration.one_look``. It writes docs/calibration-one-look.md; with
``--replications`` other than the page's own it only prints.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from benchmarks.calibration.coverage import INTERVALS, covered
from benchmarks.calibration.designs import DESIGNS, RARE_ERRORS, by_pairs, by_rates, counts

from canarystats.compare import long_run_variance, paired

PAGE = Path(__file__).resolve().parents[2] / "docs" / "calibration-one-look.md"
REPLICATIONS = 2000
MORE = 4  # times as many for error rates, which are small
SEED = 20250
LEVELS = (0.01, 0.02, 0.05)
LOUD = 0.02  # Kayenta's nominal level
FACTORS = (1.1, 1.25, 1.5, 2.0)
POINTS = (60, 240)
ALLOWED = 1.5  # times the nominal level
HISTORY = 960  # ticks before the rollout
WINDOWS = 100  # judged by one history


def decided(found, level) -> float:
    """Percent of the looks that decide; the p-values of one call serve every level."""
    return 100 * float(np.mean([e.decides and e.p_value <= level for e in found]))


def level_rows(replications):
    for at, design in enumerate(DESIGNS):
        for n in POINTS:
            pairs = design.draw(np.random.default_rng([SEED, at, n]), replications, n, 1.0)
            # asked at each level: what is too few values depends on it
            ours = [decided(design.compare(pairs, level), level) for level in LEVELS]
            yield design, n, ours


def power_rows(replications):
    for at, design in enumerate(DESIGNS):
        for n in POINTS:
            ours = []
            for step, factor in enumerate(FACTORS, start=1):
                rng = np.random.default_rng([SEED, at, n, step])
                pairs = design.draw(rng, replications, n, factor)
                ours.append(decided(design.compare(pairs, LOUD), LOUD))
            yield design, n, ours


def rare_rows(replications):
    for at, ((before, after), kayenta) in enumerate(RARE_ERRORS.items()):
        ours = []
        for n in POINTS:
            rng = np.random.default_rng([SEED, 100, at, n])
            pairs = counts(rng, replications, n, after, before)
            ours.append(decided(by_rates(pairs, LOUD), LOUD))
        yield before, after, ours, kayenta


def history_rows(replications):
    """Designs that are compared step by step, with the noise learnt from ticks before."""
    for at, design in enumerate(DESIGNS):
        if design.compare is not by_pairs:
            continue
        for n in POINTS:
            ours = []
            for step, factor in enumerate((1.0, *FACTORS)):
                rng = np.random.default_rng([SEED, 300, at, n, step])
                more = MORE if factor == 1 else 1
                found = []
                for _ in range(more * replications // WINDOWS):
                    (before,) = design.draw(rng, 1, HISTORY, 1.0)
                    pairs = design.draw(rng, WINDOWS, n, factor)
                    known = long_run_variance(before)
                    found += paired(pairs, level=LOUD, long_run_variance=known)
                ours.append(decided(found, LOUD))
            yield design, n, ours


def coverage_rows(replications):
    for at, (method, design, draw, function, truth) in enumerate(INTERVALS):
        rng = np.random.default_rng([SEED, 200, at])
        yield method, design, *covered(draw, function, truth, rng, replications)


def level_table(rows, replications) -> list[str]:
    lines = [
        "| design, points a side | method | at 1 % | at 2 % | at 5 % | Kayenta, nominal 2 % |",
        "|---|---|---|---|---|---|",
    ]
    for design, n, ours in rows:
        cells = []
        for level, percent in zip(LEVELS, ours, strict=True):
            beyond = percent > 100 * ALLOWED * level + 2 * error(ALLOWED * level, replications)
            cells.append(f"**{percent:.2f}**" if beyond else f"{percent:.2f}")
        lines.append(
            f"| {design.name}, {n} | {design.method} | {' | '.join(cells)} | "
            f"{design.kayenta_level[n]:g} |"
        )
    return lines


def error(share, replications) -> float:
    """Standard error of a percentage."""
    return 100 * float(np.sqrt(share * (1 - share) / replications))


def power_table(rows) -> list[str]:
    found = "| +10 % | +25 % | +50 % | +100 % |"
    lines = [
        f"| design, points a side | method {found} Kayenta in its level |",
        "|---|---|---|---|---|---|---|",
    ]
    for design, n, ours in rows:
        held = design.kayenta_level[n] <= 100 * ALLOWED * LOUD
        cells = []
        for mine, theirs in zip(ours, design.kayenta_power[n], strict=True):
            cell = f"{mine:.1f} ({theirs:g})"
            cells.append(f"**{cell}**" if held and mine < min(theirs, 99.95) else cell)
        lines.append(
            f"| {design.name}, {n} | {design.method} | {' | '.join(cells)} | "
            f"{'yes' if held else 'no'} |"
        )
    return lines


def history_table(rows) -> list[str]:
    lines = [
        "| design, points a side | errs | +10 % | +25 % | +50 % | +100 % |",
        "|---|---|---|---|---|---|",
    ]
    for design, n, ours in rows:
        kayenta = (design.kayenta_level[n], *design.kayenta_power[n])
        cells = [f"{mine:.1f} ({theirs:g})" for mine, theirs in zip(ours, kayenta, strict=True)]
        lines.append(f"| {design.name}, {n} | {' | '.join(cells)} |")
    return lines


def rare_table(rows) -> list[str]:
    lines = ["| errors a minute | 60 minutes | 240 minutes |", "|---|---|---|"]
    for before, after, ours, kayenta in rows:
        cells = [f"{a:.1f} ({b:g})" for a, b in zip(ours, kayenta, strict=True)]
        lines.append(f"| {before:g} to {after:g} | {' | '.join(cells)} |")
    return lines


def coverage_table(rows) -> list[str]:
    lines = ["| interval | design | covers | looks without one |", "|---|---|---|---|"]
    for method, design, percent, without in rows:
        cell = f"**{percent:.1f}**" if percent < 93.5 else f"{percent:.1f}"
        lines.append(f"| {method} | {design} | {cell} | {without:.1f} |")
    return lines


HEAD = """\
# Calibration of one look

Generated by `python -m benchmarks.calibration.one_look`: {more} windows a cell for error rates and
{replications} elsewhere, seed {seed}. All figures are percent. The standard error of an error
rate of 2 % is {rate:.2f}, that of a power of 50 % {power:.2f}, that of a coverage of 95 %
{coverage:.2f}. Kayenta's figures are those of its unmodified judge (commit a69573be, 2000 windows
a cell) on designs drawn by the same words; its level is nominally 2 %, two-sided.

The day of 240 ticks multiplies both sides by 1 + 0.4 sin at a random phase, and each side has
noise of its own, 10 % of the level. AR(1) series have mean 100 and standard deviation 20, and the
canary's mean is raised. Everywhere else the canary is multiplied.
"""
LEVEL = """\
## How often one look errs where nothing differs

Two-sided. Bold: more than 1.5 times the nominal level, beyond two standard errors.
"""
POWER = """\
## How often a difference is found

At 2 %, two-sided; Kayenta's in brackets. Bold: fewer than Kayenta where it holds its level.
"""
HISTORY_TEXT = f"""\
## The same, with history

`paired` at 2 %, two-sided, its long-run variance learnt from {HISTORY} ticks before the rollout, a
new history for every {WINDOWS} windows; Kayenta's in brackets. A window alone sometimes takes its
noise for slower than it is, and withholds what it would otherwise find: that is what the cell in
bold above lacks, and what history gives back.
"""
RARE = """\
## Rare errors

`rate_ratio`, exact, two-sided at 2 %; Kayenta's in brackets.
"""
COVERAGE = """\
## How often intervals hold the truth

Nominal 95 %, of the looks that give an interval; exact and rank intervals of few values cover more.
Bold: under 93.5 %.
"""


def page(replications) -> str:
    more = MORE * replications
    head = HEAD.format(
        more=more,
        replications=replications,
        seed=SEED,
        rate=error(0.02, more),
        power=error(0.5, replications),
        coverage=error(0.95, replications),
    )
    sections = (
        (LEVEL, level_table(level_rows(more), more)),
        (POWER, power_table(power_rows(replications))),
        (HISTORY_TEXT, history_table(history_rows(replications))),
        (RARE, rare_table(rare_rows(replications))),
        (COVERAGE, coverage_table(coverage_rows(replications))),
    )
    parts = [head, *("\n".join([text, *table, ""]) for text, table in sections)]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    replications = parser.parse_args().replications
    text = page(replications)
    if replications == REPLICATIONS:
        PAGE.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
