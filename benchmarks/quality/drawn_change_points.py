"""Series drawn at random, of kinds that no constant was set on: ours beside the peers'.

Length, memory, tails, number, place and size of the steps, and the trend are drawn for each series.
The true steps are the one annotator; scores are those of the Turing set. It rewrites one table of
docs/change-points.md: ``python -m benchmarks.quality.drawn_change_points``, with the peers under
the Pythons that `benchmarks.quality.change_points` names. The seed is fixed, and was drawn once.
"""

from __future__ import annotations

import numpy as np
from benchmarks.quality.change_point_peers import WATCHERS
from benchmarks.quality.change_points import OURS, PAGE, peers, places
from benchmarks.quality.tcpd import cover, f1
from tests.detect.processes import ar1

SEED = 20_261_130
SERIES = 150
APART = 30  # ticks between steps, and from either end
TAILS = ("normal", "lognormal", "t3")


def noise(rng, n):
    """Of variance about 1: an AR(1) of 0 to 0.8, two in three of them bent to heavier tails."""
    plain = ar1(rng, 1, n, rng.uniform(0, 0.8))[0]
    tail = rng.choice(TAILS)
    if tail == "lognormal":
        return np.exp(0.6 * plain) / 0.8
    return plain * np.abs(plain) ** 0.5 if tail == "t3" else plain


def steps(rng, n, fewest, most):
    """Places, and what they add to each tick: 1.5 to 4 standard deviations up or down."""
    wanted = rng.integers(fewest, most + 1)
    room = n - APART * (wanted + 1)
    at = np.sort(rng.integers(0, room, wanted)) + APART * np.arange(1, wanted + 1)
    sizes = rng.uniform(1.5, 4.0, wanted) * rng.choice([-1, 1], wanted)
    return at.tolist(), (sizes[:, None] * (np.arange(n) >= at[:, None])).sum(axis=0)


def trend(rng, n):
    """A straight rise or fall of 3 to 9 standard deviations."""
    return rng.choice([-1, 1]) * rng.uniform(3, 9) * np.arange(n) / n


def nothing(rng, n):
    return [], noise(rng, n)


def stepped(rng, n):
    at, level = steps(rng, n, 1, 5)
    return at, level + noise(rng, n)


def stepped_beside_trend(rng, n):
    at, level = steps(rng, n, 1, 2)
    return at, level + trend(rng, n) + noise(rng, n)


def sloped(rng, n):
    return [], trend(rng, n) + noise(rng, n)


def spiked(rng, n):
    at, level = steps(rng, n, 0, 2)
    values = level + noise(rng, n)
    values[rng.choice(n, 5, replace=False)] += 15 * rng.choice([-1, 1], 5)
    return at, values


KINDS = {
    "no change": nothing,
    "one to five steps": stepped,
    "one or two beside a trend": stepped_beside_trend,
    "a trend alone": sloped,
    "none to two, and spikes": spiked,
}


def drawn(kind):
    """The series of a kind: true places and values."""
    rng = np.random.default_rng([SEED, list(KINDS).index(kind)])
    return [KINDS[kind](rng, int(rng.integers(250, 1500))) for _ in range(SERIES)]


def scores(truth, found):
    """Mean F1 and covering."""
    each = [
        (f1({"true": at}, told), cover({"true": at}, told, len(values)))
        for (at, values), told in zip(truth, found, strict=True)
    ]
    return np.mean(each, axis=0)


def rows():
    """A method a row, a kind a column, and the mean over kinds."""
    methods = (OURS, *(name for name in peers() if name not in WATCHERS))
    for method in (*methods, "nothing at all"):
        kinds = []
        for kind in KINDS:
            truth = drawn(kind)
            found = [[] for _ in truth]
            if method in methods:
                found = [told[0] for told in places(method, [v[None] for _, v in truth])]
            kinds.append(scores(truth, found))
        yield [method, *kinds, np.mean(kinds, axis=0)]


def main():
    """Measure, and put the table where the page marks its place."""
    lines = ["| method | " + " | ".join([*KINDS, "all"]) + " |", "|---" * (len(KINDS) + 2) + "|"]
    for method, *cells in rows():
        lines.append(
            f"| {method} | " + " | ".join("{:.2f}, {:.2f}".format(*c) for c in cells) + " |"
        )
        print(lines[-1], flush=True)
    page = PAGE.read_text("utf-8")
    begin, end = "<!-- drawn -->", "<!-- end of drawn -->"
    head, rest = page.split(begin)
    PAGE.write_text(f"{head}{begin}\n\n" + "\n".join(lines) + f"\n\n{end}{rest.split(end)[1]}")


if __name__ == "__main__":
    main()
