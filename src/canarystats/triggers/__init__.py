"""The eight rules: literal conditions, hold timers, and the gate that asks for evidence.

==============  ================================================  ========  =====================
trigger         literal condition                                 holds for compared with
==============  ================================================  ========  =====================
error_rate      canary error rate > 1.5 x baseline's; or > 3 %    5 min     concurrent baseline
latency_p99     canary p99 > 2 x baseline's                       5 min     concurrent baseline
success_rate    canary success rate < 95 %                        3 min     constant
throughput      canary throughput per traffic share < 80 %        10 min    concurrent baseline
byzantine       any Byzantine event on the canary                 -         zero
data_integrity  any integrity violation on the canary             -         zero
memory          any canary pod above 95 % of its memory limit     5 min     its limit
breaker_storm   more than 10 circuit-breaker trips in 5 minutes   -         constant
==============  ================================================  ========  =====================

`literal` reads the conditions, `trailing` keeps the minutes they read, `hold` times them, `gate`
decides the way to fire, `reasons` says it in words, with its `figures`. The numbers are
`policy.RULES`.
"""

from __future__ import annotations
