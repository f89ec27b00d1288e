"""Change points by other libraries, run under a Python that has them.

``python change_point_peers.py PEER < rows.json > found.json``: rows in, for each the places found
and the milliseconds it took. A peer that fails ends the run: an error is not "no change". Every
peer has its own defaults; those that take a penalty and a scale get 2 log n and the scale of the
differences.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np


def scaled(row):
    """The row over its noise, as differences show it: right for independent noise."""
    scale = 1.4826 * np.median(np.abs(np.diff(row) - np.median(np.diff(row)))) / 2**0.5
    return row / (scale or 1.0)


def ruptures_kernel(kernel):
    def run(row):
        import ruptures

        found = ruptures.KernelCPD(kernel=kernel, min_size=2).fit(scaled(row)[:, None])
        return found.predict(pen=2 * np.log(len(row)))[:-1]

    return run


def ruptures_binseg(row):
    import ruptures

    standard = (row - row.mean()) / (row.std() or 1.0)
    found = ruptures.Binseg(model="l2", jump=1, min_size=2).fit(standard[:, None])
    return found.predict(pen=3 * np.log(len(row)))[:-1]


def skchange(row):
    from skchange.detectors import SeededBinarySegmentation

    return SeededBinarySegmentation().fit(row[:, None]).predict(row[:, None])


def fastcpd(row):
    from fastcpd.segmentation import mean

    return mean(row[:, None]).cp_set


def changeforest(row):
    from changeforest import changeforest as run

    return run(row[:, None], "change_in_mean", "bs").split_points()


def otava(row):
    from otava.analysis import compute_change_points

    found, _ = compute_change_points(row.tolist(), 50, 0.001)
    return [point.index for point in found]


PEERS = {
    "ruptures KernelCPD linear": ruptures_kernel("linear"),
    "ruptures KernelCPD rbf": ruptures_kernel("rbf"),
    "ruptures Binseg l2, 3 log n": ruptures_binseg,
    "skchange SeededBS": skchange,
    "fastcpd mean": fastcpd,
    "changeforest mean": changeforest,
    "apache-otava": otava,
}


def watched(name):
    """The ticks at which a detector of river says that something drifted."""

    def run(row):
        from river import drift

        detector = getattr(drift, name)()
        told = []
        for tick, value in enumerate(row.tolist()):
            detector.update(value)
            if detector.drift_detected:
                told.append(tick)
        return told

    return run


WATCHERS = {f"river {name}": watched(name) for name in ("PageHinkley", "ADWIN")}


def answers(peer, rows):
    """What a peer finds in each row, and its milliseconds."""
    find = (PEERS | WATCHERS)[peer]
    find(np.array(rows[0]))
    out = []
    for row in rows:
        series = np.array(row)
        began = time.process_time()
        places = [int(place) for place in find(series)]
        out.append((places, 1000 * (time.process_time() - began)))
    return out


if __name__ == "__main__":
    json.dump(answers(sys.argv[1], json.load(sys.stdin)), sys.stdout)
