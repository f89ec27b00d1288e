"""Writes the tables of docs/calibration-many-looks.md, and that of onsets in docs/verdict.md.

The figures are those kept in results/.

Run ``python -m benchmarks.calibration.page``.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.calibration import results
from benchmarks.calibration.bounds import lower, most_expected, upper
from benchmarks.calibration.rivals import KAYENTA, RIVALS
from benchmarks.marked import rewrite, table

DOCS = Path(__file__).resolve().parents[2] / "docs"
MANY_LOOKS, VERDICT = DOCS / "calibration-many-looks.md", DOCS / "verdict.md"
ALLOWED = {"gauge": 1.2}  # times the nominal level, where history is there
TITLES = {
    "literal": "rule as written",
    "mann_whitney": "Mann-Whitney",
    "asympcs_5000": "AsympCS 5000",
    "asympcs_200": "AsympCS 200",
}


def held(hits, runs, level, allowed=1.0) -> bool:
    """Whether the upper bound of a rate is at or under what is allowed."""
    return upper(hits, runs) <= allowed * level


def rate(hits, runs, level, allowed=1.0) -> str:
    """A rate and its upper bound in percent, bold where the bound is beyond what is allowed."""
    text = f"{100 * hits / runs:.2f} ({100 * upper(hits, runs):.2f})"
    return text if held(hits, runs, level, allowed) else f"**{text}**"


def level(kind) -> str:
    """Ever-rejections of one kind, beside the rivals."""
    found = results.read("many_looks")
    rows = []
    for row in found["rows"]:
        if row["kind"] != kind:
            continue
        cells = [f"`{row['id']}`", row["about"], f"{row['runs']} / {row['runs_without']}"]
        of = (
            ("with_history", "runs", ALLOWED.get(kind, 1.0)),
            ("without_history", "runs_without", 1.0),
        )
        for key, runs, allowed in of:
            cells += [
                rate(hits, row[runs], nominal, allowed)
                for hits, nominal in zip(row[key], found["levels"], strict=True)
            ]
        for rival in RIVALS:
            hits = row["rivals"].get(rival)
            cells.append("" if hits is None else f"{100 * hits[0] / row['rival_runs']:.1f}")
        if kind == "gauge":
            cells.append(f"{KAYENTA[row['id']]:g}" if row["id"] in KAYENTA else "")
        rows.append(cells)
    percents = [f"{100 * nominal:g} %" for nominal in found["levels"]]
    header = ["id", "what is drawn", "rollouts"]
    header += [f"history, {p}" for p in percents] + [f"no history, {p}" for p in percents]
    header += [TITLES[rival] for rival in RIVALS] + ["Kayenta, 2 %"] * (kind == "gauge")
    return table(header, rows)


def delay(kind) -> str:
    """Delays of one kind beside the limit."""
    rows = []
    for row in results.read("delays")["rows"]:
        if row["kind"] != kind:
            continue
        limit = row["limit"]
        cells = [row["about"], row["runs"], f"{limit:.1f}"]
        for key in ("mean", "median", "p90"):
            value = row[key]
            least = "≥ " if key == "mean" and row["found"] < 1 else ""
            cells.append("" if value is None else f"{least}{value:.1f} ({value / limit:.2f})")
        of_claim = row["mean_of_claim"]
        cells.append("" if of_claim is None or row["found"] < 1 else f"{of_claim:.2f}")
        cells.append(f"{100 * row['found']:.1f}")
        rows.append(cells)
    header = ["regression", "rollouts", "limit", "mean", "median", "p90"]
    header += ["mean / limit at 0.125 %", "found, %"]
    return table(header, rows)


def healthy(of="healthy") -> str:
    """Rollbacks of healthy rollouts."""
    rows = []
    for row in [*(found := results.read("rollouts")[of]), _summed(found)]:
        runs = row["rollouts"]
        cells = [row["cell"], runs]
        for key in ("with_history", "without_history", "literal"):
            hits = row[key]["rollback"]
            cells.append(f"{hits} ({100 * upper(hits, runs):.2f} %)")
        cells += [_said(row["with_history"]["said"]), _said(row["without_history"]["said"])]
        rows.append(cells)
    header = ["service", "rollouts", "rolled back with history", "without", "rules as written"]
    return table([*header, "judged with history", "judged without"], rows)


def _said(words) -> str:
    return ", ".join(f"{count} {word}" for word, count in words.items() if count)


def _summed(rows):
    total = {"cell": "all", "rollouts": sum(row["rollouts"] for row in rows)}
    for key in ("with_history", "without_history", "literal"):
        total[key] = {"rollback": sum(row[key]["rollback"] for row in rows)}
    for key in ("with_history", "without_history"):
        words = rows[0][key]["said"]
        total[key]["said"] = {w: sum(row[key]["said"][w] for row in rows) for w in words}
    return total


def regressions() -> str:
    """Delays of whole rollouts, in ticks."""
    rows = []
    for row in results.read("rollouts")["regressions"]:
        cells = [row["cell"], row["rollouts"]]
        for key in ("with_history", "without_history", "literal"):
            said = row[key]
            share = f"{100 * said['found'] / row['rollouts']:.0f} %"
            cells.append(
                f"{said['median']:.0f}, {said['p90']:.0f} ({share})" if said["found"] else share
            )
        rows.append(cells)
    return table(["regression", "rollouts", "with history", "without", "rules as written"], rows)


def prices() -> str:
    """The delay of counts beside its limit, as less and less is known."""
    found = results.read("prices")["prices"]
    ratios = list(dict.fromkeys(row["ratio"] for row in found))
    levels, rows = list(found[0]["levels"]), []
    for way in dict.fromkeys(row["way"] for row in found):
        each = {row["ratio"]: row["levels"] for row in found if row["way"] == way}
        told = [each[ratio][level] for level in levels for ratio in ratios]
        rows.append([way, *(f"{one['mean']:.2f} ({one['median']:.2f})" for one in told)])
    heads = [f"x{ratio:g}, {100 * float(level):g} %" for level in levels for ratio in ratios]
    return table(["what is known", *heads], rows)


def since() -> str:
    """Delay and error of the onset of a regression that begins in mid-rollout."""
    rows = []
    for row in results.read("restarts")["since"]:
        for way, said in row["ways"].items():
            cells = [row["about"], way, f"{said['delay']:.0f}", f"{said['off']:.0f}"]
            rows.append([*cells, f"{100 * said['early']:.1f}"])
    heads = ["from tick 300", "by", "delay, median", "onset off by, median", "before it, %"]
    return table(heads, rows)


def run_lengths() -> str:
    """How long a healthy metric is watched until e-CUSUM first alarms."""
    found, rows = results.read("restarts"), []
    for row in found["rows"]:
        mean = f"{row['watched'] / row['alarms']:,.0f}" if row["alarms"] else ""
        sure = f"{row['watched'] / most_expected(row['alarms']):,.0f}"
        cells = [f"`{row['id']}`", row["about"], row["rollouts"], row["alarms"]]
        rows.append([*cells, mean.replace(",", " "), sure.replace(",", " ")])
    header = ["id", "what is drawn", "rollouts", "alarms", "ticks to an alarm", "at least, 95 %"]
    return table(header, rows)


def planned(kind) -> str:
    """A window of six looks: rejections of the healthy, or what is found of the harmed."""
    found = results.read("planned")
    rows, ways = [], ("power", "pocock", "obrien_fleming", "many")
    for row in found["rows"]:
        if row["what"] != kind:
            continue
        cells, runs = [row["about"], row["runs"]], row["runs"]
        for way in ways:
            for each, nominal in zip(row["ways"][way], found["levels"], strict=True):
                hits = each["found"]
                if kind == "health":
                    cells.append(_spent(hits, runs, nominal))
                elif nominal == found["levels"][0]:
                    cells.append(f"{100 * hits / runs:.0f} % ({each['ticks']:.0f})")
        rows.append(cells)
    if kind == "health":
        heads = [f"{_way(way)}, {100 * at:g} %" for way in ways for at in found["levels"]]
    else:
        heads = [_way(way) for way in ways]
    return table(["what is drawn", "rollouts", *heads], rows)


def _spent(hits, runs, level) -> str:
    """A rate in percent that may well be the level itself; bold where it is shown to be above."""
    text = f"{100 * hits / runs:.2f}"
    return text if lower(hits, runs) <= level else f"**{text}**"


def _way(way) -> str:
    return "any number of looks" if way == "many" else way.replace("obrien_fleming", "O'Brien-F.")


def fleet() -> str:
    """150 metrics under one budget."""
    found = results.read("fleet")
    rows = []
    for row in found["rows"]:
        runs = row["runs"]
        cells = [row["about"], runs]
        cells += [
            rate(hits, runs, nominal)
            for hits, nominal in zip(row["budget"], found["levels"], strict=True)
        ]
        cells += [f"{100 * row['each'] / runs:.1f}", f"{100 * row['naive'] / runs:.1f}"]
        rows.append(cells)
    percents = [f"e-Bonferroni, {100 * nominal:g} %" for nominal in found["levels"]]
    return table(["150 metrics", "rollouts", *percents, "each at 5 %", "paired z at 5 %"], rows)


def fleet_judged() -> str:
    """150 metrics through `judge`."""
    found, rows = results.read("fleet_judged"), []
    for row in found["rows"]:
        rows.append([row["about"], rate(row["said"]["rollback"], row["runs"], found["budget"])])
        rows[-1] += [row["runs"], _said(row["said"])]
    header = ["150 metrics", f"rolled back, {100 * found['budget']:g} %", "rollouts", "said"]
    return table(header, rows)


def two_days() -> str:
    """Ever-rejections of rollouts that last."""
    found, rows = results.read("two_days"), []
    for row in found["rows"]:
        rows.append([f"`{row['id']}`", row["about"], row["runs"]])
        for key in ("with_history", "without_history"):
            for hits, early in zip(row[key], row[key + "_early"], strict=True):
                bound = 100 * upper(hits, row["runs"])
                rows[-1].append(f"{100 * hits / row['runs']:.2f} ({bound:.2f}), {early} of {hits}")
    percents = [f"{100 * nominal:g} %" for nominal in found["levels"]]
    heads = [f"{history}, {each}" for history in ("history", "no history") for each in percents]
    return table(["id", "what is drawn", "rollouts", *heads], rows)


def single_pods() -> str:
    """One pod a side with the default margins: healthy ones rejected."""
    found, rows = results.read("single_pods"), []
    for row in found["healthy"]:
        rows.append([f"`{row['id']}`", row["about"], row["runs"]])
        for key in ("with_history", "without_history"):
            rows[-1] += [rate(hits, row["runs"], found["level"]) for hits in row[key]]
    return table(["id", "what is drawn", "rollouts", *_assuming(found)], rows)


def single_pods_harmed() -> str:
    """The same: what is higher for good, and when it is called."""
    found, rows = results.read("single_pods"), []
    for row in found["harmed"]:
        rows.append([f"{row['times']:g} times as high", row["runs"]])
        for each in (*row["with_history"], *row["without_history"]):
            share = f"{100 * each['called']:.0f} %"
            median = "" if each["median"] is None else f", tick {each['median']:.0f}"
            rows[-1].append(share + median)
    return table(["the canary", "rollouts", *_assuming(found)], rows)


def _assuming(found) -> list[str]:
    """The columns of both tables."""
    said = [f"{100 * each:g} % assumed" if each else "nothing assumed" for each in found["assumed"]]
    return [f"{history}, {each}" for history in ("history", "no history") for each in said]


def speed() -> str:
    """Cost beside the rivals."""
    found = results.read("speed")
    whole = [
        "150 metrics, 50 of each kind, in all",
        f"{1000 * found['millis_for_150']:.0f}",
        "",
        "",
    ]
    rows = [
        [
            row["what"],
            f"{row['micros']:.1f}",
            "" if row["ratio"] == 1 else f"{row['ratio']:.2f} of {row['ours']}",
            row["bytes"] or "",
        ]
        for row in found["rows"]
    ]
    return table(["one tick", "CPU µs a metric", "ratio", "bytes of state"], [*rows, whole])


def onsets() -> str:
    """How near a regression is dated at the tick that decides about it."""
    rows = []
    for row in results.read("onsets")["rows"]:
        cells = [row["about"], row["rollouts"], f"{row['ticks']:g}"]
        dates = row["grown"], row["dated"]
        cells += ["{mean:g}, {median:g}".format(**date) if date else "" for date in dates]
        rows.append([*cells, f"{row['covers']:.2f}", f"{row['width']:g}"])
    header = ["a step", "rollouts", "ticks to the decision", "grown: mean, median"]
    return table([*header, "dated: mean, median", "interval covers", "its width"], rows)


TABLES = {
    "level": level,
    "delay": delay,
    "healthy": healthy,
    "regressions": regressions,
    "fleet": fleet,
    "fleet_judged": fleet_judged,
    "planned": planned,
    "prices": prices,
    "two_days": two_days,
    "single_pods": single_pods,
    "single_pods_harmed": single_pods_harmed,
    "since": since,
    "run_lengths": run_lengths,
    "speed": speed,
}


if __name__ == "__main__":
    rewrite(MANY_LOOKS, TABLES)
    rewrite(VERDICT, {"onsets": onsets})
