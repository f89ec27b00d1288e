"""CPU microseconds an update of ville and savvi, as JSON; run in an environment that has them.

`sequential.py` starts it: ``python sequential_rivals.py TICKS``. Both import heavy packages, so
they live outside the project's environment.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import savvi.multinomial
import ville

SHARES = np.array([0.1, 0.9])
FEW = 5  # savvi solves its intervals by convex programming


def micros(update, values):
    start = time.process_time()
    for value in values:
        update(value)
    return (time.process_time() - start) / len(values) * 1e6


def main() -> None:
    ticks, rng = int(sys.argv[1]), np.random.default_rng(0)
    counts = rng.poisson([0.2, 1.8], (ticks, 2))
    counts[0] = 1, 9  # an estimate needs events
    differences = rng.normal(size=(ticks, 1))
    exact = savvi.multinomial.Multinomial(0.05, SHARES)
    test, sequence = ville.MSPRT(), ville.AsymptoticCS(t_opt=200, min_samples=20)
    found = {
        "savvi Multinomial, e-value": micros(exact.update, counts),
        "savvi Multinomial, interval": micros(lambda _: exact.calculate_conf_int(), counts[:FEW]),
        "ville MSPRT": micros(test.update, differences),
        "ville AsymptoticCS": micros(sequence.update, differences),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
