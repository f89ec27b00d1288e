"""What other packages answer: run by the Python of their own environment.

``python peers.py QUESTION < inputs.json > answers.json``. It imports nothing of canarystats and
runs on Python 3.10, where confseq's wheels end.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

import numpy as np


def savvi_multinomial(inputs):
    from savvi.multinomial import Multinomial

    answers = []
    for counts, share, k in zip(inputs["counts"], inputs["share"], inputs["k"], strict=True):
        test = Multinomial(0.05, np.array([share, 1 - share]), k)
        test.update(np.array(counts))
        answers.append(float(np.log(test.odds)))
    return answers


def savvi_interval(inputs):
    from savvi.multinomial import Multinomial

    answers = []
    for counts, share, k in zip(inputs["counts"], inputs["share"], inputs["k"], strict=True):
        test = Multinomial(0.05, np.array([share, 1 - share]), k)
        test.update(np.array(counts))
        answers.append(test.calculate_conf_int()[0].tolist())
    return answers


def savvi_t(inputs):
    from savvi.linear_regression import log_bf

    n, t = np.array(inputs["n"], dtype=float), np.array(inputs["t"])
    return log_bf(t**2, n - 1, inputs["g"], n).tolist()


def ssrm_p_values(inputs):
    from ssrm_test.ssrm_test import sequential_p_values

    null, k = [inputs["share"], 1 - inputs["share"]], inputs["k"]
    return [
        [float(p) for p in sequential_p_values(ticks, null, dirichlet_concentration=k)]
        for ticks in inputs["ticks"]
    ]


def mongodb_statistics(inputs):
    from signal_processing_algorithms.energy_statistics import energy_statistics

    return [
        [
            energy_statistics.get_energy_statistics(series[:place], series[place:]).t
            for place in range(1, len(series))
        ]
        for series in inputs["series"]
    ]


def seqabpy_p_value(inputs):
    from seqabpy.gavi import sequential_p_value

    answers = []
    for counts, share, k in zip(inputs["counts"], inputs["share"], inputs["k"], strict=True):
        shares = np.array([share, 1 - share])
        answers.append(float(sequential_p_value(counts, shares, k * shares)))
    return answers


def seqabpy_bounds(inputs):
    from seqabpy.gatsby import ldBounds

    return [
        ldBounds(np.array(t), which, phi, inputs["level"])["upper.bounds"].tolist()
        for t, which, phi in inputs["plans"]
    ]


def ville_interval(inputs):
    from ville import BernoulliCS

    test = BernoulliCS(alpha=0.05, prior=tuple(inputs["prior"]), intersect=False)
    answers = []
    for outcomes in inputs["outcomes"]:
        test.fit(np.array(outcomes))
        answers.append([test.lower_[-1], test.upper_[-1]])
    return answers


def ville_calibrators(inputs):
    from ville.evalues import p_to_e

    p = np.array(inputs["p"])
    return [np.log(p_to_e(p)).tolist(), *(np.log(p_to_e(p, k)).tolist() for k in inputs["kappas"])]


def ville_combine(inputs):
    from ville.evalues import combine

    return np.log(combine(np.array(inputs["e"]), weights=inputs["weights"], axis=0)).tolist()


def ville_ebh(inputs):
    from ville.evalues import ebh

    return [ebh(np.array(e), inputs["level"]).astype(float).tolist() for e in inputs["e"]]


def ville_normal(inputs):
    from ville._boundaries import normal_mixture

    v, r, alpha = np.array(inputs["v"]), inputs["r"], inputs["alpha"]
    return [normal_mixture(v, alpha, r, one_sided=side).tolist() for side in (False, True)]


def confseq_normal(inputs):
    from confseq.boundaries import normal_mixture_bound

    v, tuned, alpha = np.array(inputs["v"]), inputs["tuned"], inputs["alpha"]
    return [
        np.asarray(normal_mixture_bound(v, alpha, tuned, alpha, is_one_sided=side)).tolist()
        for side in (False, True)
    ]


def confseq_log_normal(inputs):
    from confseq.boundaries import normal_log_mixture

    s, v, tuned = np.array(inputs["s"]), np.array(inputs["v"]), inputs["tuned"]
    return [
        np.asarray(normal_log_mixture(s, v, tuned, 0.05, is_one_sided=side)).tolist()
        for side in (False, True)
    ]


def versions(inputs):
    return {name: version(name) for name in inputs}


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
