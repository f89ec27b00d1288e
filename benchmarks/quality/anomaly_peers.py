"""Anomaly scores of river, run under a Python that has it.

``python anomaly_peers.py PEER < rows.json > scores.json``: rows in, for each a score a value, from
what came before it. Every peer has its own defaults; HalfSpaceTrees gets what its documentation
asks for, values scaled to 0 and 1 as they come.
"""

from __future__ import annotations

import json
import sys


def half_space_trees(row):
    from river import anomaly, compose, preprocessing

    model = compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1))
    return streamed(model, row)


def streamed(model, row):
    """Score, then learn, value by value."""
    scores = []
    for value in row:
        scores.append(float(model.score_one({"value": value})))
        model.learn_one({"value": value})
    return scores


def gaussian(row):
    from river import anomaly

    model = anomaly.GaussianScorer()
    scores = []
    for value in row:
        scores.append(float(model.score_one(None, value)))
        model.learn_one(None, value)
    return scores


def standard_absolute_deviation(row):
    from river import anomaly

    model = anomaly.StandardAbsoluteDeviation()
    scores = []
    for value in row:
        scores.append(abs(float(model.score_one(None, value))))
        model.learn_one(None, value)
    return scores


PEERS = {
    "river HalfSpaceTrees": half_space_trees,
    "river GaussianScorer": gaussian,
    "river StandardAbsoluteDeviation": standard_absolute_deviation,
}


if __name__ == "__main__":
    score = PEERS[sys.argv[1]]
    json.dump([score(row) for row in json.load(sys.stdin)], sys.stdout)
