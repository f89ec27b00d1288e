"""The six systems as they behave, and what may go wrong with each: one `Scene` a preset.

The healthy figures are the ones the plan calls proven. A `Fault` has three sizes: near its
threshold, plain, and gross; it names the triggers that are there to find it, the stage in which it
matters, and how many ticks it needs to be told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.systems.telemetry import GIB, Change, Counts, Events, Flow, Gauge, Histogram, Of

REQUEST_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True)
class Fault:
    """One regression at three sizes, each a `Change` of one metric, and what it leads to."""

    name: str
    metric: str
    found_by: tuple[str, ...]
    sizes: tuple[dict[str, float], ...]
    stage: str = "canary-5"
    decision: str = "rollback"

    def change(self, size: int, onset: int) -> Change:
        """What becomes of the canary at one of the sizes."""
        return Change(self.metric, onset=onset, **self.sizes[size])


@dataclass(frozen=True)
class Scene:
    """A system: its preset, its signals and its faults."""

    preset: str
    signals: dict[str, object]
    faults: tuple[Fault, ...] = field(default=())


def factors(*values):
    return tuple({"factor": value} for value in values)


def additions(*values):
    return tuple({"add": value} for value in values)


def memory():
    return Gauge(2.0 * GIB, 0.05 * GIB, phi=0.9, limit=4.0 * GIB)


MEMORY = Fault("memory", "memory_bytes", ("memory",), factors(1.92, 1.96, 1.99))
INTEGRATION = Fault(
    "integration",
    "integration_calls",
    ("integration_calls",),
    tuple({"factor": factor} for factor in (15.0, 30.0, 300.0)),
    decision="hold",
)
QUIET = Events(Flow(0.0))
CALLS = Counts(Flow(50.0, divided=False), 0.001)


def requests(per_second, rate):
    return Counts(Flow(per_second), rate)


def errors(*sizes):
    rules = ("error_rate", "error_rate_absolute", "success_rate")
    return Fault("errors", "requests", rules, factors(*sizes))


def latency(*sizes, by=("latency_p99",)):
    return Fault("latency", "latency_seconds", by, factors(*sizes))


def throughput():
    sizes = tuple({"traffic": left} for left in (0.7, 0.5, 0.1))
    return Fault("throughput", "requests", ("throughput",), sizes)


def storm(name, trigger, *, counts=(1, 5, 50), ticks=1.0):
    """A few events, and many: ``counts`` within a minute."""
    return Fault(name, name, (trigger,), additions(*(count / 60.0 * ticks for count in counts)))


SCENES = (
    Scene(
        "dwcp-manager",
        {
            "requests": requests(2000.0, 0.002),
            "latency_seconds": Histogram(Flow(2000.0), 0.04, 0.7, REQUEST_BOUNDS),
            "health_checks": Counts(Flow(20.0, divided=False), 0.0005),
            "recovery_seconds": Histogram(Flow(1.0, divided=False), 0.12, 0.35, SLOW_BOUNDS),
            "recovery_attempts": Events(Flow(0.05, divided=False)),
            "breaker_trips": Events(Flow(1e-4, divided=False)),
            "breaker_open": Gauge(0.0, 0.0),
            "integrity_violations": QUIET,
            "pod_restarts": QUIET,
            "integration_calls": CALLS,
            "memory_bytes": memory(),
        },
        (
            errors(2.0, 5.0, 50.0),
            latency(2.5, 4.0, 20.0),
            throughput(),
            storm("integrity_violations", "data_integrity"),
            MEMORY,
            storm("breaker_trips", "breaker_storm", counts=(4, 10, 100)),
            storm("recovery_attempts", "recovery_loop", counts=(150, 300, 3000)),
            Fault("breaker stuck", "breaker_open", ("breaker_stuck_open",), additions(1, 1, 1)),
            storm("pod_restarts", "restart_wave", counts=(3, 6, 30)),
            INTEGRATION,
        ),
    ),
    Scene(
        "compression-selector",
        {
            "requests": requests(2000.0, 0.003),
            "latency_seconds": Histogram(Flow(2000.0), 0.006, 0.5, REQUEST_BOUNDS),
            "accuracy": Gauge(0.9965, 0.0005),
            "overhead": Gauge(0.048, 0.0005),
            "model_accuracy": Gauge(0.9965, 0.0003),
            "integration_calls": CALLS,
            "memory_bytes": memory(),
        },
        (
            errors(2.0, 5.0, 30.0),
            latency(2.5, 4.0, 20.0, by=("latency_p99", "selection_slow")),
            throughput(),
            MEMORY,
            Fault("accuracy", "accuracy", ("accuracy_low",), additions(-0.008, -0.015, -0.1)),
            Fault("overhead", "overhead", ("overhead_high",), additions(0.004, 0.01, 0.1)),
            Fault("model", "model_accuracy", ("model_drop",), factors(0.94, 0.9, 0.5)),
            INTEGRATION,
        ),
    ),
    Scene(
        "probft",
        {
            "requests": requests(200.0, 0.0),
            "latency_seconds": Histogram(Flow(200.0), 0.9, 0.3, SLOW_BOUNDS),
            "byzantine_events": QUIET,
            "consensus_failures": Of("requests", 0),
            "rounds": Of("requests", 1),
            "quorum": Gauge(1.0, 0.0),
            "view_changes": Events(Flow(1e-4, divided=False)),
            "memory_bytes": memory(),
        },
        (
            Fault(
                "failures",
                "requests",
                ("repeated_failures", "error_rate", "error_rate_absolute", "success_rate"),
                additions(0.02, 0.05, 0.5),
            ),
            latency(2.5, 4.0, 10.0, by=("latency_p99", "finality_slow")),
            throughput(),
            storm("byzantine_events", "byzantine"),
            MEMORY,
            Fault("stall", "requests", ("no_progress", "throughput"), ({"traffic": 0.0},) * 3),
            Fault("quorum", "quorum", ("quorum_lost",), additions(-0.36, -0.5, -1.0)),
        ),
    ),
    Scene(
        "bullshark",
        {
            "requests": requests(326_000.0, 0.0001),
            "latency_seconds": Histogram(Flow(2000.0), 0.4, 0.33, SLOW_BOUNDS),
            "transactions": Of("requests", 1),
            "rejects": Of("requests", 0),
            "integrity_violations": QUIET,
            "mempool": Gauge(0.4, 0.02),
            "memory_bytes": memory(),
        },
        (
            errors(2.0, 5.0, 500.0),
            latency(2.5, 4.0, 10.0, by=("latency_p99", "confirmation_slow")),
            throughput(),
            storm("integrity_violations", "data_integrity"),
            MEMORY,
            Fault("mempool", "mempool", ("mempool_full",), additions(0.58, 0.59, 0.6)),
            Fault(
                "floor",
                "requests",
                ("transactions_low",),
                tuple({"traffic": left} for left in (0.58, 0.5, 0.1)),
                stage="full",
            ),
        ),
    ),
    Scene(
        "t-pbft",
        {
            "rounds_per_second": Gauge(100.0, 2.0, gain=0.263),
            "message_reduction": Gauge(0.41, 0.01),
            "trust_anomalies": QUIET,
            "memory_bytes": memory(),
        },
        (
            MEMORY,
            storm("trust_anomalies", "trust_manipulated"),
            Fault(
                "performance", "rounds_per_second", ("performance_low",), factors(0.64, 0.55, 0.2)
            ),
        ),
    ),
    Scene(
        "maddpg-allocator",
        {
            "efficiency": Gauge(0.75, 0.01, gain=0.284),
            "starvation_events": QUIET,
            "constraint_violations": QUIET,
            "reward": Gauge(10.0, 1.0),
            "memory_bytes": memory(),
        },
        (
            MEMORY,
            storm("starvation_events", "starvation"),
            Fault(
                "efficiency",
                "efficiency",
                ("no_better_than_static", "far_below_static"),
                factors(0.76, 0.7, 0.3),
            ),
        ),
    ),
)
