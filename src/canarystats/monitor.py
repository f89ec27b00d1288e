"""A monitor repeats the judgement over time: ticks in, a verdict out, a small state in between.

Ticks fed one by one, in batches or all at once give the same verdict, and so does a monitor that
was saved and restored in between. `judge` is one `observe` of everything.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.folds import HistogramFold, SamplesFold, TickFold, fold_for, one_look, restore
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.folds.setting import Proof, Setting, Tick
from canarystats.intake import Intake, take_in
from canarystats.judge import Course, MetricView, decide
from canarystats.state import pack, unpack
from canarystats.verdict import Firing, Verdict, Way
from canarystats.version import __version__
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from canarystats.folds import AnyFold
    from canarystats.policy import Metric, Policy

SCHEMA = "canarystats/monitor/1"
PARTIAL = "partial_response"
PATIENCE_INTERVALS = 2.0


@dataclass(frozen=True, slots=True)
class Diary:
    """What a monitor remembers beside its folds.

    Parameters
    ----------
    started, last
        Unix seconds of the first and the last tick.
    ticks, looks
        Ticks judged, and calls that brought them.
    share
        The canary's designed share at the last tick.
    digest
        A running fingerprint of everything observed.
    firings
        Every rule that has fired, as JSON, the earliest first.
    firing_now
        The triggers that fire at the last tick.
    notes
        By metric: what its source said of the last data.
    once
        By metric: the evidence of a policy of one look, as JSON.
    """

    started: float | None = None
    last: float | None = None
    ticks: int = 0
    looks: int = 0
    share: float | None = None
    digest: str = ""
    firings: tuple[str, ...] = ()
    firing_now: tuple[str, ...] = ()
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    once: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Monitor:
    """Judge a rollout again and again as its data comes in.

    Parameters
    ----------
    policy
        What is watched and how strictly.
    share
        The canary's designed share of the traffic, between 0 and 1; None leaves throughput and
        the traffic split unjudged.
    rollout
        The caller's name for the rollout; replicas that use the same name reach the same
        decision id.

    Raises
    ------
    InputError
        If the share is not a number between 0 and 1.
    """

    def __init__(self, policy: Policy, *, share: float | None = None, rollout: str = "") -> None:
        take_in((), policy, share, None)
        self.policy = policy
        self.share = share
        self.rollout = rollout
        self._diary = Diary()
        self._settings = {m.name: Setting(policy, m) for m in policy.metrics}
        self._folds: dict[str, tuple[AnyFold, Any]] = {}

    @property
    def last_tick(self) -> float | None:
        """Unix seconds of the last tick judged; None before the first."""
        return self._diary.last

    @property
    def upper_bounds(self) -> dict[str, tuple[float, ...]]:
        """The bucket bounds each histogram began with, by metric."""
        return {
            name: tuple(fold.design.upper_bounds.tolist())
            for name, (fold, _) in self._folds.items()
            if isinstance(fold, HistogramFold)
        }

    def observe(self, pairs: Iterable[Pair], *, share: ArrayLike | None = None) -> Verdict:
        """Judge what is new since the last look.

        Parameters
        ----------
        pairs
            One pair a metric, all metrics of a tick together; only ticks not yet observed.
        share
            The canary's designed share for these ticks, where it differs from the monitor's: a
            number, or one per tick (a ramp), shape (T,).

        Raises
        ------
        InputError
            If the pairs do not fit the policy, the clock or each other. The monitor is then as it
            was before the call.
        """
        intake = take_in(
            pairs, self.policy, self.share if share is None else share, self._diary.last
        )
        if self.policy.looks == "one" and self._diary.looks:
            msg = "the policy says looks: one, and this monitor has looked; use looks: many"
            raise InputError(msg)
        before = self._diary, dict(self._folds)
        try:
            self._follow(intake)
        except InputError:
            self._diary, self._folds = before
            raise
        return self._verdict()

    def _follow(self, intake: Intake) -> None:
        for name, pair in intake.pairs.items():
            self._admit(name, pair)
        for i, at in enumerate(intake.times.tolist()):
            self._tick(intake, i, at)
        for name, pair in intake.pairs.items():
            if pair.kind is Kind.SAMPLES:
                self._look_at_samples(name, pair)
            elif pair.kind is Kind.GAUGE and self.policy.looks == "one":
                self._look_once(name, pair)
        notes = self._diary.notes | {name: pair.notes for name, pair in intake.pairs.items()}
        self._diary = replace(self._diary, looks=self._diary.looks + 1, notes=notes)

    def _admit(self, name: str, pair: Pair) -> None:
        held = self._folds.get(name)
        if held is None:
            fold = fold_for(self._settings[name], pair)
            state = fold.begin()
            if isinstance(fold, TickFold):
                state = replace(state, presence=Presence(ticks=self._diary.ticks))
            self._folds[name] = fold, state
        else:
            fold = held[0]
            if fold.kind is not pair.kind:
                msg = f"metric {name!r} is given as {pair.kind}; the rollout began with {fold.kind}"
                raise InputError(msg)
            if isinstance(fold, HistogramFold) and pair.upper_bounds is not None:
                fold.check(pair.upper_bounds)

    def _tick(self, intake: Intake, i: int, at: float) -> None:
        started = at if self._diary.started is None else self._diary.started
        share = None if intake.shares is None else float(intake.shares[i])
        comparing = at - started >= self.policy.warm_up
        digest = hashlib.sha256(f"{self._diary.digest}|{at!r}|{share!r}".encode())
        firings: list[Firing] = []
        for name in sorted(self._folds):
            fold, state = self._folds[name]
            if not isinstance(fold, TickFold):
                continue
            tick = _tick_of(intake, name, i, at, share, comparing)
            state = fold.step(state, tick)
            self._folds[name] = fold, state
            if name in intake.rows and intake.rows[name][i] >= 0:
                _mix_in(digest, name, tick)
            firings += fold.firings(state, at)
            harmed, onset = fold.harm(state)
            if harmed:
                firings.append(_harm(self._settings[name].metric, fold.evidence(state), at, onset))
        self._diary = replace(
            self._diary,
            started=started,
            last=at,
            ticks=self._diary.ticks + 1,
            share=share,
            digest=digest.hexdigest()[:32],
        )
        firings += self._firings_without_data(at)
        self._note(firings)

    def _firings_without_data(self, at: float) -> list[Firing]:
        if self.policy.on_no_data != "rollback":
            return []
        found = []
        for metric in self.policy.metrics:
            trouble = self._trouble(metric, patient=True)
            if metric.required and not metric.dry_run and trouble:
                found.append(
                    Firing(
                        trigger="no_data",
                        metric=metric.name,
                        way=Way.LITERAL,
                        action="rollback",
                        at=at,
                        reason=f"{metric.name}: {trouble}, and the policy rolls back on that",
                    )
                )
        return found

    def _note(self, firings: list[Firing]) -> None:
        known = {(f.trigger, f.metric, f.action) for f in self._firings()}
        fresh = [f for f in firings if (f.trigger, f.metric, f.action) not in known]
        self._diary = replace(
            self._diary,
            firings=self._diary.firings + tuple(f.model_dump_json() for f in fresh),
            firing_now=tuple(f.trigger for f in firings),
        )

    def _firings(self) -> tuple[Firing, ...]:
        return tuple(Firing.model_validate_json(text) for text in self._diary.firings)

    def _look_at_samples(self, name: str, pair: Pair) -> None:
        fold, state = self._folds[name]
        if not isinstance(fold, SamplesFold):
            return
        state = fold.observe(state, pair)
        self._folds[name] = fold, state
        digest = hashlib.sha256(f"{self._diary.digest}|{name}".encode())
        for side in (pair.canary, pair.baseline):
            digest.update(b"" if side is None else side.tobytes())
        self._diary = replace(self._diary, digest=digest.hexdigest()[:32])
        firings = fold.firings(state, self._diary.last)
        if fold.harm(state)[0]:
            metric = self._settings[name].metric
            firings.append(_harm(metric, fold.evidence(state), self._diary.last, None))
        self._add(firings)

    def _look_once(self, name: str, pair: Pair) -> None:
        setting = self._settings[name]
        if not setting.metric.compare:
            return
        found = one_look.shift(setting, pair)
        once = self._diary.once | {name: tuple(e.model_dump_json() for e in found)}
        self._diary = replace(self._diary, once=once)
        worse = [e for e in found if e.question is Question.WORSE and e.decides]
        if worse and setting.metric.critical:
            self._add([_harm(setting.metric, found, self._diary.last, None)])

    def _add(self, firings: list[Firing]) -> None:
        now = self._diary.firing_now
        self._note(firings)
        self._diary = replace(self._diary, firing_now=now + self._diary.firing_now)

    def _trouble(self, metric: Metric, *, patient: bool = False) -> str:
        diary = self._diary
        patience = PATIENCE_INTERVALS * self.policy.interval
        at = diary.started if diary.last is None else diary.last
        young = at is None or diary.started is None or at - diary.started <= patience
        if patient and young:
            return ""
        held = self._folds.get(metric.name)
        if held is None:
            return "no data"
        fold, state = held
        return fold.trouble(state, 0.0 if at is None else at, patience)

    def _verdict(self) -> Verdict:
        diary = self._diary
        course = Course(
            rollout=self.rollout,
            started=diary.started,
            at=diary.last,
            ticks=diary.ticks,
            share=diary.share,
            firings=self._firings(),
            firing_now=frozenset(diary.firing_now),
            input_digest=diary.digest[:16],
            library_version=__version__,
        )
        return decide(self.policy, [self._view(m) for m in self.policy.metrics], course)

    def _view(self, metric: Metric) -> MetricView:
        held = self._folds.get(metric.name)
        trouble = self._trouble(metric)
        notes = self._diary.notes.get(metric.name, ())
        partial = next((note for note in notes if note.startswith(PARTIAL)), "")
        if held is None:
            rules = self._settings[metric.name].rules().values()
            unread = tuple(rule.reading(RuleState()) for rule in rules)
            return MetricView(metric, (_absent(metric),), unread, trouble=trouble)
        fold, state = held
        evidence, proofs = fold.evidence(state), fold.proofs(state)
        once = [Evidence.model_validate_json(t) for t in self._diary.once.get(metric.name, ())]
        if once:
            evidence, proofs = once, [*_proofs_at_one_look(metric, once), *proofs[1:]]
        return MetricView(
            metric,
            evidence=tuple(e.model_copy(update={"seen": (*e.seen, *notes)}) for e in evidence),
            readings=tuple(fold.readings(state)),
            proofs=tuple(proofs),
            trouble=trouble,
            partial=partial,
            split_is_off=fold.split_is_off(state),
            samples=fold.samples(state),
        )

    def to_json(self) -> str:
        """Everything the monitor remembers, as JSON; a few kilobytes a metric."""
        saved = {
            "schema": SCHEMA,
            "library_version": __version__,
            "policy_digest": self.policy.digest,
            "rollout": self.rollout,
            "share": self.share,
            "diary": pack(self._diary),
            "metrics": {
                name: {"kind": str(fold.kind), "state": pack(state)}
                for name, (fold, state) in self._folds.items()
            },
        }
        return json.dumps(saved, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, policy: Policy) -> Self:
        """The monitor that `to_json` saved, under the same policy.

        Raises
        ------
        InputError
            If the text is not a saved monitor, or was saved under another policy.
        """
        try:
            saved = json.loads(text)
        except ValueError as error:
            msg = f"this is not a saved monitor: {error}"
            raise InputError(msg) from error
        if not isinstance(saved, dict) or saved.get("schema") != SCHEMA:
            msg = f"this is not a saved monitor of schema {SCHEMA!r}"
            raise InputError(msg)
        if saved.get("policy_digest") != policy.digest:
            msg = (
                f"the monitor was saved under a policy of digest {saved.get('policy_digest')}; "
                f"{policy.name!r} has {policy.digest}"
            )
            raise InputError(msg)
        monitor = cls(policy, share=saved.get("share"), rollout=str(saved.get("rollout", "")))
        monitor._diary = unpack(Diary, saved.get("diary"), "diary")
        for name, entry in _entries(saved):
            setting = monitor._settings.get(name)
            if setting is None:
                msg = f"metrics.{name}: the policy {policy.name!r} has no such metric"
                raise InputError(msg)
            monitor._folds[name] = restore(setting, entry["kind"], entry["state"])
        return monitor

    def __repr__(self) -> str:
        return f"Monitor under {self.policy.name!r}: {self._diary.ticks} ticks judged."


def judge(
    pairs: Iterable[Pair],
    policy: Policy,
    *,
    share: ArrayLike | None = None,
    rollout: str = "",
) -> Verdict:
    """Judge whole windows at one look.

    Parameters
    ----------
    pairs
        One pair a metric.
    policy
        What is watched and how strictly.
    share
        The canary's designed share of the traffic, between 0 and 1: a number, or one per tick.
    rollout
        The caller's name for the rollout.

    Raises
    ------
    InputError
        If the pairs do not fit the policy or each other.
    """
    given = np.asarray(share, dtype=np.float64) if share is not None else None
    if given is not None and given.ndim:
        return Monitor(policy, rollout=rollout).observe(pairs, share=given)
    constant = None if given is None else float(given)
    return Monitor(policy, share=constant, rollout=rollout).observe(pairs)


def _tick_of(
    intake: Intake, name: str, i: int, at: float, share: float | None, comparing: bool
) -> Tick:
    pair = intake.pairs.get(name)
    row = -1 if pair is None else int(intake.rows[name][i])
    if pair is None or row < 0:
        missing = np.full(2, np.nan)
        return Tick(at, missing, None, None, share, comparing)
    limit = pair.limit
    return Tick(
        at,
        pair.canary[row],
        None if pair.baseline is None else pair.baseline[row],
        None if limit is None else limit[row if len(limit) > 1 else 0],
        share,
        comparing,
    )


def _mix_in(digest: hashlib._Hash, name: str, tick: Tick) -> None:
    digest.update(name.encode())
    for side in (tick.canary, tick.baseline, tick.limit):
        digest.update(b"-" if side is None else side.tobytes())


def _harm(
    metric: Metric, evidence: list[Evidence], at: float | None, onset: float | None
) -> Firing:
    """The metric's own test having rejected, with the figures of what it found."""
    found = [e for e in evidence if e.question is Question.WORSE and e.observed is not None]
    figures, observed, reference = "", None, None
    if found and found[0].reference is not None:
        observed, reference = found[0].observed, found[0].reference
        figures = f" ({observed:.4g} against {reference:.4g})"
    return Firing(
        trigger="harm",
        metric=metric.name,
        way=Way.DECISIVE,
        action="report" if metric.dry_run else "rollback",
        at=at,
        onset=onset,
        observed=observed,
        reference=reference,
        reason=f"{metric.name} is shown to be worse than the baseline beyond its margin{figures}",
    )


def _absent(metric: Metric) -> Evidence:
    return Evidence(
        metric=metric.name, method="presence", question=Question.LEVEL, status=Status.NO_DATA
    )


def _proofs_at_one_look(metric: Metric, found: list[Evidence]) -> list[Proof]:
    fine = [e for e in found if e.question is Question.NOT_WORSE]
    detail = ", ".join(f"p {e.p_value:.3g}" for e in fine if e.p_value is not None)
    return [Proof(f"{metric.name} not worse", all(e.decides for e in fine), detail or "no data")]


def _entries(saved: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    metrics = saved.get("metrics")
    if not isinstance(metrics, dict):
        msg = "metrics: this is not a saved monitor"
        raise InputError(msg)
    for name, entry in metrics.items():
        if not isinstance(entry, dict) or set(entry) != {"kind", "state"}:
            msg = f"metrics.{name}: this is not a saved metric"
            raise InputError(msg)
    return list(metrics.items())
