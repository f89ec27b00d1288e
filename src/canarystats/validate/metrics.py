"""What the checks read, and how a source asks for it where a file names nothing else.

The names are those of the plan's monitoring pages. Most have no exporter yet, and then there is no
data and no check of them is met. A metric without a query is one that the plan names no series for.
"""

from __future__ import annotations

from typing import Any

from canarystats.metric import Metric

_PODS = 'container!="",pod=~"dwcp.*",$arm'
_ROWS: dict[str, dict[str, Any]] = {
    "requests": {
        "kind": "counts",
        "query": {
            "events": 'http_requests_total{status=~"5..",$arm}',
            "exposure": "http_requests_total{$arm}",
        },
    },
    "old_version_requests": {
        "kind": "counts",
        "query": {
            "events": 'http_requests_total{version="baseline",$arm}',
            "exposure": "http_requests_total{$arm}",
        },
    },
    "latency_seconds": {
        "kind": "histogram",
        "query": {"buckets": "http_request_duration_seconds_bucket{$arm}"},
    },
    "critical_errors": {"kind": "events"},
    "health_checks": {
        "kind": "counts",
        "query": {
            "events": 'dwcp_health_check_total{status!="success",$arm}',
            "exposure": "dwcp_health_check_total{$arm}",
        },
    },
    "recoveries": {
        "kind": "counts",
        "query": {
            "events": 'dwcp_recovery_attempts_total{success="false",$arm}',
            "exposure": "dwcp_recovery_attempts_total{$arm}",
        },
    },
    "breaker_trips": {
        "kind": "events",
        "query": {"events": "dwcp_circuit_breaker_trips_total{$arm}"},
    },
    "memory_bytes": {
        "kind": "gauge",
        "query": {
            "value": f"container_memory_working_set_bytes{{{_PODS}}}",
            "limit": f"container_spec_memory_limit_bytes{{{_PODS}}}",
        },
    },
    "cpu_cores": {
        "kind": "gauge",
        "query": {
            "value": f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{_PODS}}}[5m]))",
            "limit": "sum by (pod) (kube_pod_container_resource_limits"
            '{resource="cpu",pod=~"dwcp.*",$arm})',
        },
    },
    "pod_restarts": {
        "kind": "events",
        "query": {"events": 'kube_pod_container_status_restarts_total{pod=~"dwcp.*",$arm}'},
    },
    "pods_ready": {
        "kind": "gauge",
        "query": {"value": 'kube_pod_status_ready{condition="true",pod=~"dwcp.*",$arm}'},
    },
    "up": {"kind": "gauge", "query": {"value": 'up{job=~"dwcp.*",$arm}'}},
    "bullshark_transactions": {
        "kind": "gauge",
        "query": {"value": "sum(bullshark_transactions_per_second{$arm})"},
    },
    "requests_per_second": {
        "kind": "gauge",
        "query": {"value": "sum(rate(http_requests_total{$arm}[5m]))"},
    },
    "consensus_rounds": {
        "kind": "counts",
        "query": {
            "events": "probft_consensus_failures_total{$arm}",
            "exposure": "probft_consensus_rounds_total{$arm}",
        },
    },
    "compression_accuracy": {"kind": "gauge", "query": {"value": "compression_accuracy{$arm}"}},
    "allocation_quality": {
        "kind": "gauge",
        "compare": True,
        "query": {"value": "maddpg_allocation_quality{$arm}"},
    },
    "cost": {"kind": "gauge", "compare": True},
    "audit_entries": {"kind": "counts"},
    "byzantine_successes": {"kind": "events"},
}

METRICS: tuple[Metric, ...] = tuple(
    Metric.model_validate({"name": name, "compare": False, **fields})
    for name, fields in _ROWS.items()
)
