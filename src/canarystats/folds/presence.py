"""Which ticks of a metric brought data, and what was wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Presence:
    """What has been there of a metric.

    Parameters
    ----------
    ticks
        Ticks of the rollout so far.
    canary, baseline
        Ticks on which the side had data.
    infinite
        Ticks with an infinite value on either side.
    canary_last, baseline_last
        Unix seconds of the last tick with data.
    quiet
        Ticks with data on the canary at which a window of the policy let no evidence gather.
    """

    ticks: int = 0
    canary: int = 0
    baseline: int = 0
    infinite: int = 0
    canary_last: float | None = None
    baseline_last: float | None = None
    quiet: int = 0

    def tick(
        self,
        at: float,
        *,
        canary: bool,
        baseline: bool,
        infinite: bool = False,
        quiet: bool = False,
    ) -> Presence:
        """One more tick."""
        return Presence(
            self.ticks + 1,
            self.canary + canary,
            self.baseline + baseline,
            self.infinite + infinite,
            at if canary else self.canary_last,
            at if baseline else self.baseline_last,
            self.quiet + (quiet and canary),
        )

    def seen(self, *, has_baseline: bool) -> tuple[str, ...]:
        """What an evidence should say about the data it stands on."""
        found = []
        sides = [("canary", self.canary)]
        sides += [("baseline", self.baseline)] if has_baseline else []
        for side, present in sides:
            missing = self.ticks - present
            if missing:
                found.append(f"{side}: {missing} of {self.ticks} ticks missing")
        if self.infinite:
            found.append(f"{self.infinite} ticks with an infinite value, left out")
        return tuple(found)

    def trouble(self, at: float, patience_seconds: float, *, needs_baseline: bool) -> str:
        """Why the metric counts as without data at ``at``, or nothing."""
        sides = [("canary", self.canary_last)]
        sides += [("baseline", self.baseline_last)] if needs_baseline else []
        for side, last in sides:
            if last is None:
                return f"no data on the {side}"
            if at - last > patience_seconds:
                return f"no data on the {side} for {at - last:.0f} s"
        return ""
