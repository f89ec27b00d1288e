"""A monitor repeats the judgement over time: ticks in, a verdict out, a small state in between.

Ticks fed one by one, in batches or all at once give the same verdict, and so does a monitor that
was saved and restored in between. `judge` is one `observe` of everything.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question
from canarystats.folds import HistogramFold, SamplesFold, TickFold, fold_for, one_look, settling
from canarystats.folds.bank import TestedFold, banks
from canarystats.folds.contradiction import contradicted
from canarystats.folds.findings import absent, harm_firing, no_data_firing, proofs_at_one_look
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.folds.setting import Setting
from canarystats.intake import (
    Intake,
    Moment,
    fingerprint,
    require_policy,
    take_in,
    take_in_history,
)
from canarystats.judge import decide
from canarystats.memory import Diary, Memory, recall, span_of, write_down
from canarystats.version import __version__
from canarystats.views import Course, MetricView
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from canarystats.folds import AnyFold
    from canarystats.folds.bank import Bank
    from canarystats.folds.setting import Tick
    from canarystats.memory import Before
    from canarystats.policy import Metric, Policy
    from canarystats.verdict import Firing, Verdict

PARTIAL = "partial_response"
PATIENCE_INTERVALS = 2.0


class Monitor:
    """Judge a rollout again and again as its data comes in.

    Parameters
    ----------
    policy
        What is watched and how strictly.
    share
        The canary's designed share of the traffic, between 0 and 1; where None, the policy's. With
        neither, throughput and the traffic split are not judged.
    rollout
        The caller's name for the rollout; replicas that use the same name reach the same
        decision id.
    history
        One pair a metric from before the rollout, when nothing was on trial: both sides ran the
        old version, or ``canary`` holds the old version alone and there is no ``baseline``. It
        sets what ordinary noise is; a metric without history uses the methods that need none.

    Raises
    ------
    InputError
        If the share is not a number between 0 and 1, or the history does not fit the policy.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        share: float | None = None,
        rollout: str = "",
        history: Iterable[Pair] = (),
    ) -> None:
        require_policy(policy)
        share = policy.designed_share if share is None else share
        take_in((), policy, share, None)
        self.policy = policy
        self.share = share
        self.rollout = rollout
        self._policy_digest = policy.digest
        self._diary = Diary()
        self._settings = {m.name: Setting(policy, m) for m in policy.metrics}
        live = [m.name for m in policy.metrics if not m.dry_run]
        self._live = live or [m.name for m in policy.metrics]
        self._folds: dict[str, tuple[AnyFold, Any]] = {}
        self._learn(take_in_history(history, policy))

    def _learn(self, history: dict[str, Pair]) -> None:
        digest = hashlib.sha256()
        before = {}
        for name, pair in history.items():
            digest.update(fingerprint(pair))
            before[name] = span_of(pair)
            fold = fold_for(self._settings[name], pair)
            self._folds[name] = fold, fold.begin(pair)
        if before:
            self._diary = Diary(before=before, digest=digest.hexdigest()[:32])

    @property
    def last_tick(self) -> float | None:
        """Unix seconds of the last tick judged; None before the first."""
        return self._diary.last

    @property
    def history(self) -> dict[str, Before]:
        """What was known of each metric before the rollout; empty without a history."""
        return dict(self._diary.before)

    @property
    def upper_bounds(self) -> dict[str, tuple[float, ...]]:
        """The bucket bounds each histogram or its history began with, by metric."""
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
        if self._diary.last is None and intake.times.size:
            self._diary.refuse_late_history(float(intake.times[0]))
        for name, pair in intake.pairs.items():
            self._admit(name, pair)
        alike = banks({name: fold for name, (fold, _) in self._folds.items()}, intake.pairs)
        for bank in alike:
            bank.begin([self._folds[name][1] for name in bank.names])
        for i, at in enumerate(intake.times.tolist()):
            self._tick(intake, i, at, alike)
        for bank in alike:
            self._folds |= {name: self._apart(name) for name in bank.names}
        for name in sorted(intake.pairs):
            pair = intake.pairs[name]
            if pair.kind is Kind.SAMPLES:
                self._look_at_samples(name, pair)
            elif pair.kind is Kind.GAUGE and self.policy.looks == "one":
                self._look_once(name, pair)
        notes = self._diary.notes | {name: pair.notes for name, pair in intake.pairs.items()}
        self._diary = replace(self._diary, looks=self._diary.looks + 1, notes=notes)

    def _apart(self, name: str) -> tuple[AnyFold, Any]:
        fold, state = self._folds[name]
        return fold, fold.apart(state) if isinstance(fold, TestedFold) else state

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
                began = "its history is" if name in self._diary.before else "the rollout began with"
                msg = f"metric {name!r} is given as {pair.kind}; {began} {fold.kind}"
                raise InputError(msg)
            if isinstance(fold, HistogramFold) and pair.upper_bounds is not None:
                fold.check(pair.upper_bounds)

    def _tick(self, intake: Intake, i: int, at: float, alike: list[Bank]) -> None:
        alive = self._diary.alive
        if alive is None and intake.on_canary(self._live, i):
            alive = at
        share = None if intake.shares is None else float(intake.shares[i])
        past = at - (at if alive is None else alive) - self.policy.warm_up
        moment = Moment(at, share, comparing=past >= 0, baked=self.policy.baked(past))
        digest = hashlib.sha256(f"{self._diary.digest}|{at!r}|{share!r}".encode())
        firings: list[Firing] = []
        ticks = {name: intake.tick(name, i, moment) for name in self._folds}
        ticks, settled = settling.followed(self._diary.settling, self._folds, ticks, alive)
        stepped: dict[str, Tick] = {}
        for bank in alike:
            rows = bank.step([ticks[name] for name in bank.names])
            stepped |= zip(bank.names, rows, strict=True)
        for name in sorted(self._folds):
            fold, state = self._folds[name]
            if not isinstance(fold, TickFold):
                continue
            tick = stepped.get(name) or ticks[name]
            state = fold.step(state, tick)
            self._folds[name] = fold, state
            digest.update(intake.fingerprint(name, tick))
            firings += fold.firings(state, at)
        self._diary = self._diary.tick(
            at,
            share,
            alive=alive,
            suppressed=any(w.covers(at, self.policy.interval) for w in self.policy.suppressions),
            digest=digest.hexdigest()[:32],
            settling=settled,
        )
        fired = contradicted(firings, self._folds) + self._firings_without_data(at)
        self._diary = self._diary.noted(fired)

    def _firings_without_data(self, at: float) -> list[Firing]:
        if self.policy.on_no_data != "rollback":
            return []
        found = []
        for metric in self.policy.metrics:
            trouble = self._trouble(metric, patient=True)
            if metric.required and not metric.dry_run and trouble:
                found.append(no_data_firing(metric, trouble, at))
        return found

    def _look_at_samples(self, name: str, pair: Pair) -> None:
        fold, state = self._folds[name]
        if not isinstance(fold, SamplesFold):
            return
        state = fold.observe(state, pair)
        self._folds[name] = fold, state
        sizes = f"{len(pair.canary)}|{0 if pair.baseline is None else len(pair.baseline)}"
        digest = hashlib.sha256(f"{self._diary.digest}|{name}|{sizes}".encode())
        for side in (pair.canary, pair.baseline):
            digest.update(b"" if side is None else side.tobytes())
        self._diary = replace(self._diary, digest=digest.hexdigest()[:32])
        firings = fold.firings(state, self._diary.last)
        if fold.harm(state)[0]:
            metric = self._settings[name].metric
            firings.append(harm_firing(metric, fold.evidence(state), self._diary.last, None))
        self._diary = self._diary.noted(firings)

    def _look_once(self, name: str, pair: Pair) -> None:
        setting = self._settings[name]
        if not setting.metric.compare:
            return
        found = one_look.shift(setting, setting.watched(pair))
        once = self._diary.once | {name: tuple(e.model_dump_json() for e in found)}
        self._diary = replace(self._diary, once=once)
        worse = [e for e in found if e.question is Question.WORSE and e.decides]
        if worse and setting.metric.critical:
            fired = harm_firing(setting.metric, found, self._diary.last, None)
            self._diary = self._diary.noted([fired])

    def _trouble(self, metric: Metric, *, patient: bool = False) -> str:
        diary = self._diary
        patience = PATIENCE_INTERVALS * self.policy.interval
        at = diary.started if diary.last is None else diary.last
        young = at is None or diary.started is None or at - diary.started <= patience
        if patient and young:
            return ""
        held = self._folds.get(metric.name)
        if held is None:
            return "no data on the canary"
        fold, state = held
        return fold.trouble(state, 0.0 if at is None else at, patience)

    def _verdict(self) -> Verdict:
        diary = self._diary
        each = sorted(self._folds.items())
        now = [f for _, (fold, state) in each for f in fold.firings(state, diary.last)]
        course = Course(
            rollout=self.rollout,
            started=diary.started,
            alive=diary.alive,
            at=diary.last,
            ticks=diary.ticks,
            suppressed=diary.suppressed,
            share=diary.share,
            firings=diary.fired,
            firing_now=tuple(contradicted(now, self._folds)),
            policy_digest=self._policy_digest,
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
            return MetricView(metric, (absent(metric),), unread, trouble=trouble)
        fold, state = held
        before = self._diary.before.get(metric.name)
        evidence, proofs = fold.evidence(state), fold.proofs(state)
        once = [Evidence.model_validate_json(t) for t in self._diary.once.get(metric.name, ())]
        if once:
            evidence, proofs = once, [*proofs_at_one_look(metric, once), *proofs[1:]]
        past = () if before is None else (str(before),)
        suppressed = fold.suppressed(state)
        begun = self._diary.settling.get(metric.name)
        said = (*notes, *past, *([suppressed] if suppressed else ()))
        said += settling.told(begun, self._diary.alive)
        if said:
            evidence = [e.model_copy(update={"seen": (*e.seen, *said)}) for e in evidence]
        return MetricView(
            metric,
            evidence=tuple(evidence),
            readings=tuple(fold.readings(state)),
            proofs=tuple(proofs),
            trouble=trouble,
            partial=partial,
            split_is_off=fold.split_is_off(state),
            beside=tuple(fold.beside(state)),
            moved=fold.moved(state, self._diary.last or 0.0),
            silenced=tuple(fold.silenced(state, self._diary.last or 0.0))
            + settling.waits(begun, self._settings[metric.name]),
            samples=fold.samples(state),
        )

    def to_json(self) -> str:
        """Everything the monitor remembers, as JSON; a few kilobytes a metric."""
        return write_down(Memory(self.share, self.rollout, self._diary, self._folds), self.policy)

    @classmethod
    def from_json(cls, text: str, policy: Policy) -> Self:
        """The monitor that `to_json` saved, under the same policy.

        Raises
        ------
        InputError
            If the text is not a saved monitor, or was saved under another policy.
        """
        memory = recall(text, policy)
        monitor = cls(policy, share=memory.share, rollout=memory.rollout)
        monitor._diary, monitor._folds = memory.diary, memory.folds
        return monitor

    def __repr__(self) -> str:
        return f"Monitor under {self.policy.name!r}: {self._diary.ticks} ticks judged."


def judge(
    pairs: Iterable[Pair],
    policy: Policy,
    *,
    share: ArrayLike | None = None,
    rollout: str = "",
    history: Iterable[Pair] = (),
) -> Verdict:
    """Judge whole windows at one look.

    Parameters
    ----------
    pairs
        One pair a metric.
    policy
        What is watched and how strictly.
    share
        The canary's designed share of the traffic, a number or one per tick; None: the policy's.
    rollout
        The caller's name for the rollout.
    history
        One pair a metric from before the rollout; see `Monitor`.

    Raises
    ------
    InputError
        If the pairs or the history do not fit the policy or each other.
    """
    return Monitor(policy, rollout=rollout, history=history).observe(pairs, share=share)
