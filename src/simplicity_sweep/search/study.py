"""The trials of a search, kept so that a killed one goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from simplicity_sweep.config import ConfigError
from simplicity_sweep.search.goals import Goals, Metrics
from simplicity_sweep.search.pruner import Rival
from simplicity_sweep.search.sampler import Sampler, constrained
from simplicity_sweep.search.space import Space
from simplicity_sweep.search.trial import (
    JOB,
    KNOWN_TO,
    METRICS,
    NOTES,
    PLACE,
    SAME_AS,
    SEARCH,
    SOURCE,
    Course,
    Known,
    Trial,
    described,
    rival_of,
    trial_of,
)

_DEFINITION = "definition"  # of the study
_SEED = "seed"
_FIRST = "first guesses of "
_GUESSED = "fixed_params"  # Optuna's mark of an enqueued trial


class Study:
    """An Optuna study as the record of a search: what was tried, what is being tried, and the results.

    What to try next is found in a copy in memory, made anew for each batch. There limits that are counted from the best
    setting are counted from the best one so far, which a finished trial in a storage would not follow.

    Args:
        record: Optuna's study.
        search: the sweep's name; a study may hold trials of several.
        space: what may be tried.
        goals: what counts.
        sampler: what chooses.
    """

    def __init__(self, record: optuna.Study, search: str, space: Space, goals: Goals, sampler: Sampler) -> None:
        self._record = record
        self._search = search
        self._space = space
        self._goals = goals
        self._sampler = sampler
        self._metrics: dict[int, Metrics] = {
            trial.number: trial.user_attrs[METRICS] for trial in self._all() if trial.user_attrs.get(KNOWN_TO) == search
        }

    @classmethod
    def opened(cls, storage: Any, name: str | None, search: str, space: Space, goals: Goals, sampler: Sampler) -> Study:
        """The study of this name, made if need be.

        Args:
            storage: Optuna's, or its address.
            name: the study's; by default the search's.
            search: the sweep's name.
            space: what may be tried.
            goals: what counts.
            sampler: what chooses.

        Raises:
            ConfigError: the study is about something else.
        """
        record = optuna.create_study(
            storage=storage,
            study_name=name or search,
            directions=list(goals.objectives.values()),
            sampler=optuna.samplers.RandomSampler(seed=0),  # never asked
            load_if_exists=True,
        )
        definition = {"space": space.described(), "objectives": dict(goals.objectives)}
        before = record.user_attrs.get(_DEFINITION, definition)
        if before != definition or [one.name.lower() for one in record.directions] != [*goals.objectives.values()]:
            raise ConfigError(
                f"The study {record.study_name!r} looks for {before['objectives']} in {before['space']}; this command "
                f"for {definition['objectives']} in {definition['space']}. Give the same overrides again, or choose "
                "another hydra.sweeper.study_name."
            )
        record.set_user_attr(_DEFINITION, definition)
        if _SEED not in record.user_attrs:
            record.set_user_attr(_SEED, _drawn() if sampler.seed is None else sampler.seed)
        return cls(record, search, space, goals, sampler)

    @property
    def name(self) -> str:
        """The study's."""
        return str(self._record.study_name)

    @property
    def is_prepared(self) -> bool:
        """Whether `prepare` was called for this search, in this process or an earlier one."""
        return _FIRST + self._search in self._record.user_attrs

    def prepare(self, known: Sequence[Known] = (), guesses: Sequence[Mapping[str, Any]] = ()) -> None:
        """What there is before the first trial; it may have been cut off before.

        Args:
            known: results that count as trials.
            guesses: settings to begin with.
        """
        there = {trial.user_attrs.get(SOURCE) for trial in self._all()}
        for one in known:
            values = self._goals.values(one.metrics)
            if values is not None and one.source not in there:
                asked = self._asked(self._thinking(), one.params, len(self._all()))
                attrs = {SOURCE: one.source, KNOWN_TO: self._search, METRICS: dict(one.metrics)}
                number = self._add(asked, attrs, TrialState.COMPLETE, values)
                self._metrics[number] = one.metrics
        self._record.set_user_attr(_FIRST + self._search, [dict(guess) for guess in guesses])

    def trials(self) -> list[Trial]:
        """Those of this search, in their order."""
        found = [trial_of(trial) for trial in self._all() if trial.user_attrs.get(SEARCH) == self._search]
        return sorted(found, key=lambda trial: trial.place)

    def values_of(self, trial: Trial) -> list[float] | None:
        """The objectives' values; None for one that failed or is open."""
        found: list[float] | None = self._all()[trial.number].values
        return found

    def batch(self, size: int, most: int) -> list[Trial]:
        """The trials to be run next: the open ones of a batch that was cut off, and new ones.

        Args:
            size: how many settings are tried at once.
            most: how many trials the search may have.
        """
        mine = self.trials()
        waiting = [trial for trial in mine if trial.open]
        begun = waiting[0].place if waiting else len(mine)
        end = min((begun // size + 1) * size, most)
        if end > len(mine):
            study = self._thinking()
            for place in range(len(mine), end):
                self._begin(study, place)
        return [trial for trial in self.trials() if trial.open]

    def rivals(self, batch: Sequence[Trial], size: int) -> list[Rival]:
        """What a pruner compares the trials of a batch with: all before it, in the order of their numbers.

        One that failed, is open elsewhere or breaks a limit says nothing: it might be the best in the objective alone.

        Args:
            batch: open trials of one batch.
            size: how many settings are tried at once.
        """
        start = batch[0].place // size * size
        first = min(trial.number for trial in self.trials() if trial.place >= start)
        before = self._all()[:first]
        broken = self._violations(before)
        return [rival_of(trial, broken.get(trial.number)) for trial in before]

    def result(self, trial: Trial, metrics: Metrics | None, course: Course | None = None) -> bool:
        """Whether the trial has a result now, as a whole or pruned: its figures are there, and the objectives among
        them finite.

        Args:
            trial: an open one.
            metrics: its figures, None if one of its jobs failed.
            course: how its run went, where there is a pruner.
        """
        values = None if metrics is None else self._goals.values(metrics)
        if metrics is None or values is None:
            self._record.tell(trial.number, state=TrialState.FAIL)
            return False
        self._metrics[trial.number] = metrics
        if course is not None:
            self._follow(trial, course)
        if course is not None and course.pruned:
            self._record.tell(trial.number, state=TrialState.PRUNED)
        else:
            self._record.tell(trial.number, values)
        return True

    def repeat(self, trial: Trial) -> bool:
        """Whether an open trial has a result now: that of the one that had the same setting."""
        if trial.same_as is None:
            return self.result(trial, None)
        same = self._all()[trial.same_as]
        course = Course(same.intermediate_values, same.user_attrs.get(NOTES, {}), same.state is TrialState.PRUNED)
        return self.result(trial, self._metrics.get(same.number), course)

    def remember(self, trial: Trial, metrics: Metrics | None) -> None:
        """Takes the figures of a trial that has ended in an earlier process; trials are remembered in their order.

        Args:
            trial: which.
            metrics: its figures; None if it has none of its own.
        """
        known = metrics if trial.same_as is None else self._metrics.get(trial.same_as)
        if known is not None:
            self._metrics[trial.number] = known

    def described(self) -> list[dict[str, Any]]:
        """What became of each trial so far, by their numbers: see `report.search.trials.Trial`; of another search's
        open ones nothing is known."""
        trials = [trial for trial in self._all() if self._matters(trial)]
        broken = self._violations(trials)
        return [described(trial, broken.get(trial.number, ())) for trial in trials]

    def best(self) -> list[tuple[dict[str, Any], list[float]]]:
        """Settings and values of the best trial, or of the Pareto front; none where no trial keeps the limits."""
        trials = self._judged()
        study = optuna.create_study(directions=list(self._goals.objectives.values()))
        study.add_trials(trials)
        found = study.best_trials
        return [(dict(trial.params), list(trial.values)) for trial in found]

    def _follow(self, trial: Trial, course: Course) -> None:
        """Records how a trial's run went; a part of it may be there from before a cut."""
        stored = self._all()[trial.number]
        live = optuna.trial.Trial(self._record, stored._trial_id)
        live.set_user_attr(NOTES, dict(course.notes))
        for epochs in sorted(course.curve.keys() - stored.intermediate_values.keys()):
            live.report(course.curve[epochs], epochs)

    def _begin(self, study: optuna.Study, place: int) -> None:
        guesses = self._record.user_attrs[_FIRST + self._search]
        asked = self._asked(study, guesses[place] if place < len(guesses) else None, place)
        mine = self.trials()
        equal = next((one for one in self._all() if one.params == asked.params and self._counts(one)), None)
        jobs = [trial.job for trial in mine if trial.job is not None]
        where: dict[str, Any] = {SEARCH: self._search, PLACE: place}
        if equal is not None:
            where[SAME_AS] = equal.number
        else:
            where[JOB] = jobs[-1] + len(self._space.replicates) if jobs else 0
        self._add(asked, where, TrialState.RUNNING)

    def _counts(self, trial: FrozenTrial) -> bool:
        """Whether an equal setting needs no run of its own: this one is finished, or will be."""
        own = trial.user_attrs.get(SEARCH) == self._search
        known = trial.number in self._metrics
        return (trial.state is TrialState.COMPLETE and known) or (
            own and trial.state in (TrialState.RUNNING, TrialState.PRUNED)
        )

    def _asked(self, study: optuna.Study, guess: Mapping[str, Any] | None, place: int) -> FrozenTrial:
        """A new trial of the copy in memory, whose setting is the guess, or chosen."""
        study.sampler = self._sampler.build(int(self._record.user_attrs[_SEED]), place)
        if guess is not None:
            study.enqueue_trial(dict(guess))
        study.ask(dict(self._space.distributions))
        return study.get_trials(deepcopy=False)[-1]

    def _add(
        self, asked: FrozenTrial, attrs: Mapping[str, Any], state: TrialState, values: Sequence[float] | None = None
    ) -> int:
        """The number of a trial in the record; it is there whole or not at all."""
        notes = {key: value for key, value in asked.system_attrs.items() if key != _GUESSED}
        self._record.add_trial(
            create_trial(
                state=state,
                values=values,
                params=asked.params,
                distributions=asked.distributions,
                user_attrs=dict(attrs),
                system_attrs=notes,
            )
        )
        return self._all()[-1].number

    def _thinking(self) -> optuna.Study:
        """A copy in memory, in which the next trials are found."""
        study = optuna.create_study(directions=list(self._goals.objectives.values()))
        study.add_trials(self._judged())
        return study

    def _judged(self) -> list[FrozenTrial]:
        """The trials with what each lacks to the limits, as far as it is known by now."""
        trials = [trial for trial in self._all() if self._matters(trial)]
        by_number = self._violations(trials)
        return [
            create_trial(
                state=trial.state,
                values=trial.values,
                params=trial.params,
                distributions=trial.distributions,
                intermediate_values=trial.intermediate_values,
                system_attrs=trial.system_attrs
                | (constrained(by_number[trial.number]) if trial.number in by_number else {}),
            )
            for trial in trials
        ]

    def _violations(self, trials: Sequence[FrozenTrial]) -> dict[int, list[float]]:
        """By the number of each of these trials whose figures are known, by how much it breaks each limit."""
        found = [trial.number for trial in trials if trial.number in self._metrics]
        violations = self._goals.violations([self._metrics[number] for number in found])
        return dict(zip(found, violations, strict=True))

    def _matters(self, trial: FrozenTrial) -> bool:
        """Whether it is finished, or being run by this search: who knows what became of another one's."""
        return trial.state.is_finished() or (
            trial.state is TrialState.RUNNING and trial.user_attrs.get(SEARCH) == self._search
        )

    def _all(self) -> list[FrozenTrial]:
        return self._record.get_trials(deepcopy=False)


def _drawn() -> int:
    import secrets

    return secrets.randbits(32)
